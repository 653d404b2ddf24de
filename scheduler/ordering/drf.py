"""Dominant resource fairness between queues."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import OrderingPolicy
from bayplan.scheduler.ordering._serving import serve_queues
from bayplan.scheduler.ordering.fifo import Fifo
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class DominantShare:
    """The queue with the least dominant share is served next, and its share grows by the job.

    A queue's dominant share is the largest fraction that it holds of a resource (CPU,
    memory, GPUs), over its weight. Of equal shares the lesser name is served, and within
    a queue ``inside`` says who is next.

    Source: Ghodsi et al.: Dominant Resource Fairness, NSDI 2011, algorithm 1.
    """

    inside: OrderingPolicy = field(default_factory=Fifo)

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows in the order in which their queues' turns come."""
        columns = (pending.cpu_milli, pending.memory_mib, pending.gpu_milli)
        amounts = np.stack(columns, axis=1).astype(np.float64)
        queues = pending.queues
        inside = self.inside.order(pending, now_s)
        return serve_queues(pending, inside, amounts, queues.used, queues.capacity)
