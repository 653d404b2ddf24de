"""First in, first out."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import by_arrival
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class Fifo:
    """Who was submitted first; the baseline of every scheduler."""

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by submission, then by uid."""
        return by_arrival(pending)
