"""Finish-time fairness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending
from bayplan.scheduler.types import GPU_MILLI


@dataclass(frozen=True, slots=True)
class FinishTime:
    """The job that sharing slows down most first.

    A job's rho is ``T_shared / T_alone``: the time from its submission to its end if it started
    now, over that in a cluster of its own of 1/N the size. There a job that needs more than the
    N-th part runs as many times longer. N is ``sharers``, None: all that wait. Where no capacity
    of GPUs is stated a job has enough of them. Unknown run times are last.

    Source: finish-time fairness of Mahajan et al.: Themis, NSDI 2020, section 3; its auction of
    leases is not part of an order.
    """

    sharers: int | None = None

    def rho(self, pending: Pending, now_s: float) -> FloatArray:
        """Return each row's rho; NaN where the run time is unknown."""
        shared = now_s - pending.submit_s + pending.remaining_s
        n = pending.size if self.sharers is None else self.sharers
        capacity = float(pending.queues.capacity[2]) / GPU_MILLI
        stretch = np.maximum(1.0, pending.gpus * n / capacity) if capacity else 1.0
        alone = pending.run_time_s * stretch
        rho: FloatArray = np.where(alone > 0, shared, np.inf) / np.where(alone > 0, alone, 1.0)
        return np.where(np.isnan(pending.run_time_s), np.nan, rho)

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by falling rho, then by submission and uid."""
        return by_keys(pending, -self.rho(pending, now_s))
