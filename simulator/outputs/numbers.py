"""How figures are written for people: four digits, a column alike, a dash for nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable

NOTHING = "-"
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86400.0


def decimals(values: Iterable[float]) -> int:
    """Return how many decimals a column needs: about four digits of its largest, none if whole.

    Parameters
    ----------
    values
        The column; NaN counts for nothing.
    """
    known = [abs(value) for value in values if math.isfinite(value)]
    if all(value == math.floor(value) for value in known):
        return 0
    largest = max(known)
    return max(0, 3 - int(math.log10(largest))) if largest >= 1.0 else 3


def number(value: float, places: int | None = None) -> str:
    """Return a figure with thousands apart; its own number of decimals unless ``places`` says.

    Parameters
    ----------
    value
        The figure.
    places
        Decimals, as ``decimals`` of its column.
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{value:,.{decimals([value]) if places is None else places}f}"


def lasting(seconds: float) -> str:
    """Return a long time in a unit that one can imagine; empty below two minutes.

    Parameters
    ----------
    seconds
        The time.
    """
    for unit_s, least_s, unit in (
        (_DAY_S, 2 * _DAY_S, "d"),
        (_HOUR_S, 2 * _HOUR_S, "h"),
        (_MINUTE_S, 2 * _MINUTE_S, "min"),
    ):
        if seconds >= least_s:
            return f"{seconds / unit_s:,.1f} {unit}"
    return ""


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the unit in which an axis of this length is drawn, in seconds, and its name.

    Parameters
    ----------
    span_s
        Length of the axis, seconds.
    """
    for unit_s, unit in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if span_s >= 3 * unit_s:
            return unit_s, unit
    return 1.0, "seconds"
