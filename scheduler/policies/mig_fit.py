"""Where a MIG instance does the least harm to those to come."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.kernels.mig import score_places
from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.tenancy import SHARE_CLASS
from bayplan.scheduler.view import View


@dataclass(frozen=True, slots=True)
class MigFit:
    """The GPU and the start that a MIG placement rule says; others as best-fit.

    One instance, or a share, is tried on every slot with room: on MIG GPUs the rule scores the
    place, elsewhere what stays free. The highest gain counts, then the lowest row and slot. The
    rules are those of ``mig.rules``: first-fit, driver-greedy (what the driver does when no start
    is given), best-fit, and max-options, which keeps the most (profile, start) possible, weighted
    by the workload's mix of profiles.
    """

    places: Places
    best_fit: BestFit = field(default_factory=BestFit)
    ties: Ties = Ties.LOWEST_ROW

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return f"MIG instances by the rule {self.places.rule.value}; others as best-fit."

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the best place on each node."""
        if shape.gpu_class == SHARE_CLASS:
            self._score(view, needs, rows, out, _room(view))
        else:
            self.best_fit.score(view, shape, needs, rows, out)

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the slot that the node's score was made of."""
        if shape.gpu_class != SHARE_CLASS:
            best_fit_gpus(view, ask, out)
            return
        best_slot = _room(view)
        scores = np.empty(view.n_rows)
        self._score(view, ask.needs, np.array([ask.row]), scores, best_slot)
        out[0] = best_slot[ask.row]

    def _score(
        self, view: View, needs: Needs, rows: IntArray, out: FloatArray, best_slot: IntArray
    ) -> None:
        score_places(
            rows,
            needs.table,
            needs.gains,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_free_milli,
            view.slot_free_mib,
            view.slot_able,
            view.slot_used,
            out,
            best_slot,
        )


def _room(view: View) -> IntArray:
    return np.empty(view.alive.size, np.int64)
