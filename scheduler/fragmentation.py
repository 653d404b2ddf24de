"""How much of the free GPUs of each node a typical pod could not use."""

from __future__ import annotations

import numpy as np

from bayplan.kernels.fragment import node_fragments
from bayplan.kernels.governed import governed_fragments
from bayplan.scheduler.arrays import BoolArray, FloatArray, IntArray
from bayplan.scheduler.view import View
from bayplan.scheduler.workload import Workload


def fragments(view: View, workload: Workload, rows: IntArray) -> FloatArray:
    """Return the expected fragmentation of each of ``rows``, in milli-GPU: (k,).

    References
    ----------
    Weng et al., "Beware of Fragmentation", USENIX ATC 2023, section 3.
    """
    out = np.empty(view.row_kind.size)
    plain = None if view.kinds.all_plain else plain_rows(view, rows)
    asked = workload.for_kernels(view)
    node_fragments(
        rows if plain is None else rows[plain],
        view.cpu_free_milli,
        view.idle_milli,
        view.row_kind,
        view.slot_start,
        view.slot_count,
        view.slot_free_milli,
        asked.levels,
        *asked.classes,
        out,
    )
    if plain is not None:
        governed_fragments(
            rows[~plain],
            view.cpu_free_milli,
            view.idle_milli,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_free_milli,
            view.slot_able,
            asked.level_milli,
            asked.level_shift,
            asked.level_most,
            *asked.classes,
            out,
        )
    return out[rows]


def plain_rows(view: View, rows: IntArray) -> BoolArray:
    """Return which of ``rows`` have no GPUs, or ungoverned ones only: (k,)."""
    kind = view.row_kind[rows]
    plain: BoolArray = (view.slot_count[rows] == 0) | ((kind >= 0) & view.kinds.plain[kind])
    return plain
