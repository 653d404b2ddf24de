"""What became of requests: counts, and their latencies in narrow bins."""

from __future__ import annotations

import math

import numpy as np

from bayplan.scheduler.arrays import FloatArray
from bayplan.simulator.core.services.responses import Response

_LEAST_S, _MOST_S, _WIDTH = 1e-3, 1e8, 1.01
_EDGES: FloatArray = _LEAST_S * np.power(
    _WIDTH, np.arange(math.ceil(math.log(_MOST_S / _LEAST_S) / math.log(_WIDTH)) + 1.0)
)


class Tally:
    """Requests that were served or dropped; numbers of them are floats, as they flow.

    Attributes
    ----------
    offered, served, in_time, dropped
        How many came, were served, were served by ``target_s``, and were dropped.
    latency_s
        The sum of the latencies of those that were served.
    """

    def __init__(self, target_s: float) -> None:
        self.target_s = target_s
        self.offered = self.served = self.in_time = self.dropped = self.latency_s = 0.0
        self._below = np.zeros(_EDGES.size)
        self._how: Response | None = None
        self._share = self._pending = 0.0

    def steady(self, number: float, how: Response) -> None:
        """Count requests that took as long as a steady state says."""
        if how is not self._how:  # most often it stays for a while: the bins can wait
            self._put_in_bins()
            self._how, self._share = how, 1.0 - how.share_over(self.target_s)
        self.served += number
        self.latency_s += number * how.mean_s
        self.in_time += number * self._share
        self._pending += number

    def between(self, number: float, from_s: float, to_s: float) -> None:
        """Count requests whose latencies go evenly from one to another."""
        low_s, high_s = min(from_s, to_s), max(from_s, to_s)
        self.served += number
        self.latency_s += number * (low_s + high_s) / 2.0
        if high_s > low_s:
            self.in_time += number * min(max((self.target_s - low_s) / (high_s - low_s), 0.0), 1.0)
            self._below += number * np.clip((_EDGES - low_s) / (high_s - low_s), 0.0, 1.0)
        else:
            self.in_time += number if low_s <= self.target_s else 0.0
            self._below += np.where(low_s <= _EDGES, number, 0.0)

    def _put_in_bins(self) -> None:
        if self._how is not None and self._pending:
            self._below += self._pending * (1.0 - self._how.over(_EDGES))
            self._pending = 0.0

    @property
    def mean_s(self) -> float:
        """The mean latency of those that were served; NaN: nobody was."""
        return self.latency_s / self.served if self.served > 0.0 else math.nan

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latencies, to a hundredth of itself; NaN: nobody was served.

        It is the upper edge of its bin, or what lies between the edges in proportion.
        """
        if self.served <= 0.0:
            return math.nan
        self._put_in_bins()
        share = percent / 100.0 * float(self._below[-1])
        at = int(np.searchsorted(self._below, share))
        if at == 0:
            return float(_EDGES[0])
        below, above = self._below[at - 1 : at + 1].tolist()
        part = (share - below) / (above - below) if above > below else 1.0
        return float(_EDGES[at - 1] + part * (_EDGES[at] - _EDGES[at - 1]))
