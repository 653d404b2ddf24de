"""Where an axis has its marks, and what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.simulator.outputs.numbers import time_unit

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_DAY_S = 86_400.0
_TIMES = (
    (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"),
    (6 * 3600.0, "6 h"), (_DAY_S, "1 d"), (5 * _DAY_S, "5 d"), (30 * _DAY_S, "30 d"),
    (200 * _DAY_S, "200 d"), (1000 * _DAY_S, "1,000 d"),
)  # fmt: skip
_MOST_TIMES = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from ``low`` to ``high``; ``marks`` are (place from 0 to 1, text).

    ``log`` spreads times evenly by their logarithm; what is below ``low`` is at its beginning.
    """

    low: float
    high: float
    marks: tuple[tuple[float, str], ...]
    label: str
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value is, from 0 to 1."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = (math.log(max(x, self.low)) for x in (value, low, high))
        return min(1.0, max(0.0, (value - low) / (high - low)))


def linear(high: float, label: str, wanted: int = 5) -> Axis:
    """Return an axis from 0 to a round number at or above a value.

    Parameters
    ----------
    high
        The largest value.
    label
        What it is of, with its unit.
    wanted
        About how many steps.
    """
    high = high if high > 0 else 1.0
    step = _step(high, wanted)
    n = max(1, math.ceil(high / step - 1e-9))
    marks = tuple((k / n, f"{k * step:,.10g}") for k in range(n + 1))
    return Axis(0.0, n * step, marks, label)


def since(span_s: float, wanted: int = 5) -> Axis:
    """Return an axis of simulated time, in seconds since the first arrival.

    Parameters
    ----------
    span_s
        How long it is.
    wanted
        About how many steps.
    """
    unit_s, unit = time_unit(span_s)
    span = max(span_s, 1e-9) / unit_s
    step = _step(span, wanted)
    n = math.floor(span / step + 1e-9)
    marks = tuple((k * step / span, f"{k * step:,.10g}") for k in range(n + 1))
    return Axis(0.0, span * unit_s, marks, f"{unit} since the first arrival")


def logarithmic(values: Sequence[float], label: str) -> Axis:
    """Return an axis of durations from a second, or the mark below the least, to beyond the most.

    Parameters
    ----------
    values
        The least and the largest, and any between, in seconds.
    label
        What it is of.
    """
    least, most = max(min(values), 1.0), max(max(values), 10.0)
    inside = [mark for mark in _TIMES if mark[0] > least]
    first = [mark for mark in _TIMES if mark[0] <= least][-1]
    shown = [first, *(mark for mark in inside if mark[0] < most)]
    last = next((mark for mark in inside if mark[0] >= most), None)
    shown += [last] if last is not None else []
    low, high = shown[0][0], max(shown[-1][0], most)
    axis = Axis(low, high, (), label, log=True)
    return Axis(
        low, high, tuple((axis.place(at), text) for at, text in _thinned(shown)), label, log=True
    )


def _thinned(marks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    every = math.ceil(len(marks) / _MOST_TIMES)
    return marks[::-1][::every][::-1]


def _step(span: float, wanted: int) -> float:
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9))
