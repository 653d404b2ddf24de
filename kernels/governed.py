"""Fragmentation of nodes whose slots are of any kinds, and the policy that keeps it least.

As in ``fragment``, but what a level of the workload needs of a slot depends on its kind
(``level_milli``, ``level_shift``: (n_kinds, n_levels)), and there must be a seat or a place for
it: a MIG GPU is fragmented as far as no legal start is left, however much of it is free.
``level_most`` (n_kinds, n_levels): how many of a level one slot may hold for one pod.
``class_allowed`` (n_kinds, n_classes) bool; the slots of one node are of one GPU model.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import (
    BoolTable,
    FloatArray,
    IntArray,
    IntTable,
    ShortArray,
)
from bayplan.kernels.choose import choose_best_fit
from bayplan.kernels.fit import MAX_SLOTS, MIB, MILLI, NIBBLE, PLACE, SHIFT
from bayplan.kernels.fragment import sigmoid_score


@kernel
def governed_fragment(
    cpu_free: int,
    idle: int,
    n_slots: int,
    free: IntArray,
    able: IntArray,
    kinds: IntArray,
    level_milli: IntTable,
    level_shift: IntTable,
    level_most: IntTable,
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

    ``free``, ``able``, ``kinds`` : of which the first ``n_slots`` entries are the node's slots;
    ``idle`` the sum of ``free``. ``enough`` and ``stranded`` (n_levels,) are scratch.
    """
    lost = 0.0
    if n_slots == 0:
        return lost
    for level in range(level_most.shape[1]):
        having = 0
        left = 0
        for k in range(n_slots):
            places = 0
            if free[k] >= level_milli[kinds[k], level]:
                places = (able[k] >> level_shift[kinds[k], level]) & NIBBLE
            having += min(places, level_most[kinds[k], level])
            left += free[k] if places == 0 else 0
        enough[level] = having
        stranded[level] = left
    for m in range(class_cpu.size):
        if m < n_gpu_classes and class_allowed[kinds[0], m] and cpu_free >= class_cpu[m]:
            level = class_level[m]
            short = enough[level] < class_count[m]
            lost += class_weight[m] * (idle if short else stranded[level])
        else:
            lost += class_weight[m] * idle
    return lost


@kernel
def governed_fragments(
    rows: IntArray,
    cpu_free_milli: IntArray,
    idle_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_able: IntArray,
    level_milli: IntTable,
    level_shift: IntTable,
    level_most: IntTable,
    n_gpu_classes: int,
    class_cpu: IntArray,
    class_count: IntArray,
    class_level: IntArray,
    class_weight: FloatArray,
    class_allowed: BoolTable,
    out: FloatArray,
) -> None:
    """Fill ``out`` (n_nodes,) with the fragmentation of each of ``rows``, in milli-GPU."""
    free = np.empty(MAX_SLOTS, np.int64)
    able = np.empty(MAX_SLOTS, np.int64)
    kinds = np.empty(MAX_SLOTS, np.int64)
    enough = np.empty(level_most.shape[1], np.int64)
    stranded = np.empty(level_most.shape[1], np.int64)
    for i in range(rows.size):
        row = rows[i]
        for k in range(slot_count[row]):
            free[k] = slot_free_milli[slot_start[row] + k]
            able[k] = slot_able[slot_start[row] + k]
            kinds[k] = slot_kind[slot_start[row] + k]
        out[row] = governed_fragment(
            cpu_free_milli[row], idle_milli[row], slot_count[row], free, able, kinds,
            level_milli, level_shift, level_most,
            n_gpu_classes, class_cpu, class_count, class_level, class_weight, class_allowed,
            enough, stranded,
        )  # fmt: skip


@kernel
def score_fgd_governed(
    rows: IntArray,
    cpu: int,
    count: int,
    share: bool,
    needs: IntTable,
    places: IntTable,
    able_tables: IntTable,
    cpu_free_milli: IntArray,
    idle_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    slot_used: IntArray,
    slot_table: IntArray,
    level_milli: IntTable,
    level_shift: IntTable,
    level_most: IntTable,
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
    """Write the FGD score of each of ``rows``, as ``fragment.score_fgd`` does.

    ``places`` (n_profiles, n_masks) says which bits a new MIG instance takes of a mask; where
    ``PLACE`` is -1 a seat is taken. ``able_tables`` as in ``change``.
    """
    free = np.empty(MAX_SLOTS, np.int64)
    able = np.empty(MAX_SLOTS, np.int64)
    used = np.empty(MAX_SLOTS, np.int64)
    kinds = np.empty(MAX_SLOTS, np.int64)
    taken = np.empty(MAX_SLOTS, np.int64)
    enough = np.empty(level_most.shape[1], np.int64)
    stranded = np.empty(level_most.shape[1], np.int64)
    for i in range(rows.size):
        row = rows[i]
        start = slot_start[row]
        n_slots = slot_count[row]
        for k in range(n_slots):
            free[k] = slot_free_milli[start + k]
            able[k] = slot_able[start + k]
            used[k] = slot_used[start + k]
            kinds[k] = slot_kind[start + k]
        if count > 0 and not share:
            choose_best_fit(
                start, n_slots, count, needs,
                slot_kind, slot_free_milli, slot_free_mib, slot_able, taken,
            )  # fmt: skip
        if known_version[row] != version[row]:
            known[row] = governed_fragment(
                cpu_free_milli[row], idle_milli[row], n_slots, free, able, kinds,
                level_milli, level_shift, level_most,
                n_gpu_classes, class_cpu, class_count, class_level, class_weight,
                class_allowed, enough, stranded,
            )  # fmt: skip
            known_version[row] = version[row]
        best = -np.inf
        for trial in range(n_slots if share else 1):
            if share:
                kind = kinds[trial]
                if free[trial] < needs[MILLI, kind] or (
                    slot_free_mib[start + trial] < needs[MIB, kind]
                ):
                    continue
                if (able[trial] >> needs[SHIFT, kind]) & NIBBLE == 0:
                    continue
                # As an earlier candidate: the same sums to the last bit.
                seen = False
                for k in range(trial):
                    alike = kinds[k] == kind and used[k] == used[trial] and free[k] == free[trial]
                    seen |= alike and slot_free_mib[start + k] >= needs[MIB, kind]
                if seen:
                    continue
                taken[0] = trial
            wanted = 0
            for k in range(count):
                slot = taken[k]
                each = needs[MILLI, kinds[slot]]
                wanted += each
                free[slot] -= each
                place = needs[PLACE, kinds[slot]]
                used[slot] += places[place, used[slot]] if place >= 0 else 1
                table = slot_table[start + slot]
                if table >= 0:
                    able[slot] = able_tables[table, used[slot]]
            fragment = governed_fragment(
                cpu_free_milli[row] - cpu, idle_milli[row] - wanted, n_slots, free, able, kinds,
                level_milli, level_shift, level_most,
                n_gpu_classes, class_cpu, class_count, class_level, class_weight,
                class_allowed, enough, stranded,
            )  # fmt: skip
            if share:
                free[trial] += wanted
                able[trial] = slot_able[start + trial]
                used[trial] = slot_used[start + trial]
            score = sigmoid_score(known[row] - fragment)
            if score > best:
                best = score
                if best_slot.size > 0:
                    best_slot[row] = taken[0]
        out[row] = best
