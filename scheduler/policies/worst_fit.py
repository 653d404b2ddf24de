"""The node on which most stays free."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import worst_fit_gpus
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View


@dataclass(frozen=True, slots=True)
class WorstFit:
    """The opposite of best-fit: load is spread, over nodes and over the GPUs of a node.

    Johnson, "Near-optimal bin packing algorithms", MIT, 1973; ``LeastAllocated`` in
    kube-scheduler.
    """

    best_fit: BestFit = field(default_factory=BestFit)
    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the negative of best-fit."""
        self.best_fit.score(view, shape, needs, rows, out)
        out[rows] = -out[rows]

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the emptiest GPUs."""
        worst_fit_gpus(view, ask, out)
