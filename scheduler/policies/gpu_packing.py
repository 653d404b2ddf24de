"""GPUs in use first, then free GPUs on nodes in use, then idle nodes."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.kernels.score import score_gpu_packing
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View


@dataclass(frozen=True, slots=True)
class GpuPacking:
    """Touch as few unused GPUs, and then as few idle nodes, as possible.

    A pod without GPUs goes anywhere. As in the baseline of Weng et al., USENIX ATC 2023, after
    Weng et al., "MLaaS in the Wild", NSDI 2022.
    """

    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by what would be opened."""
        score_gpu_packing(
            rows,
            shape.count,
            needs.table,
            view.gpu_count,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_capacity,
            view.slot_free_milli,
            view.slot_free_mib,
            view.slot_able,
            out,
        )

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the fullest GPUs that fit."""
        best_fit_gpus(view, ask, out)
