"""The node on which least stays free."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.kernels.score import score_best_fit
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.policies._wanted import wanted_of
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View


@dataclass(frozen=True, slots=True)
class BestFit:
    """Highest score where CPU and GPU, each over a scale, are least free after the placement.

    int(100 × (1 - (½ CPU left / ``cpu_scale_milli`` + ½ GPU left / ``gpu_scale_milli``))). The
    scales are the largest node of the published experiment. The baseline of Weng et al., USENIX
    ATC 2023.
    """

    cpu_scale_milli: float = 128_000.0
    gpu_scale_milli: float = 8_000.0
    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by what is left."""
        score_best_fit(
            rows,
            shape.cpu,
            shape.count,
            self.cpu_scale_milli,
            self.gpu_scale_milli,
            needs.table,
            view.cpu_free_milli,
            view.idle_milli,
            view.row_kind,
            wanted_of(view, shape, needs, rows),
            out,
        )

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the fullest GPUs that fit."""
        best_fit_gpus(view, ask, out)
