"""Least attained service in two dimensions, in a few queues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class LeastAttained2d:
    """Levels by attained GPU-seconds, first in first out on each.

    A job is on level k when it attained at least ``thresholds_gpu_s[k - 1]``; few levels mean few
    preemptions. ``promote`` bounds starvation: a job that has waited for ``promote`` times as
    long as it ran goes back to level 0; None: never.

    Source: discretised 2D-LAS of Gu et al.: Tiresias, NSDI 2019, sections 3.3 and 3.4; the
    thresholds are those of the authors' simulator.
    """

    thresholds_gpu_s: tuple[float, ...] = (3_250.0, 7_200.0)
    promote: float | None = None

    def levels(self, pending: Pending, now_s: float) -> IntArray:
        """Return the level of each row, 0 is served first."""
        limits = np.array(sorted(self.thresholds_gpu_s), np.float64)
        level = np.searchsorted(limits, pending.attained_gpu_s, side="right").astype(np.int64)
        if self.promote is not None:
            waited = now_s - pending.waiting_since_s
            level[waited >= self.promote * pending.attained_s] = 0
        return level

    def key(self, pending: Pending) -> IntArray | None:
        """Return the level of each row (n_jobs,); None where waiting changes it."""
        return self.levels(pending, 0.0) if self.promote is None else None

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by level, then by submission and uid."""
        return by_keys(pending, self.levels(pending, now_s))
