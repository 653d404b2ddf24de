"""First in, first out."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class Fifo:
    """Who was submitted first; the baseline of every scheduler."""

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.submit_s

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by submission, then by uid."""
        return by_keys(pending, self.key(pending))
