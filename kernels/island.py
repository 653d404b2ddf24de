"""Whether the GPUs of a request find room in one island of a node: GPUs that NVLink joins.

Shapes and units are those of ``fit``. An island of a node is ``island`` GPUs with consecutive
indices, the first from 0 on; 0 says that the node has none. ``slot_gpu`` (n_slots,) is the index
of the slot's GPU on its node, ascending over the slots of a node.
"""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import CodeArray, FloatArray, IntArray, IntTable
from bayplan.kernels.fit import CODE, FITS, GPU_UNHEALTHY, MIB, MILLI, MOST, NIBBLE, SHIFT

TOPOLOGY = 15
ISLAND_FREE = 31
ANY = -1
_NOWHERE = -1
_NO_SCORE = float("-inf")


@kernel
def refit_islands(
    rows: IntArray,
    number: int,
    count: int,
    needs: IntTable,
    island: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_gpu: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    codes: CodeArray,
    scores: FloatArray,
    fitting: IntArray,
) -> int:
    """Refuse rows that fit, and no island of which does: to be called after ``fit.refit``.

    ``number`` is the only island that counts, or ``ANY``. ``TOPOLOGY`` where none is ever large
    enough, unless a reason before it stands in ``codes`` (n_nodes,), and ``GPU_UNHEALTHY`` where
    one would be but for GPUs that take no new pods; ``ISLAND_FREE`` where one is and too little of
    it is free. ``scores`` and ``fitting`` as in ``refit``. Returns how many of
    ``rows`` fit.
    """
    n = 0
    for i in range(rows.size):
        row = rows[i]
        code = codes[row]
        if code == FITS or code > TOPOLOGY:
            most_sound = 0
            most_usable = 0
            most_having = 0
            sound = 0
            usable = 0
            having = 0
            now = _NOWHERE
            start = slot_start[row]
            stop = start + slot_count[row] if island[row] > 0 else start
            for slot in range(start, stop):
                here = slot_gpu[slot] // island[row]
                if here != now:
                    now = here
                    sound = 0
                    usable = 0
                    having = 0
                kind = slot_kind[slot]
                if number >= 0 and here != number:
                    continue
                most = needs[MOST, kind]
                if needs[CODE, kind] == FITS or needs[CODE, kind] == GPU_UNHEALTHY:
                    sound += most
                    most_sound = max(most_sound, sound)
                if needs[CODE, kind] != FITS:
                    continue
                usable += most
                most_usable = max(most_usable, usable)
                milli = needs[MILLI, kind]
                if slot_free_milli[slot] < milli or slot_free_mib[slot] < needs[MIB, kind]:
                    continue
                if most > 1:
                    most = min(most, slot_free_milli[slot] // milli)
                having += min((slot_able[slot] >> needs[SHIFT, kind]) & NIBBLE, most)
                most_having = max(most_having, having)
            if most_usable < count:
                code = GPU_UNHEALTHY if most_sound >= count else TOPOLOGY
            elif most_having < count and code == FITS:
                code = ISLAND_FREE
            codes[row] = code
        if code == FITS:
            fitting[n] = row
            n += 1
        else:
            scores[row] = _NO_SCORE
    return n
