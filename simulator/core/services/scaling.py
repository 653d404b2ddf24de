"""How many replicas a service is to have, by its load: one answer a look.

References
----------
Kubernetes documentation, Horizontal Pod Autoscaling, sections "Algorithm details", "Default
behavior" and "Stabilization window": the formula, its tolerance, 15 s between looks, 300 s of
stabilisation on the way down, and 4 pods or 100 % in 15 s on the way up. KEDA documentation,
Scaling Deployments: from none to one as soon as a trigger is active, and back ``cooldownPeriod``
(300 s) after it was for the last time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from bayplan.simulator.core.services.forecast import Forecast, Holt, Seasonal
from bayplan.traces.services import Scaling, Service

_ROUNDED = 1e-9
"""A quotient that is so little above a whole number is that number."""


def wanted(current: int, total: float, each: float, tolerance: float) -> int:
    """Return the replicas that bring what each of them has to do to its target.

    Parameters
    ----------
    current
        How many there are; at least one.
    total
        What all of them have to do.
    each
        What each is to do.
    tolerance
        Nothing is changed while their mean is so near the target, relative to it.

    Notes
    -----
    ``ceil(current × (total / current) / each)``, as the Horizontal Pod Autoscaler has it.
    """
    ratio = total / (current * each)
    if abs(ratio - 1.0) <= tolerance:
        return current
    return math.ceil(total / each - _ROUNDED)


class Scaler:
    """Sets the replicas of one service.

    - ``fixed``: all, always.
    - ``reactive``: by what came since the last look (``requests`` a second) or by what is waiting
      or being served now (``concurrency``), over what one replica of the first alternative does
      alone, times ``target``.
    - ``seasonal``, ``holt``: by that, or by what a forecast expects within ``lead_s`` if it is
      more.
    """

    def __init__(self, service: Service) -> None:
        self._service, scaling = service, service.scaling
        first = service.alternatives[0]
        self._of_flight = scaling.metric == "concurrency"
        self._each = scaling.target * (first.servers if self._of_flight else first.per_s)
        self._service_s = first.service_s
        lead_s = scaling.lead_s
        self._lead_s = first.startup_s + scaling.sync_s if lead_s is None else lead_s
        self._forecast = _FORECASTS[scaling.scaler](scaling)
        self._past: deque[tuple[float, int]] = deque()
        self._active_s = -math.inf

    @property
    def first(self) -> int:
        """The replicas to begin with."""
        service = self._service
        return service.most if service.scaling.scaler == "fixed" else service.least

    def look(self, now_s: float, current: int, per_s: float, in_flight: float) -> int:
        """Return how many replicas there are to be.

        Parameters
        ----------
        now_s
            The time.
        current
            How many there are to be up to now.
        per_s
            Requests a second since the last look.
        in_flight
            Requests that wait or are served now.
        """
        service, scaling = self._service, self._service.scaling
        if scaling.scaler == "fixed":
            return service.most
        total = self._total(now_s, per_s, in_flight)
        if total > 0.0 or in_flight > 0.0:
            self._active_s = now_s
        if not current:
            return min(1, service.most) if self._active_s == now_s else 0
        idle_s = now_s - self._active_s
        if not service.least and idle_s > 0.0 and idle_s >= scaling.cooldown_s:
            self._past.clear()
            return 0
        found = wanted(current, total, self._each, scaling.tolerance)
        found = min(max(found, service.least, 1), service.most)
        grown = math.ceil(current * (1.0 + scaling.up_pct / 100.0))
        return min(self._stable(now_s, current, found), max(current + scaling.up_replicas, grown))

    def _total(self, now_s: float, per_s: float, in_flight: float) -> float:
        total = in_flight if self._of_flight else per_s
        if self._forecast is None:
            return total
        self._forecast.see(now_s, per_s)
        ahead = self._forecast.most(now_s, self._lead_s)
        return max(total, ahead * self._service_s if self._of_flight else ahead)

    def _stable(self, now_s: float, current: int, found: int) -> int:
        """Return the most that was wanted of late, where fewer than now are wanted."""
        past = self._past
        past.append((now_s, found))
        while past[0][0] <= now_s - self._service.scaling.down_window_s and len(past) > 1:
            past.popleft()
        return found if found >= current else min(current, max(number for _, number in past))


_FORECASTS: dict[str, Callable[[Scaling], Forecast | None]] = {
    "fixed": lambda _: None,
    "reactive": lambda _: None,
    "seasonal": lambda scaling: Seasonal(scaling.season_s),
    "holt": lambda _: Holt(),
}
