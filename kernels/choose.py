"""Which slots of a node a request takes: indices on the node, in the stated order.

``start`` is the node's first slot in the flat arrays, ``n_slots`` how many it has; ``count`` are
wanted, each with what it needs by kind (see ``fit``). A slot that may hold several of them counts
several times. Each returns how many were found and written to ``out`` (at least ``count`` long);
fewer than ``count`` means that the request does not fit.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import IntArray, IntTable, Key
from bayplan.kernels.fit import MIB, MILLI, MOST, NIBBLE, SHIFT
from bayplan.kernels.hashing import mix

_NONE = -1


@kernel
def choose_first(
    start: int,
    n_slots: int,
    count: int,
    needs: IntTable,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> int:
    """Take the lowest indices that fit."""
    found = 0
    for i in range(n_slots):
        kind = slot_kind[start + i]
        if slot_free_milli[start + i] < needs[MILLI, kind]:
            continue
        if slot_free_mib[start + i] < needs[MIB, kind]:
            continue
        times = min((slot_able[start + i] >> needs[SHIFT, kind]) & NIBBLE, needs[MOST, kind])
        while times > 0 and found < count:
            out[found] = i
            found += 1
            times -= 1
    return found


@kernel
def choose_best_fit(
    start: int,
    n_slots: int,
    count: int,
    needs: IntTable,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> int:
    """Take the slots with the least free milli that fit; the lowest index among equals."""
    found = 0
    last_free = _NONE
    last = _NONE
    while found < count:
        best = _NONE
        times = 0
        for i in range(n_slots):
            kind = slot_kind[start + i]
            free = slot_free_milli[start + i]
            if free < needs[MILLI, kind] or slot_free_mib[start + i] < needs[MIB, kind]:
                continue
            # In order of (free, index): what comes after the one taken last, and is least.
            if free < last_free or (free == last_free and i <= last):
                continue
            left = min((slot_able[start + i] >> needs[SHIFT, kind]) & NIBBLE, needs[MOST, kind])
            if left > 0 and (best == _NONE or free < slot_free_milli[start + best]):
                best = i
                times = left
        if best == _NONE:
            break
        while times > 0 and found < count:
            out[found] = best
            found += 1
            times -= 1
        last = best
        last_free = slot_free_milli[start + best]
    return found


@kernel
def choose_worst_fit(
    start: int,
    n_slots: int,
    count: int,
    needs: IntTable,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> int:
    """Take the slots with the most free milli that fit; the lowest index among equals."""
    found = 0
    while found < count:
        best = _NONE
        times = 0
        for i in range(n_slots):
            kind = slot_kind[start + i]
            free = slot_free_milli[start + i]
            if free < needs[MILLI, kind] or slot_free_mib[start + i] < needs[MIB, kind]:
                continue
            left = min((slot_able[start + i] >> needs[SHIFT, kind]) & NIBBLE, needs[MOST, kind])
            for k in range(found):
                if out[k] == i:
                    left = 0
            if left > 0 and (best == _NONE or free > slot_free_milli[start + best]):
                best = i
                times = left
        if best == _NONE:
            break
        while times > 0 and found < count:
            out[found] = best
            found += 1
            times -= 1
    return found


@kernel
def choose_hashed(
    start: int,
    n_slots: int,
    count: int,
    key: Key,
    needs: IntTable,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> int:
    """Take the slots that fit with the least hash of (key, index): uniform over those that fit."""
    found = 0
    while found < count:
        best = _NONE
        times = 0
        for i in range(n_slots):
            kind = slot_kind[start + i]
            if slot_free_milli[start + i] < needs[MILLI, kind]:
                continue
            if slot_free_mib[start + i] < needs[MIB, kind]:
                continue
            left = min((slot_able[start + i] >> needs[SHIFT, kind]) & NIBBLE, needs[MOST, kind])
            for k in range(found):
                if out[k] == i:
                    left = 0
            if left == 0:
                continue
            if best == _NONE or mix(key, np.uint64(i)) < mix(key, np.uint64(best)):
                best = i
                times = left
        if best == _NONE:
            break
        while times > 0 and found < count:
            out[found] = best
            found += 1
            times -= 1
    return found
