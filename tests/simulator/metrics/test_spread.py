from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.metrics.fairness import mean_jobs
from bayplan.simulator.metrics.spread import jain, mean, percentile, time_mean

amounts = st.floats(0.0, 1e300, allow_subnormal=False)


@given(st.lists(amounts, min_size=2, max_size=30).filter(any))
def test_jain_is_between_an_nth_and_one(values: list[float]) -> None:
    assert 1 / len(values) <= jain(values) <= 1.0


@given(st.floats(1e-300, 1e300), st.integers(2, 50))
def test_jain_is_one_of_equals_and_an_nth_of_one_who_has_all(value: float, n: int) -> None:
    assert jain([value] * n) == pytest.approx(1.0)
    assert jain([value] + [0.0] * (n - 1)) == pytest.approx(1 / n)


@given(st.lists(st.floats(1.0, 1e6), min_size=2, max_size=20), st.floats(1e-3, 1e3))
def test_jain_does_not_depend_on_the_unit_and_is_its_formula(
    values: list[float], unit: float
) -> None:
    plain = sum(values) ** 2 / (len(values) * sum(x * x for x in values))
    assert jain(values) == pytest.approx(plain)
    assert jain([unit * x for x in values]) == pytest.approx(plain)


def test_jain_of_fewer_than_two_or_of_nothing_says_nothing() -> None:
    assert math.isnan(jain([]))
    assert math.isnan(jain([3.0]))
    assert math.isnan(jain([0.0, 0.0]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(0, 100))
def test_a_percentile_is_linear_between_sorted_values(values: list[float], percent: int) -> None:
    place = (len(values) - 1) * percent / 100
    low = math.floor(place)
    a, b = sorted(values)[low], sorted(values)[min(low + 1, len(values) - 1)]
    found = percentile(np.array(values), percent)
    assert found == pytest.approx(a + (place - low) * (b - a), rel=1e-9, abs=1e-6)


def test_a_mean_is_exact_in_any_order() -> None:
    values = np.array([1e16, 1.0, -1e16, 1.0])
    assert mean(values) == mean(values[::-1]) == 0.5


def test_a_sample_stands_for_the_time_since_the_one_before() -> None:
    time = np.array([10.0, 20.0, 50.0])
    assert time_mean(time, np.array([4.0, 1.0, 2.0]), 0.0) == (40 + 10 + 60) / 50
    assert time_mean(time, np.array([4.0, 1.0, 2.0]), 10.0) == (10 + 60) / 40
    assert time_mean(time, np.array([4.0, np.nan, 2.0]), 0.0) == (40 + 60) / 40
    assert time_mean(time[:1], np.array([4.0]), 10.0) == 4.0
    assert math.isnan(time_mean(time, np.full(3, np.nan), 0.0))
    assert math.isnan(time_mean(time[:0], time[:0], 0.0))


spans = st.tuples(st.integers(0, 1000), st.integers(1, 500))


@given(st.lists(spans, min_size=1, max_size=12), spans)
def test_the_mean_number_of_jobs_is_that_of_counting_seconds(
    jobs: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    comes = np.array([start for start, _ in jobs], np.float64)
    goes = np.array([start + length for start, length in jobs], np.float64)
    goes[::4] = np.inf
    start, length = asked
    counted = sum(
        int(((comes <= second) & (second < goes)).sum()) for second in range(start, start + length)
    )
    found = mean_jobs(comes, goes, np.array([float(start)]), np.array([float(start + length)]))
    assert found[0] == pytest.approx(counted / length, abs=1e-9)
