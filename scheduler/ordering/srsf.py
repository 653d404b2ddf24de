"""Shortest remaining service first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class ShortestService:
    """The least time left × GPUs first.

    Unknown ones are last, jobs without GPUs first. Source: SRSF in Gu et al.: Tiresias, NSDI 2019.
    """

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.remaining_s * pending.gpus

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by what is left in GPU-seconds, then by submission and uid."""
        return by_keys(pending, self.key(pending))
