"""The first node that fits."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import first_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View


@dataclass(frozen=True, slots=True)
class FirstFit:
    """The lowest row that fits, and on it the lowest GPU indices that fit.

    Johnson, "Near-optimal bin packing algorithms", MIT, 1973.
    """

    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score all alike: the tie rule takes the first."""
        out[rows] = 0.0

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the lowest indices."""
        first_gpus(view, ask, out)
