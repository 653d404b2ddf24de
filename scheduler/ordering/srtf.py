"""Shortest remaining time first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class ShortestRemaining:
    """The least estimated time left first; preemptive where the caller preempts.

    Unknown ones are last; a job past its estimate has 0 left. Source: Schrage, Operations Research
    1968 (optimal for the mean response time of one server).
    """

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.remaining_s

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by what is left to run, then by submission and uid."""
        return by_keys(pending, self.key(pending))
