"""Pods that ask for the same number of GPUs together."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.kernels.score import score_gpu_clustering
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View


@dataclass(frozen=True, slots=True)
class GpuClustering:
    """Nodes that hold pods of the same GPU class only, then mixed ones, then empty ones.

    Classes: a share of one GPU, 1 GPU, 2 GPUs, … As in the baseline of Weng et al., USENIX ATC
    2023, after Xiao et al., "Gandiva", OSDI 2018.
    """

    gpu_scale_milli: int = 8_000
    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the company that the pod would keep."""
        score_gpu_clustering(
            rows,
            shape.gpu_class,
            self.gpu_scale_milli,
            view.gpu_count,
            view.idle_milli,
            view.class_pods,
            out,
        )

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the fullest GPUs that fit."""
        best_fit_gpus(view, ask, out)
