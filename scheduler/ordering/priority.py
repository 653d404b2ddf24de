"""By priority, as kube-scheduler's queue."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class PriorityFirst:
    """The highest priority first.

    The order of kube-scheduler's active queue (plugin PrioritySort: priority, then time).
    """

    def key(self, pending: Pending) -> IntArray:
        """Return the key (n_jobs,) that the order goes by."""
        return -pending.priority

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by falling priority, then by submission and uid."""
        return by_keys(pending, self.key(pending))
