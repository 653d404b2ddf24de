"""Earliest deadline first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class EarliestDeadline:
    """The earliest deadline first; those without are last.

    Source: Liu and Layland, JACM 1973.
    """

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.deadline_s

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by deadline, then by submission and uid."""
        return by_keys(pending, self.key(pending))
