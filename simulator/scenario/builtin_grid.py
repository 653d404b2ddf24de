"""Made-up carbon intensity and prices: the shape of a week, by a formula, for no real grid.

With h the hour since time 0 (a Monday, 0:00), t = h + ½ its middle and d = t mod 24:

- demand = week × (1 + a cos 2π(d - 19)/24), week = 0.9 on the last two days of seven, else 1: most
  is used at 19:00;
- sun = max(0, sin π(d - 6)/12);
- wind = cos 2πt/84: two windy spells a week.

Three kinds of grid, in g CO2 per kWh: much sun, 430 × demand (a = 0.15) - 300 × sun; much wind,
250 × demand (a = 0.1) × (1 - 0.4 × wind); coal, 680 × demand (a = 0.08). A price per kWh:
0.12 × demand (a = 0.35), less 0.07 × sun where there is much sun, less 0.03 × wind where there is
much wind. Intensities are rounded to whole g, prices to 0.0001.
"""

from __future__ import annotations

import math

from bayplan.simulator.core.grid import Hours

WEEK_H = 168


def carbon(kind: int) -> Hours:
    """Return the g CO2 per kWh of a kind of grid (0 sun, 1 wind, 2 coal), by hour of a week."""
    hours = []
    for t in _middles():
        grams = (
            430.0 * _demand(t, 0.15) - 300.0 * _sun(t),
            250.0 * _demand(t, 0.1) * (1.0 - 0.4 * _wind(t)),
            680.0 * _demand(t, 0.08),
        )
        hours.append(float(round(grams[kind])))
    return tuple(hours)


def price(kind: int) -> Hours:
    """Return the price per kWh of a kind of grid, by hour of a week."""
    hours = []
    for t in _middles():
        less = (0.07 * _sun(t), 0.03 * _wind(t), 0.0)
        hours.append(round(0.12 * _demand(t, 0.35) - less[kind], 4))
    return tuple(hours)


KINDS = 3


def _middles() -> list[float]:
    return [hour + 0.5 for hour in range(WEEK_H)]


def _demand(t: float, amplitude: float) -> float:
    week = 0.9 if t >= 5 * 24 else 1.0
    return week * (1.0 + amplitude * math.cos(2.0 * math.pi * (t % 24.0 - 19.0) / 24.0))


def _sun(t: float) -> float:
    return max(0.0, math.sin(math.pi * (t % 24.0 - 6.0) / 12.0))


def _wind(t: float) -> float:
    return math.cos(2.0 * math.pi * t / 84.0)
