"""Max-min fairness between queues over time, with usage that fades."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import OrderingPolicy
from bayplan.scheduler.ordering._serving import serve_queues
from bayplan.scheduler.ordering.fifo import Fifo
from bayplan.scheduler.ordering.pending import Pending


def decayed(usage: FloatArray, age_s: FloatArray, half_life_s: float) -> FloatArray:
    """Return usage after a time: half of it is left after each half-life."""
    left: FloatArray = usage * 2.0 ** (-age_s / half_life_s)
    return left


@dataclass(frozen=True, slots=True)
class FairShare:
    """The queue that had the fewest GPU-seconds lately is served next.

    A queue's usage halves every ``half_life_s``; it is compared over its weight. Each job that is
    served adds its GPUs × time left to run (``assumed_s`` where unknown), so that the least
    served queue catches up and the others then take turns: max-min fairness. Of equal
    ones the lesser name is served, and within a queue ``inside`` says who is next.

    Source: max-min fairness by progressive filling (Bertsekas, Gallager: Data Networks, 1992,
    section 6.5.2), over usage that decays as in Kay, Lauder: A fair share scheduler, CACM 1988;
    the half-life is the default of Slurm's ``PriorityDecayHalfLife``.
    """

    half_life_s: float = 7 * 86_400.0
    assumed_s: float = 3_600.0
    inside: OrderingPolicy = field(default_factory=Fifo)

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows in the order in which their queues' turns come."""
        queues = pending.queues
        usage = decayed(queues.usage_gpu_s, now_s - queues.usage_at_s, self.half_life_s)
        left = np.where(np.isnan(pending.remaining_s), self.assumed_s, pending.remaining_s)
        charge = pending.gpus * left
        inside = self.inside.order(pending, now_s)
        return serve_queues(
            pending, inside, charge.reshape(-1, 1), usage.reshape(-1, 1), np.ones(1, np.float64)
        )
