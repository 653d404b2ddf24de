"""Least attained service first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class LeastAttained:
    """Who ran least so far first; needs no estimates.

    Source: LAS, foreground-background (Kleinrock: Queueing Systems II, 1976); time alone, see
    ``las-2d`` for time × GPUs.
    """

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.attained_s

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by how long they ran, then by submission and uid."""
        return by_keys(pending, self.key(pending))
