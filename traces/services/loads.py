"""Requests a second over time, constant in pieces."""

from __future__ import annotations

import math

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.traces.columns import FloatArray
from bayplan.traces.series import MAX_BINS, Rates
from bayplan.traces.services.types import Load

HOUR_S, DAY_S = 3600.0, 86_400.0


def constant(per_s: float, from_s: float = 0.0, until_s: float = math.inf) -> Load:
    """Return a load that stays."""
    return Load(np.array([from_s]), np.array([per_s]), until_s)


def diurnal(
    low_per_s: float,
    peak_per_s: float,
    peak_h: float,
    bin_s: float,
    from_s: float = 0.0,
    until_s: float = math.inf,
) -> Load:
    """Return a load that rises and falls once a day as a cosine, in pieces of ``bin_s``.

    A piece has the rate at its middle. Without an end it is a year long. Sinusoids are the usual
    stand-in for a day's course in studies of queues with changing rates (Green and Kolesar, The
    Pointwise Stationary Approximation for Queues with Nonstationary Arrivals, Management Science
    37(1), 1991).

    Raises
    ------
    InputError
        There are more than ten million pieces.
    """
    last_s = until_s if until_s < math.inf else from_s + 366 * DAY_S
    if (last_s - from_s) / bin_s > MAX_BINS:
        problem = f"bins of {bin_s:g} s are more than {MAX_BINS:,} until {last_s:.15g} s"
        raise InputError(problem, fix="give a longer bin_s, or an earlier until_s")
    starts: FloatArray = from_s + bin_s * np.arange(float(math.ceil((last_s - from_s) / bin_s)))
    phase = 2.0 * np.pi * ((starts + bin_s / 2.0) - peak_h * HOUR_S) / DAY_S
    middle, half = (peak_per_s + low_per_s) / 2.0, (peak_per_s - low_per_s) / 2.0
    return Load(starts, middle + half * np.cos(phase), until_s)


def from_rates(
    rates: Rates, scale: float = 1.0, from_s: float = 0.0, until_s: float = math.inf
) -> Load:
    """Return the load of a request series that was put into bins.

    It ends with the last bin, or at ``until_s`` if that is earlier.
    """
    end_s = min(until_s, from_s + len(rates.start_s) * rates.width_s)
    starts = from_s + rates.start_s
    there = starts < end_s
    return Load(starts[there], scale * rates.requests_per_s[there], end_s)
