"""Scores of nodes by the watts that a placement adds."""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, IntArray, IntTable
from bayplan.kernels.choose import choose_best_fit
from bayplan.kernels.fit import MAX_SLOTS

GPU_W, PACKAGE_W, PACKAGE_MILLI = range(3)


@kernel
def score_power(
    rows: IntArray,
    cpu: int,
    count: int,
    needs: IntTable,
    watts: IntTable,
    scale_w: float,
    cpu_milli: IntArray,
    cpu_free_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_gpu: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    slot_used: IntArray,
    out: FloatArray,
) -> None:
    """Write 100 × (1 - watts added / ``scale_w``) for each of ``rows`` into ``out`` (n_nodes,).

    ``watts`` (3, n_kinds + 1), whose last column is for nodes without GPUs, has by row:
    ``GPU_W``, full minus idle of a GPU; ``PACKAGE_W``, the same of a CPU package;
    ``PACKAGE_MILLI``, its millicores. A GPU draws its full watts as soon as something is on it, a
    package as soon as it is needed for the CPU in use. The slots are those that best fit chooses.
    """
    chosen = np.empty(MAX_SLOTS, np.int64)
    for i in range(rows.size):
        row = rows[i]
        start = slot_start[row]
        n_slots = slot_count[row]
        column = watts.shape[1] - 1
        if n_slots > 0:
            column = slot_kind[start]
        package = watts[PACKAGE_MILLI, column]
        used = cpu_milli[row] - cpu_free_milli[row]
        opened = (used + cpu + package - 1) // package - (used + package - 1) // package
        added = opened * watts[PACKAGE_W, column]
        if count > 0:
            choose_best_fit(
                start, n_slots, count, needs,
                slot_kind, slot_free_milli, slot_free_mib, slot_able, chosen,
            )  # fmt: skip
        for k in range(count):
            gpu = slot_gpu[start + chosen[k]]
            woken = True
            for slot in range(start, start + n_slots):
                if slot_gpu[slot] == gpu and slot_used[slot] != 0:
                    woken = False
            for j in range(k):
                if slot_gpu[start + chosen[j]] == gpu:
                    woken = False
            if woken:
                added += watts[GPU_W, slot_kind[start + chosen[k]]]
        out[row] = 100.0 * (1.0 - added / scale_w)
