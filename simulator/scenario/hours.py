"""Values by hour and zone, from a file."""

from __future__ import annotations

from bayplan.simulator.core.grid import Hours
from bayplan.traces.columns import Column, shown
from bayplan.traces.files import PathLike
from bayplan.traces.reading import open_csv, read_columns

MOST_G_PER_KWH = 10_000
"""More than the dirtiest power station gives."""

MOST_PRICE = 10**6
MOST_HOURS = 10**6

CARBON, PRICE = "g_per_kwh", "price_per_kwh"
LEAST = {CARBON: 0, PRICE: -MOST_PRICE}
MOST = {CARBON: MOST_G_PER_KWH, PRICE: MOST_PRICE}
"""Bounds of a value: prices of electricity are below 0 at times."""


def columns_of(value: str) -> tuple[Column, ...]:
    """Return the columns of a file of ``g_per_kwh`` or ``price_per_kwh``."""
    return (
        Column("hour", "int64", "hours", "from so many hours after time 0 on, for an hour",
               required=True, minimum=0, maximum=MOST_HOURS - 1),
        Column("zone", "str", "", "the zone of nodes; empty: all that have no rows", default=""),
        Column(value, "float64", "", "of a kWh", required=True,
               minimum=LEAST[value], maximum=MOST[value]),
    )  # fmt: skip


def read_hours(path: PathLike, value: str) -> dict[str, Hours]:
    """Read a file of values by hour: zone → hours, which are repeated after the last.

    Parameters
    ----------
    path
        A CSV file with the columns of ``columns_of``, plain or gzip; rows in any order.
    value
        The name of the column of values.

    Raises
    ------
    InputError
        The file cannot be read, a zone has an hour twice, or lacks one before its last.
    """
    file = open_csv(path)
    columns = read_columns(file, columns_of(value))
    zones: dict[str, dict[int, float]] = {}
    last: dict[str, int] = {}
    rows = zip(columns["hour"].tolist(), columns["zone"], columns[value].tolist(), strict=True)
    for record, (hour, zone, each) in enumerate(rows):
        hours = zones.setdefault(zone, {})
        if hour in hours:
            raise file.error(f"hour {hour}{_of(zone)} is there twice", "keep one", record=record)
        hours[hour], last[zone] = each, record
    for zone, hours in zones.items():
        missing = next((hour for hour in range(len(hours)) if hour not in hours), None)
        if missing is not None:
            problem = f"hour {missing}{_of(zone)} is missing"
            raise file.error(problem, "give every hour from 0 on", record=last[zone])
    return {zone: tuple(hours[hour] for hour in range(len(hours))) for zone, hours in zones.items()}


def _of(zone: str) -> str:
    return f" of zone {shown(zone)}" if zone else ""
