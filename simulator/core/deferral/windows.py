"""The best window for a run of known length: when to begin."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from bayplan.scheduler.arrays import FloatArray
from bayplan.simulator.core.hourly import HOUR_S

HORIZON_S = 366 * 24 * HOUR_S
"""No start is looked for later than in a year: it bounds the work where slack is without end."""

TIE = 1e-9
"""Windows whose costs differ by less than this share of the largest are one: it is rounding."""


class Costs(Protocol):
    """What running costs at a place over time: ``Hourly``, or a mean of several."""

    n_hours: int

    def all_between(self, from_s: FloatArray, length_s: float) -> FloatArray:
        """Return the costs (n,) of windows of one length that begin at times (n,)."""


def best_start(costs: Costs, now_s: float, latest_s: float, length_s: float) -> tuple[float, float]:
    """Return the start in [now_s, latest_s] whose window costs least, and what it costs.

    Of equals it is the earliest. Between two hours the cost of a window moves on a line as its
    start does, so that a least one begins or ends at the turn of an hour, or begins at a bound.
    Later than one round of the series nothing new comes, and later than ``HORIZON_S`` nobody looks.

    Parameters
    ----------
    costs
        What an hour costs.
    now_s, latest_s
        Bounds of the start; ``latest_s`` before ``now_s`` gives ``now_s``.
    length_s
        How long the window is.
    """
    until_s = min(latest_s, now_s + min(HOUR_S * costs.n_hours, HORIZON_S))
    starts = candidates(now_s, max(now_s, until_s), length_s)
    found = costs.all_between(starts, length_s)
    first = int(np.argmax(found <= found.min() + TIE * np.abs(found).max()))
    return starts.item(first), found.item(first)


def candidates(now_s: float, until_s: float, length_s: float) -> FloatArray:
    """Return the starts among which a best one is, ascending: (n,), the first is ``now_s``."""
    turns = HOUR_S * np.arange(
        math.floor(now_s / HOUR_S), math.ceil((until_s + length_s) / HOUR_S) + 1
    )
    starts = np.unique(np.concatenate([[now_s, until_s], turns, turns - length_s]))
    return starts[(now_s <= starts) & (starts <= until_s)]
