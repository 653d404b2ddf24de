"""What a request takes of the GPUs of nodes, which several policies score by."""

from __future__ import annotations

import numpy as np

from bayplan.kernels.score import wanted_milli
from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import View

_NONE_MIXED = np.zeros(0, np.int64)


def wanted_of(view: View, shape: Shape, needs: Needs, rows: IntArray) -> IntArray:
    """Return the milli-GPU that a request takes of each of ``rows`` (k,), if best fit chooses.

    Empty where all GPUs of every node are alike: then kernels know it of the kind.
    """
    if not view.has_mixed:
        return _NONE_MIXED
    wanted = np.empty(rows.size, np.int64)
    wanted_milli(
        rows,
        shape.count,
        needs.table,
        view.slot_start,
        view.slot_count,
        view.slot_kind,
        view.slot_free_milli,
        view.slot_free_mib,
        view.slot_able,
        wanted,
    )
    return wanted
