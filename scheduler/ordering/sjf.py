"""Shortest job first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class ShortestJob:
    """The least estimated run time first; not preemptive.

    Unknown run times are last. Source: Conway, Maxwell, Miller: Theory of Scheduling, 1967 (SPT).
    """

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by run time, then by submission and uid."""
        return by_keys(pending, pending.run_time_s)
