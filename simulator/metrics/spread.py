"""Means and percentiles of what may be empty: NaN then, and never a warning."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NAN = float("nan")


def mean(values: FloatArray) -> float:
    """Return the mean, (n,); NaN of nothing. Sums are exact, so the order of rows is nothing."""
    return math.fsum(values.tolist()) / values.size if values.size else NAN


def total(values: FloatArray) -> float:
    """Return the exact sum, (n,), rounded once."""
    return math.fsum(values.tolist())


def percentile(values: FloatArray, percent: float) -> float:
    """Return a percentile, (n,): linear between the sorted values around (n − 1) × percent / 100.

    It is NumPy's default, type 7 of Hyndman and Fan, The American Statistician 50(4), 1996.
    """
    return float(np.percentile(values, percent)) if values.size else NAN


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``; NaN where there is no whole."""
    return part / whole if whole > 0 else NAN


def time_mean(time_s: FloatArray, values: FloatArray, first_s: float) -> float:
    """Return the mean over time of a series, NaN samples left out.

    A sample is the state just before its time, so it stands for the time since the one before it.

    Parameters
    ----------
    time_s : (n_samples,), rising, seconds
    values : (n_samples,)
    first_s
        Since when the first sample stands.
    """
    known = ~np.isnan(values)
    weights = np.maximum(np.diff(time_s, prepend=first_s), 0.0)[known]
    if not weights.any():
        return mean(values[known])
    return ratio(total(values[known] * weights), total(weights))


def jain(values: FloatArray | Sequence[float]) -> float:
    """Return Jain's fairness index, (n,): 1 where all are equal, 1/n where one has everything.

    NaN for fewer than two values or where all are 0.

    Source: Jain, Chiu and Hawe, A Quantitative Measure of Fairness and Discrimination for Resource
    Allocation in Shared Computer Systems, DEC TR-301, 1984: (Σ x)² / (n Σ x²).
    """
    given = np.asarray(values, np.float64)
    if given.size < 2 or not given.any():
        return NAN
    scaled = given / given.max()  # squares neither overflow nor vanish
    n = scaled.size
    return float(min(1.0, max(1.0 / n, total(scaled) ** 2 / (n * total(scaled**2)))))
