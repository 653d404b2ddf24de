"""The best window against one of every second."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.core.deferral.windows import HORIZON_S, best_start
from bayplan.simulator.core.hourly import Hourly

HOURS = st.lists(st.integers(-5, 50).map(float), min_size=1, max_size=7).map(tuple)


def by_steps(hours: tuple[float, ...], from_s: int, length_s: int, step_s: int = 60) -> float:
    """The integral, a step at a time, in value × hours."""
    hour = np.arange(from_s, from_s + length_s, step_s) // 3600 % len(hours)
    return float(np.array(hours)[hour].sum()) * step_s / 3600.0


@given(HOURS, st.integers(0, 600), st.integers(-5, 500), st.integers(1, 300))
def test_no_window_costs_less_and_none_as_little_is_earlier(
    hours: tuple[float, ...], now: int, slack: int, length: int
) -> None:
    now_s, latest_s, length_s = 60 * now, 60 * (now + slack), 60 * length
    found, cost = best_start(Hourly(hours), now_s, latest_s, length_s)
    starts = range(now_s, max(now_s, latest_s) + 1, 60)
    costs = [by_steps(hours, at, length_s) for at in starts]
    least = next(k for k, each in enumerate(costs) if each <= min(costs) + 1e-7)
    assert found == starts[least]
    assert cost == pytest.approx(costs[least], abs=1e-6)


@given(HOURS, st.integers(-200, 5000))
def test_the_integral_is_the_sum_of_minutes(hours: tuple[float, ...], minutes: int) -> None:
    series, until_s = Hourly(hours), 60 * abs(minutes)
    assert series.upto(until_s) == pytest.approx(by_steps(hours, 0, until_s), abs=1e-6)
    spans = series.all_between(np.array([0.0, 600.0]), float(until_s))
    assert spans.tolist() == pytest.approx(
        [series.between(0.0, until_s), series.between(600.0, 600.0 + until_s)], abs=1e-6
    )


def test_slack_without_end_ends_after_a_round() -> None:
    assert best_start(Hourly((3.0, 2.0, 1.0)), 0.0, 1e12, 60.0)[0] == 7200.0
    # A round of two years, whose last hour is the best: nobody looks that far.
    start_s, _ = best_start(Hourly((1.0,) * 17_567 + (0.0,)), 0.0, 1e12, 60.0)
    assert start_s == 0.0
    assert HORIZON_S == 366 * 86_400
