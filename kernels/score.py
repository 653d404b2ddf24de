"""Score columns of the simple placement policies: one float a node, higher is better.

The formulas and the truncation toward zero are those of the FGD paper's baselines (Weng et al.,
USENIX ATC 2023); free values are those before the placement. Arrays as in ``fit``; ``idle_milli``
(n_nodes,) is the free milli-GPU of all slots of a node; ``row_kind`` (n_nodes,) the kind of a
node's slots, -1 where they differ.
"""

from __future__ import annotations

import math

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import CountTable, FloatArray, IntArray, IntTable
from bayplan.kernels.choose import choose_best_fit
from bayplan.kernels.fit import MAX_SLOTS, MILLI, WHOLE


@kernel
def wanted_milli(
    rows: IntArray,
    count: int,
    needs: IntTable,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> None:
    """Write the milli-GPU that a request takes of each of ``rows``, which fit it, by best fit.

    ``out`` is (k,).
    """
    chosen = np.empty(MAX_SLOTS, np.int64)
    for i in range(rows.size):
        start = slot_start[rows[i]]
        choose_best_fit(
            start, slot_count[rows[i]], count, needs,
            slot_kind, slot_free_milli, slot_free_mib, slot_able, chosen,
        )  # fmt: skip
        wanted = 0
        for k in range(count):
            wanted += needs[MILLI, slot_kind[start + chosen[k]]]
        out[i] = wanted


@kernel
def score_best_fit(
    rows: IntArray,
    cpu: int,
    count: int,
    cpu_scale: float,
    gpu_scale: float,
    needs: IntTable,
    cpu_free_milli: IntArray,
    idle_milli: IntArray,
    row_kind: IntArray,
    mixed: IntArray,
    out: FloatArray,
) -> None:
    """100 × (1 - mean of what stays free of CPU and of GPU, each over its scale).

    ``mixed`` is what ``wanted_milli`` writes, (k,), or empty if all slots of any row are alike.
    """
    for i in range(rows.size):
        row = rows[i]
        wanted = 0
        if count > 0:
            alike = row_kind[row]
            wanted = mixed[i] if alike < 0 else count * needs[MILLI, alike]
        left = (
            0.5 * (cpu_free_milli[row] - cpu) / cpu_scale
            + 0.5 * (idle_milli[row] - wanted) / gpu_scale
        )
        out[row] = math.trunc(100.0 * (1.0 - left))


@kernel
def score_dot_product(
    rows: IntArray,
    cpu: int,
    count: int,
    cpu_scale: float,
    gpu_scale: float,
    needs: IntTable,
    cpu_free_milli: IntArray,
    idle_milli: IntArray,
    row_kind: IntArray,
    mixed: IntArray,
    out: FloatArray,
) -> None:
    """100 × (1 - half the dot product of the free and the asked vector (CPU, GPU), scaled)."""
    for i in range(rows.size):
        row = rows[i]
        wanted = 0
        if count > 0:
            alike = row_kind[row]
            wanted = mixed[i] if alike < 0 else count * needs[MILLI, alike]
        product = (cpu_free_milli[row] / cpu_scale) * (cpu / cpu_scale) + (
            idle_milli[row] / gpu_scale
        ) * (wanted / gpu_scale)
        out[row] = math.trunc(100.0 * (1.0 - 0.5 * product))


@kernel
def score_gpu_clustering(
    rows: IntArray,
    gpu_class: int,
    gpu_scale: int,
    gpu_count: IntArray,
    idle_milli: IntArray,
    class_pods: CountTable,
    out: FloatArray,
) -> None:
    """Keep pods of one GPU class together: share, 1 GPU, 2 GPUs, … (``class_pods`` counts them).

    ``class_pods`` : (n_nodes, n_classes), running pods by class; class 0 is a share, k is k GPUs.
    ``gpu_class`` -1: a pod without GPUs, to which all nodes are alike. ``gpu_scale``: the
    milli-GPU of the published experiment's largest node; a node with more is its own scale, so
    that company counts for more than room there too.
    """
    for i in range(rows.size):
        row = rows[i]
        if gpu_class < 0:
            out[row] = 0.0
            continue
        same = gpu_class < class_pods.shape[1] and class_pods[row, gpu_class] > 0
        other = False
        for k in range(class_pods.shape[1]):
            if k != gpu_class and class_pods[row, k] > 0:
                other = True
        scale = max(gpu_scale, WHOLE * gpu_count[row])
        # Oversubscribed GPUs may have more free than they are.
        score = (25 * max(scale - idle_milli[row], 0)) // scale
        if same:
            score += 50 if other else 75
        elif not other:
            score += 25
        out[row] = score


@kernel
def score_gpu_packing(
    rows: IntArray,
    count: int,
    needs: IntTable,
    gpu_count: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_capacity: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: FloatArray,
) -> None:
    """Prefer GPUs in use, then free GPUs of nodes in use, then idle nodes (fewest GPUs first).

    The published formula; an idle node scores at most 32, less than any node in use, also where
    it has more than 32 GPUs. ``slot_capacity`` (n_slots,) is the milli-GPU of an unused slot.
    """
    chosen = np.empty(MAX_SLOTS, np.int64)
    for i in range(rows.size):
        row = rows[i]
        if count == 0:
            out[row] = 0.0
            continue
        start = slot_start[row]
        n_slots = slot_count[row]
        untouched = 0
        for slot in range(start, start + n_slots):
            if slot_free_milli[slot] == slot_capacity[slot]:
                untouched += 1
        if untouched == n_slots:
            out[row] = min(max(33 - gpu_count[row], gpu_count[row]), 32)
            continue
        choose_best_fit(
            start, n_slots, count, needs,
            slot_kind, slot_free_milli, slot_free_mib, slot_able, chosen,
        )  # fmt: skip
        fresh = 0
        percent = 0
        for k in range(count):
            slot = start + chosen[k]
            percent += slot_free_milli[slot] * 100 // slot_capacity[slot]
            if slot_free_milli[slot] == slot_capacity[slot]:
                fresh += 1
        out[row] = max(50 - fresh, 33) if fresh > 0 else max(100 - percent // 10, 50)
