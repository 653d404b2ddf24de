"""Shortest job first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class ShortestJob:
    """The least estimated run time first; not preemptive.

    Unknown run times are last. Source: Conway, Maxwell, Miller: Theory of Scheduling, 1967 (SPT).
    """

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.run_time_s

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by run time, then by submission and uid."""
        return by_keys(pending, self.key(pending))
