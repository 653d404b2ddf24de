"""The electricity of a scenario."""

from __future__ import annotations

from bayplan.simulator.core.grid import Grid
from bayplan.simulator.scenario.scenario import Scenario

MOST_G_PER_KWH = 10_000.0
"""More than the dirtiest power station gives."""

_KEY = "energy.co2_g_per_kwh"


def grid_of(scenario: Scenario) -> Grid | None:
    """Return the carbon intensity of a scenario by the hour; None where nothing is measured.

    Raises
    ------
    InputError
        It is no list of numbers.
    """
    if not scenario["energy.measure"]:
        return None
    hours = []
    for number, text in enumerate(str(scenario[_KEY]).split(","), start=1):
        try:
            grams = float(text)
        except ValueError:
            grams = -1.0
        if not 0.0 <= grams <= MOST_G_PER_KWH:
            problem = f"hour {number} is {text.strip()!r}"
            raise scenario.error(_KEY, problem, f"write numbers from 0 to {MOST_G_PER_KWH:,.0f}")
        hours.append(grams)
    return Grid(tuple(hours))
