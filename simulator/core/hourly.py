"""A series of values by the hour, and its integral."""

from __future__ import annotations

import numpy as np

from bayplan.scheduler.arrays import FloatArray
from bayplan.simulator.core.grid import Hours

HOUR_S = 3600.0


class Hourly:
    """Values that hold for an hour each, from time 0 on, repeated.

    Parameters
    ----------
    values
        One at least.
    """

    def __init__(self, values: Hours) -> None:
        self.n_hours = len(values)
        self._sums = np.concatenate([[0.0], np.cumsum(values)])

    def upto(self, time_s: float) -> float:
        """Return the integral from 0 to a time, in value × hours."""
        n = self.n_hours
        whole, rest = divmod(time_s / HOUR_S, 1.0)
        rounds, hour = divmod(int(whole), n)
        before, after = self._sums[hour : hour + 2].tolist()
        total: float = rounds * self._sums.item(n) + before + rest * (after - before)
        return total

    def between(self, from_s: float, until_s: float) -> float:
        """Return the integral between two times, in value × hours."""
        return self.upto(until_s) - self.upto(from_s)

    def all_between(self, from_s: FloatArray, length_s: float) -> FloatArray:
        """Return the integrals (n,) of spans of one length that begin at times (n,)."""
        return self._all_upto(from_s + length_s) - self._all_upto(from_s)

    def _all_upto(self, times_s: FloatArray) -> FloatArray:
        whole, rest = np.divmod(times_s / HOUR_S, 1.0)
        rounds, hour = np.divmod(whole.astype(np.int64), self.n_hours)
        before, after = self._sums[hour], self._sums[hour + 1]
        found: FloatArray = rounds * self._sums[-1] + before + rest * (after - before)
        return found
