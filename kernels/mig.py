"""Scores of nodes for a new tenant by how good a place its best slot is."""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, FloatTable, IntArray, IntTable
from bayplan.kernels.fit import MIB, MILLI, NIBBLE, PLACE, SHIFT, WHOLE


@kernel
def score_places(
    rows: IntArray,
    needs: IntTable,
    gains: FloatTable,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    slot_used: IntArray,
    out: FloatArray,
    best_slot: IntArray,
) -> None:
    """Write the gain of the best place on each of ``rows``, all of which fit, into ``out``.

    ``gains`` (n_profiles, n_masks) says how good a mask is for one more of a profile (row
    ``PLACE`` of ``needs``); a slot without masks is as good as little of it stays free, in GPUs.
    The index of the slot, the lowest among equals, goes into ``best_slot`` (n_nodes,). ``out``
    is (n_nodes,).
    """
    for i in range(rows.size):
        row = rows[i]
        start = slot_start[row]
        best = -np.inf
        for k in range(slot_count[row]):
            slot = start + k
            kind = slot_kind[slot]
            if slot_free_milli[slot] < needs[MILLI, kind]:
                continue
            if slot_free_mib[slot] < needs[MIB, kind]:
                continue
            if (slot_able[slot] >> needs[SHIFT, kind]) & NIBBLE == 0:
                continue
            place = needs[PLACE, kind]
            if place >= 0:
                gain = gains[place, slot_used[slot]]
            else:
                gain = (needs[MILLI, kind] - slot_free_milli[slot]) / WHOLE
            if gain > best:
                best = gain
                best_slot[row] = k
        out[row] = best
