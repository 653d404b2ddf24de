"""The electricity of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from bayplan.simulator.core.grid import Grid, Hours
from bayplan.simulator.scenario import builtin_grid
from bayplan.simulator.scenario.hours import CARBON, LEAST, MOST, PRICE
from bayplan.simulator.scenario.scenario import Scenario

BUILTIN = "builtin"

Zones = Mapping[str, Hours]


class _Asked(NamedTuple):
    """Where a series stands: its keys, its column, and the made-up one."""

    key: str
    file: str
    column: str
    builtin: Callable[[int], Hours]


_CARBON = _Asked("energy.co2_g_per_kwh", "energy.co2_file", CARBON, builtin_grid.carbon)
_PRICE = _Asked("energy.price_per_kwh", "energy.price_file", PRICE, builtin_grid.price)

FILES = {asked.file: asked.column for asked in (_CARBON, _PRICE)}
"""The keys that name files of hours, and the column of values in each."""


def grid_of(
    scenario: Scenario,
    zones: Collection[str] = (),
    files: Mapping[str, Zones] | None = None,
) -> Grid | None:
    """Return carbon intensity and price of a scenario by the hour; None where nothing is measured.

    The made-up series are dealt out to the zones in the order of their names, one kind of grid
    after the other.

    Parameters
    ----------
    scenario
        The scenario.
    zones
        Those of the cluster's nodes, empty for nodes without one.
    files
        What the files say, by key; a file that is not there says nothing.

    Raises
    ------
    InputError
        A value is no list of numbers, or a file says nothing of a zone.
    """
    if not scenario["energy.measure"]:
        return None
    carbon, of_zones = _series(scenario, _CARBON, zones, files or {})
    price, prices = _series(scenario, _PRICE, zones, files or {})
    return Grid(carbon or (0.0,), of_zones, price, prices)


def _series(
    scenario: Scenario, asked: _Asked, zones: Collection[str], files: Mapping[str, Zones]
) -> tuple[Hours, Zones]:
    """Return the hours of all zones, and those of single ones in their place."""
    if asked.file in files:
        return _of_file(scenario, asked, zones, files[asked.file])
    text = str(scenario[asked.key]).strip()
    if not text:
        return (), {}
    if text == BUILTIN:
        kinds = builtin_grid.KINDS
        dealt = {zone: asked.builtin(k % kinds) for k, zone in enumerate(sorted(zones))}
        return asked.builtin(0), dealt
    return _listed(scenario, asked, text), {}


def _of_file(
    scenario: Scenario, asked: _Asked, zones: Collection[str], given: Zones
) -> tuple[Hours, Zones]:
    other = given.get("", ())
    unknown = [zone for zone in sorted(zones) if zone not in given] if not other else []
    if unknown:
        nobody = f"zone {unknown[0]!r}" if unknown[0] else "nodes without a zone"
        problem = f"{scenario[asked.file]} has no hours of {nobody}"
        raise scenario.error(asked.file, problem, "add rows of it, or rows without a zone")
    return other, {zone: hours for zone, hours in given.items() if zone}


def _listed(scenario: Scenario, asked: _Asked, text: str) -> Hours:
    hours = []
    least, most = LEAST[asked.column], MOST[asked.column]
    for number, each in enumerate(text.split(","), start=1):
        try:
            value = float(each)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            problem = f"hour {number} is {each.strip()!r}"
            fix = f"write numbers from {least:,} to {most:,}, or {BUILTIN}"
            raise scenario.error(asked.key, problem, fix)
        hours.append(value)
    return tuple(hours)
