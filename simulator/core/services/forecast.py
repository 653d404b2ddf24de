"""What the load will be while a new replica starts: two short methods, each from the past alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Protocol

LEVEL, TREND = 0.5, 0.1
"""Weights of ``Holt``'s newest observation, in its level and its trend: chosen here."""


class Forecast(Protocol):
    """Sees what was, an observation a look, and says what may come."""

    def see(self, now_s: float, per_s: float) -> None:
        """Note how many requests a second came since the last look."""

    def most(self, now_s: float, lead_s: float) -> float:
        """Return the most requests a second that are to be expected up to ``lead_s`` from now."""


class Seasonal:
    """As one season ago, by the looks of that time; nothing is known of a first season.

    The seasonal naive method: Hyndman and Athanasopoulos, Forecasting: Principles and Practice,
    3rd ed., section 5.2.
    """

    def __init__(self, season_s: float) -> None:
        self._season_s = season_s
        self._times_s: list[float] = []
        self._per_s: list[float] = []

    def see(self, now_s: float, per_s: float) -> None:
        """Note it."""
        self._times_s.append(now_s)
        self._per_s.append(per_s)

    def most(self, now_s: float, lead_s: float) -> float:
        """Return the most of the looks in the same time one season ago."""
        first = bisect_right(self._times_s, now_s - self._season_s)
        last = bisect_right(self._times_s, now_s + lead_s - self._season_s)
        # A look tells about the time before it: the one after the time is the last that counts.
        return max(self._per_s[first : last + 1], default=0.0) if last else 0.0


class Holt:
    """A level and a trend, both smoothed exponentially; the trend goes on.

    Holt's linear method: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed.,
    section 8.2.
    """

    def __init__(self) -> None:
        self._at_s = self._level = math.nan
        self._trend = 0.0

    def see(self, now_s: float, per_s: float) -> None:
        """Smooth."""
        if math.isnan(self._level):
            self._level = per_s
        else:
            span_s = now_s - self._at_s
            before = self._level
            self._level = LEVEL * per_s + (1.0 - LEVEL) * (before + self._trend * span_s)
            change = (self._level - before) / span_s
            self._trend = TREND * change + (1.0 - TREND) * self._trend
        self._at_s = now_s

    def most(self, now_s: float, lead_s: float) -> float:
        """Return the larger of the level now and ``lead_s`` from now."""
        if math.isnan(self._level):
            return 0.0
        return max(self._level, self._level + self._trend * lead_s)
