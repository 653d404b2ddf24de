"""Means over seeds and how sure they are: Student's t, in plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of ``n`` values and half the width of its confidence interval.

    ``half`` is NaN where one value says nothing about the spread; ``mean`` too where there is none.
    """

    mean: float
    half: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half


def interval(values: Iterable[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of values and its confidence interval; NaN values are left out.

    Mean ± t × s / √n, t the quantile of Student's distribution with n − 1 degrees of freedom.

    Parameters
    ----------
    values
        One of each seed.
    confidence
        Between 0 and 1.
    """
    known = [value for value in values if not math.isnan(value)]
    n = len(known)
    if n == 0:
        return Interval(math.nan, math.nan, 0)
    if n == 1:
        return Interval(float(known[0]), math.nan, 1)
    t = t_quantile(0.5 + confidence / 2, n - 1)
    return Interval(fmean(known), t * stdev(known) / math.sqrt(n), n)


def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's distribution, by bisection on its tail.

    Parameters
    ----------
    probability
        0.5 up to, but not, 1.
    freedom
        Degrees of freedom, at least 1.

    Raises
    ------
    ValueError
        Either is out of bounds.
    """
    if not 0.5 <= probability < 1.0 or freedom < 1:
        raise ValueError(f"no quantile {probability} of Student's t with {freedom} degrees")
    tail = 1.0 - probability
    low, high = 0.0, 1.0
    while _tail(high, freedom) > tail:
        high *= 2.0
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if _tail(middle, freedom) > tail else (low, middle)
    return high if tail < 0.5 else 0.0


def _tail(t: float, freedom: int) -> float:
    """Return the probability of more than ``t >= 0``: I_x(ν/2, 1/2) / 2 with x = ν / (ν + t²)."""
    return 0.5 * incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    By its continued fraction, Abramowitz and Stegun 26.5.8, evaluated as Lentz does (Applied
    Optics 15, 1976), on the side where it converges fast.

    Parameters
    ----------
    x
        0 to 1.
    a, b
        Greater than 0.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(1.0 - x, b, a)
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    tiny, steps = 1e-300, 10_000
    c, d = 1.0, 1.0 / _kept(1.0 - (a + b) * x / (a + 1.0), tiny)
    value = d
    for m in range(1, steps):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _kept(1.0 + term * d, tiny)
            c = _kept(1.0 + term / c, tiny)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _kept(value: float, tiny: float) -> float:
    """Return a value that can be divided by."""
    return value if abs(value) > tiny else tiny
