"""Requests as a fluid: what a service cannot serve now waits, first come first served."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from bayplan.simulator.core.services.responses import Response, response
from bayplan.simulator.core.services.tally import Tally

_NEAR = 1e-12
"""Amounts that are this near each other, relative to them, are equal: they were rounded."""


@dataclass(slots=True)
class _Batch:
    """Requests that came evenly from one time to another, and wait."""

    from_s: float
    to_s: float
    per_s: float


@dataclass(slots=True)
class Levels:
    """What is constant between changes: requests a second, and who serves them.

    ``servers`` are requests served at a time, ``capacity_per_s`` what they serve a second in all.
    """

    per_s: float = 0.0
    servers: int = 0
    capacity_per_s: float = 0.0

    @property
    def service_s(self) -> float:
        """How long one request takes; it does not matter where none is served."""
        return self.servers / self.capacity_per_s if self.capacity_per_s > 0.0 else 0.0


class Flow:
    """The requests of one service, integrated exactly between changes of its levels.

    - While it keeps up and nobody waits, requests take as long as in the steady state of
      ``responses``: the pointwise stationary approximation (Green and Kolesar, Management Science
      37(1), 1991).
    - What comes beyond the capacity waits. Fluid leaves in the order in which it came (Newell,
      Applications of Queueing Theory, 2nd ed., 1982, chapter 2: the latency of each request is the
      horizontal distance of the curves of arrivals and departures), so that latencies are exact
      whatever the capacity was meanwhile; the time of its service comes on top.
    - Beyond ``queue_limit`` requests that wait none is let in, and who has waited for ``timeout_s``
      goes. Both are dropped.

    ``offered = served + dropped + backlog``, always.
    """

    def __init__(
        self,
        tally: Tally,
        queue_limit: float = math.inf,
        timeout_s: float = math.inf,
        arrival_cv: float = 1.0,
        service_cv: float = 1.0,
    ) -> None:
        self.tally = tally
        self.levels = Levels()
        self.backlog = 0.0
        self.now_s = -math.inf
        self._limit, self._timeout_s = queue_limit, timeout_s
        self._cvs = arrival_cv, service_cv
        self._batches: deque[_Batch] = deque()
        self._steady: tuple[tuple[float, int, float], Response] | None = None

    def advance(self, until_s: float) -> None:
        """Let time pass at the levels of now."""
        levels, tally = self.levels, self.tally
        if self.now_s == -math.inf:
            self.now_s = until_s
        if until_s > self.now_s:
            tally.offered += levels.per_s * (until_s - self.now_s)
        while self.now_s < until_s:
            if self._batches:
                self._drain(until_s)
            elif levels.per_s <= levels.capacity_per_s or not self._limit:
                self._keep_up(until_s - self.now_s)
                self.now_s = until_s
            else:
                self._batches.append(_Batch(self.now_s, self.now_s, levels.per_s))

    def how(self) -> Response:
        """Return the steady state of the levels of now; there must be a capacity."""
        levels = self.levels
        key = levels.per_s, levels.servers, levels.capacity_per_s
        if self._steady is None or self._steady[0] != key:
            self._steady = key, response(*key, *self._cvs)
        return self._steady[1]

    def in_flight(self) -> float:
        """Return the requests that wait or are served now, by Little's law."""
        levels = self.levels
        if self.backlog > 0.0:
            return self.backlog + levels.servers
        if not levels.per_s or not levels.capacity_per_s:
            return 0.0
        return levels.per_s * self.how().mean_s

    def _keep_up(self, span_s: float) -> None:
        levels = self.levels
        served = min(levels.per_s, levels.capacity_per_s)
        if served > 0.0:
            self.tally.steady(served * span_s, self.how())
        self.tally.dropped += (levels.per_s - served) * span_s

    def _drain(self, until_s: float) -> None:
        """Go on to the next moment at which who waits is served in another way."""
        levels, head, now_s = self.levels, self._batches[0], self.now_s
        capacity, full = levels.capacity_per_s, self.backlog >= self._limit * (1.0 - _NEAR)
        entering = min(levels.per_s, capacity) if full else levels.per_s
        speed = capacity / head.per_s  # of the front of the queue along the times of arrival
        waited_s = now_s - head.from_s
        late = waited_s >= self._timeout_s - 8.0 * math.ulp(now_s) and speed < 1.0
        front, leaving = (1.0, head.per_s) if late else (speed, capacity)
        grows = len(self._batches) == 1 and head.per_s == entering and head.to_s == now_s
        gain = front - 1.0 if grows else front  # the end of a batch that grows moves on too
        whole_s = (head.to_s - head.from_s) / gain if gain > 0.0 else math.inf
        net = entering - leaving
        span_s = min(
            until_s - now_s,
            whole_s,
            (self._limit - self.backlog) / net if net > 0.0 and not full else math.inf,
            (self._timeout_s - waited_s) / (1.0 - speed) if speed < 1.0 and not late else math.inf,
        )
        then_s = until_s if span_s == until_s - now_s else now_s + span_s
        head.from_s += front * span_s
        if span_s == whole_s:
            head.from_s = then_s if grows else head.to_s
        if capacity > 0.0:
            service_s = levels.service_s
            waits_s = waited_s, max(0.0, then_s - head.from_s)
            self.tally.between(capacity * span_s, *(wait_s + service_s for wait_s in waits_s))
        self.tally.dropped += (levels.per_s - entering + leaving - capacity) * span_s
        self.backlog = max(0.0, self.backlog + net * span_s)
        self._join(now_s, then_s, entering)
        self.now_s = then_s
        while self._batches and self._batches[0].from_s >= self._batches[0].to_s:
            self._batches.popleft()
        if not self._batches:
            self.backlog = 0.0

    def _join(self, from_s: float, to_s: float, per_s: float) -> None:
        tail = self._batches[-1]
        if tail.per_s == per_s and tail.to_s == from_s:
            tail.to_s = to_s
        elif per_s > 0.0:
            self._batches.append(_Batch(from_s, to_s, per_s))
