"""Queues take back what they are guaranteed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.preemption.policies._base import PREFERRED, Pool, lower_priority
from bayplan.scheduler.preemption.table import PodTable
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request


@dataclass(frozen=True, slots=True)
class FairReclaim:
    """Pods of other queues that use more than their guarantee give way first.

    Of a queue at most ``Guards.queue_excess_milli`` is taken in all, so that none falls below its
    guarantee. Priorities order the pods of such queues, but protect none from another queue.
    After them come pods of lower priority in the request's own queue. A queue within its
    guarantee loses nothing. After KAI-Scheduler's *reclaim* action and Kueue's
    ``reclaimWithinCohort`` and ``withinClusterQueue: LowerPriority``.
    """

    def pool(self, table: PodTable, request: Request, guards: Guards) -> Pool:
        """Return the pods of queues with an excess, then those of the own queue."""
        own = table.queue == table.queues.of(request.queue)
        excess = {
            queue: milli
            for queue, milli in guards.queue_excess_milli.items()
            if milli > 0 and queue and queue != request.queue
        }
        numbers = np.array([table.queues.of(queue) for queue in excess], np.int64)
        other = np.isin(table.queue, numbers) if excess else np.zeros_like(own)
        rank = np.where(other, table.priority - PREFERRED, table.priority)
        return Pool(other | (own & lower_priority(table, request)), rank, excess)
