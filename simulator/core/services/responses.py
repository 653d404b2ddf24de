"""How long requests take while a service keeps up with them: many servers and one queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import FloatArray

MOST_BUSY = 0.99
"""Load over capacity up to which waits are those of the steady state: beyond it that state takes
longer to come than loads stay as they are, and at 1 there is none."""

_ALIKE = 1e-6
"""Rates that differ by less, relative to them, are taken as equal: the formula divides by that."""


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that find all servers busy where nobody waits.

    Parameters
    ----------
    servers
        How many.
    load
        Arrivals a second × mean service time: Erlangs.

    Notes
    -----
    By the recursion over the number of servers, which does not overflow: Erlang 1917, as in Cooper,
    Introduction to Queueing Theory, 2nd ed., 1981, section 3.
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Return the share of arrivals that wait in M/M/c; parameters as of ``erlang_b``.

    From the loss formula: C = B / (1 - rho (1 - B)), rho below 1.
    """
    blocked = erlang_b(servers, load)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


@dataclass(frozen=True, slots=True)
class Response:
    """The distribution of how long a request takes: it may wait, and then is served.

    It waits with the probability ``waits``, then for an exponential time of the mean ``wait_s``.
    Its service takes ``fixed_s`` and an exponential time of the mean ``spread_s``.
    """

    waits: float
    wait_s: float
    fixed_s: float
    spread_s: float

    @property
    def mean_s(self) -> float:
        """The mean."""
        return self.waits * self.wait_s + self.fixed_s + self.spread_s

    def over(self, times_s: FloatArray) -> FloatArray:
        """Return the shares of requests that take longer than times: (n,)."""
        beyond = np.maximum(times_s - self.fixed_s, 0.0)
        if not self.spread_s:
            late = self.waits * _decay(beyond, self.wait_s)
        else:
            own = np.exp(-beyond / self.spread_s)
            late = (1.0 - self.waits) * own + self.waits * self._both(beyond, own)
        return np.where(times_s < self.fixed_s, 1.0, late)

    def share_over(self, time_s: float) -> float:
        """Return the share of requests that take longer than a time."""
        return float(self.over(np.array([time_s]))[0])

    def _both(self, beyond: FloatArray, own: FloatArray) -> FloatArray:
        """Return how likely a wait and the spread of a service last longer, one after the other."""
        spread_s, wait_s = self.spread_s, self.wait_s
        if wait_s <= 0.0:
            return own
        if abs(wait_s - spread_s) < _ALIKE * spread_s:
            return (1.0 + beyond / spread_s) * own
        other = np.exp(-beyond / wait_s)
        return (wait_s * other - spread_s * own) / (wait_s - spread_s)


def _decay(beyond: FloatArray, mean_s: float) -> FloatArray:
    return np.exp(-beyond / mean_s) if mean_s > 0.0 else np.zeros_like(beyond)


def response(
    per_s: float,
    servers: int,
    capacity_per_s: float,
    arrival_cv: float = 1.0,
    service_cv: float = 1.0,
) -> Response:
    """Return the distribution of a steady state.

    Parameters
    ----------
    per_s
        Requests a second.
    servers
        How many requests are served at a time.
    capacity_per_s
        Requests a second that all of them serve; above 0.
    arrival_cv, service_cv
        Coefficients of variation of times between requests, and of service times.

    Notes
    -----
    With both at 1 it is M/M/c, exactly. Else the mean wait is scaled by (ca² + cs²) / 2, the
    approximation of Allen and Cunneen for G/G/c (Allen, Probability, Statistics and Queueing Theory
    with Computer Science Applications, 2nd ed., 1990, section 5.3), and waits stay exponential. A
    service takes a fixed time and an exponential one that together have its mean and coefficient of
    variation; one above 1 is taken as 1 there, and counts in waits alone.
    """
    busy = min(per_s / capacity_per_s, MOST_BUSY)
    service_s = servers / capacity_per_s
    scale = (arrival_cv**2 + service_cv**2) / 2.0
    spread_s = min(service_cv, 1.0) * service_s
    return Response(
        erlang_c(servers, busy * servers) if busy > 0.0 else 0.0,
        scale / (capacity_per_s * (1.0 - busy)),
        max(0.0, service_s - spread_s),
        spread_s,
    )
