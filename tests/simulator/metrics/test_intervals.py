from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.metrics.intervals import incomplete_beta, interval, t_quantile


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [  # the two-sided 95 % column of the tables of Student's distribution
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (5, 2.571),
        (9, 2.262),
        (10, 2.228),
        (19, 2.093),
        (30, 2.042),
        (60, 2.000),
        (120, 1.980),
        (100_000, 1.960),
    ],
)
def test_the_quantile_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(quantile, abs=5.1e-4)


@pytest.mark.parametrize("probability", [0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.9995, 1 - 1e-9])
def test_with_one_and_two_degrees_of_freedom_the_quantile_has_a_closed_form(
    probability: float,
) -> None:
    p = probability
    tail = math.tan(math.pi * (p - 0.5)) if p < 0.9 else 1.0 / math.tan(math.pi * (1.0 - p))
    assert t_quantile(p, 1) == pytest.approx(tail, rel=1e-11)
    alpha = 4 * p * (1 - p)
    assert t_quantile(p, 2) == pytest.approx(2 * (p - 0.5) * math.sqrt(2 / alpha), rel=1e-11)


@given(st.floats(0.5, 0.9999), st.integers(1, 300))
def test_more_degrees_of_freedom_bring_the_quantile_down(probability: float, freedom: int) -> None:
    further = t_quantile(probability, freedom + 1)
    assert 0.0 <= further <= t_quantile(probability, freedom) * (1 + 1e-9)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 1.0))
def test_the_beta_function_of_whole_numbers_is_a_sum_of_binomials(a: int, b: int, x: float) -> None:
    n = a + b - 1
    known = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))
    assert incomplete_beta(x, a, b) == pytest.approx(known, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize(("probability", "freedom"), [(0.4, 3), (1.0, 3), (0.9, 0)])
def test_what_has_no_quantile_is_refused(probability: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, freedom)


def test_an_interval_by_hand() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.mean, found.n) == (3.0, 5)
    assert found.half == pytest.approx(2.7764451 * math.sqrt(2.5) / math.sqrt(5), rel=1e-7)
    assert (found.low, found.high) == (3.0 - found.half, 3.0 + found.half)
    assert interval([2.0, 2.0]).half == 0.0


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    one = interval([7.0, math.nan])
    assert (one.mean, one.n) == (7.0, 1)
    assert math.isnan(one.half)
    none = interval([math.nan])
    assert math.isnan(none.mean)
    assert none.n == 0
