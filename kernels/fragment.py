"""Fragmentation of a node under a workload distribution, and the policy that keeps it least.

Fragmentation gradient descent: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing
Workloads with Fragmentation Gradient Descent", USENIX ATC 2023, sections 3 and 4.

A workload distribution is n_classes typical pods: ``class_cpu``, ``class_count``,
``class_milli`` (per GPU) and ``class_weight`` (their shares, float64, sum 1); ``class_allowed``
(n_kinds, n_classes) bool. ``levels`` are the distinct values of ``class_milli`` of the GPU
classes, and ``class_level`` is each class's index among them.

Here all GPUs are ungoverned; ``governed`` has the same for GPUs that are shared in other ways.

Sums are float64 in a fixed order: six partial sums, each in the order of the classes, added up
at the end. The published results depend on it, because scores are truncated to integers.
"""

from __future__ import annotations

import math

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolTable, FloatArray, IntArray, IntTable, ShortArray
from bayplan.kernels.choose import choose_best_fit
from bayplan.kernels.fit import MAX_SLOTS, MIB, MILLI, WHOLE


@kernel
def expected_fragment(
    cpu_free: int,
    idle: int,
    kind: int,
    n_gpus: int,
    free: IntArray,
    levels: IntArray,
    n_gpu_classes: int,
    class_cpu: IntArray,
    class_count: IntArray,
    class_level: IntArray,
    class_weight: FloatArray,
    class_allowed: BoolTable,
    enough: IntArray,
    stranded: IntArray,
) -> float:
    """Return the milli-GPU of a node that a random pod of the workload could not use.

    ``free`` : the first ``n_gpus`` entries are the free milli of the node's GPUs, ``idle`` their
    sum. ``kind`` -1 is a node without GPUs, which has nothing to lose. ``enough`` and
    ``stranded`` (n_levels,) are scratch: for each level, how many GPUs have that much free, and
    the free milli of those that have not.
    """
    lack_both = 0.0
    lack_gpu = 0.0
    lack_cpu = 0.0
    cpu_only_fits = 0.0
    cpu_only_not = 0.0
    no_access = 0.0
    has_gpus = kind >= 0
    known_kind = max(kind, 0)
    if class_allowed.shape[0] == 0:  # no node has GPUs: there is no kind to look up
        n_gpu_classes = 0
    for level in range(levels.size):
        having = 0
        left = 0
        for k in range(n_gpus):
            fits = free[k] >= levels[level]
            having += 1 if fits else 0
            left += 0 if fits else free[k]
        enough[level] = having
        stranded[level] = left
    for m in range(n_gpu_classes):
        share = class_weight[m]
        whole = share * idle
        part = share * stranded[class_level[m]]
        open_to = has_gpus & class_allowed[known_kind, m]
        short_gpu = enough[class_level[m]] < class_count[m]
        short_cpu = cpu_free < class_cpu[m]
        no_access += 0.0 if open_to else whole
        lack_both += whole if open_to & short_gpu & short_cpu else 0.0
        lack_cpu += whole if open_to & (not short_gpu) & short_cpu else 0.0
        lack_gpu += (whole if short_gpu else part) if open_to & (not short_cpu) else 0.0
    for m in range(n_gpu_classes, class_cpu.size):
        whole = class_weight[m] * idle
        fits = cpu_free >= class_cpu[m]
        cpu_only_fits += whole if fits else 0.0
        cpu_only_not += 0.0 if fits else whole
    return lack_both + lack_gpu + lack_cpu + cpu_only_fits + cpu_only_not + no_access


@kernel
def node_fragments(
    rows: IntArray,
    cpu_free_milli: IntArray,
    idle_milli: IntArray,
    row_kind: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_free_milli: IntArray,
    levels: IntArray,
    n_gpu_classes: int,
    class_cpu: IntArray,
    class_count: IntArray,
    class_level: IntArray,
    class_weight: FloatArray,
    class_allowed: BoolTable,
    out: FloatArray,
) -> None:
    """Fill ``out`` (n_nodes,) with the fragmentation of each of ``rows``, in milli-GPU.

    The rows have no GPUs or ungoverned ones.
    """
    free = np.empty(MAX_SLOTS, np.int64)
    enough = np.empty(levels.size, np.int64)
    stranded = np.empty(levels.size, np.int64)
    for i in range(rows.size):
        row = rows[i]
        for k in range(slot_count[row]):
            free[k] = slot_free_milli[slot_start[row] + k]
        out[row] = expected_fragment(
            cpu_free_milli[row], idle_milli[row], row_kind[row], slot_count[row], free, levels,
            n_gpu_classes, class_cpu, class_count, class_level, class_weight, class_allowed,
            enough, stranded,
        )  # fmt: skip


@kernel
def score_fgd(
    rows: IntArray,
    cpu: int,
    count: int,
    share: bool,
    needs: IntTable,
    cpu_free_milli: IntArray,
    idle_milli: IntArray,
    row_kind: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    levels: IntArray,
    n_gpu_classes: int,
    class_cpu: IntArray,
    class_count: IntArray,
    class_level: IntArray,
    class_weight: FloatArray,
    class_allowed: BoolTable,
    version: IntArray,
    known_version: IntArray,
    known: FloatArray,
    out: FloatArray,
    best_slot: ShortArray,
) -> None:
    """Write the FGD score of each of ``rows``, all of which fit, into ``out`` (n_nodes,).

    The rows have no GPUs or ungoverned ones. The score is int(100 × sigmoid(fragmentation saved,
    in GPUs)). A ``share``, of one GPU, is tried on every GPU with room, and the best score
    counts; the index of that GPU, the lowest among equals, goes into ``best_slot`` (n_nodes,),
    which may be empty. Whole GPUs are alike; shares of several GPUs take the best-fit ones.

    ``known`` (n_nodes,) remembers the fragmentation of each row as it was at ``known_version``,
    and is brought up to ``version`` (n_nodes,): every shape asks for it.
    """
    free = np.empty(MAX_SLOTS, np.int64)
    enough = np.empty(levels.size, np.int64)
    stranded = np.empty(levels.size, np.int64)
    taken = np.empty(MAX_SLOTS, np.int64)
    for i in range(rows.size):
        row = rows[i]
        start = slot_start[row]
        n_gpus = slot_count[row]
        kind = row_kind[row]
        each = needs[MILLI, kind] if count > 0 else 0
        each_mib = needs[MIB, kind] if count > 0 else 0
        for k in range(n_gpus):
            free[k] = slot_free_milli[start + k]
        if count > 0 and not share:
            choose_best_fit(
                start, n_gpus, count, needs,
                slot_kind, slot_free_milli, slot_free_mib, slot_able, taken,
            )  # fmt: skip
        before = 0.0
        best = -np.inf
        # Trial -1 is the node as it is. After it come the GPUs that a share may go to, or one
        # trial for everything else.
        for trial in range(-1, n_gpus if share else 1):
            if trial < 0 and known_version[row] == version[row]:
                before = known[row]
                continue
            if trial >= 0 and share:
                if free[trial] < each or slot_free_mib[start + trial] < each_mib:
                    continue
                # As much free as an earlier candidate: the same sums to the last bit.
                seen = False
                for k in range(trial):
                    if free[k] == free[trial] and slot_free_mib[start + k] >= each_mib:
                        seen = True
                if seen:
                    continue
                free[trial] -= each
            elif trial >= 0:
                for k in range(count):
                    free[taken[k]] -= each
            fragment = expected_fragment(
                cpu_free_milli[row] - (cpu if trial >= 0 else 0),
                idle_milli[row] - (count * each if trial >= 0 else 0),
                kind, n_gpus, free, levels,
                n_gpu_classes, class_cpu, class_count, class_level, class_weight, class_allowed,
                enough, stranded,
            )  # fmt: skip
            if trial < 0:
                before = fragment
                known[row] = fragment
                known_version[row] = version[row]
                continue
            if share:
                free[trial] += each
            score = sigmoid_score(before - fragment)
            if score > best:
                best = score
                if best_slot.size > 0:
                    best_slot[row] = trial
        out[row] = best


@kernel
def sigmoid_score(saved_milli: float) -> float:
    """Return int(100 × sigmoid(fragmentation saved, in GPUs))."""
    saved = saved_milli / WHOLE
    return float(math.trunc(100.0 * (1.0 / (1.0 + math.exp(-saved)))))
