"""Earliest deadline first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class EarliestDeadline:
    """The earliest deadline first; those without are last.

    Source: Liu and Layland, JACM 1973.
    """

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by deadline, then by submission and uid."""
        return by_keys(pending, pending.deadline_s)
