"""How many replicas: the formula by hand, stabilisation, limits, none at all, and forecasts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.core.services.forecast import LEVEL, TREND, Holt, Seasonal
from bayplan.simulator.core.services.scaling import Scaler, wanted
from bayplan.traces.services import Alternative, Latency, Load, Scaling, Service


def service(least: int = 1, most: int = 100, **scaling: Any) -> Service:
    """A replica serves 10 requests a second, one in 0.4 s; half of that is its target."""
    return Service(
        "s",
        Latency("c", 1.0),
        Load(np.array([0.0]), np.array([1.0])),
        (Alternative(10.0, 0.4),),
        least,
        most,
        scaling=Scaling(**{"target": 0.5, **scaling}),
    )


def looks(scaler: Scaler, current: int, rates: list[float], first_s: float = 15.0) -> list[int]:
    """The answers to looks that are 15 s apart."""
    found = []
    for k, per_s in enumerate(rates):
        current = scaler.look(first_s + 15.0 * k, current, per_s, 0.0)
        found.append(current)
    return found


def test_the_formula_by_the_examples_of_the_documentation() -> None:
    # A metric of 200 for a target of 100 doubles the replicas; of 50 it halves them.
    assert wanted(3, 3 * 200.0, 100.0, 0.1) == 6
    assert wanted(4, 4 * 50.0, 100.0, 0.1) == 2
    # A tenth from the target nothing is done; beyond it is.
    assert wanted(10, 1099.0, 100.0, 0.1) == 10
    assert wanted(10, 1101.0, 100.0, 0.1) == 12
    assert wanted(10, 899.0, 100.0, 0.1) == 9


@given(st.integers(1, 500), st.floats(0.001, 1e5), st.floats(0.01, 100.0))
def test_as_many_as_are_wanted_are_enough_and_not_one_too_many(
    current: int, total: float, each: float
) -> None:
    found = wanted(current, total, each, 0.0)
    assert found == current or (found * each >= total * (1 - 1e-6) and (found - 1) * each < total)


def test_it_grows_by_four_or_doubles_at_a_look() -> None:
    assert looks(Scaler(service()), 1, [1000.0] * 5) == [5, 10, 20, 40, 80]
    assert looks(Scaler(service(up_replicas=1, up_pct=0.0)), 1, [1000.0] * 3) == [2, 3, 4]


def test_the_most_of_five_minutes_stays() -> None:
    # 50 a second want 10 replicas at 15 s; from then on 1 is wanted. Until 315 s 10 were, lately.
    found = looks(Scaler(service()), 10, [50.0, *[5.0] * 21])
    assert found == [10] * 20 + [1] * 2
    assert looks(Scaler(service(down_window_s=0.0)), 10, [50.0, 5.0, 50.0]) == [10, 1, 5]


def test_the_bounds_hold() -> None:
    assert looks(Scaler(service(least=3, most=6, down_window_s=0.0)), 3, [1.0, 999.0]) == [3, 6]


def test_none_stays_when_nobody_came_for_long() -> None:
    # The last requests are seen at 30 s. 60 s later none stays; the next requests bring one back.
    scaler = Scaler(service(least=0, cooldown_s=60.0, down_window_s=0.0))
    rates = [5.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 20.0, 20.0]
    assert looks(scaler, 1, rates) == [1, 1, 1, 1, 1, 0, 0, 1, 4]


def test_who_waits_keeps_it_awake() -> None:
    scaler = Scaler(service(least=0, cooldown_s=0.0))
    assert scaler.look(15.0, 1, 0.0, 3.0) == 1
    assert scaler.look(30.0, 0, 0.0, 3.0) == 1
    assert scaler.look(45.0, 1, 0.0, 0.0) == 0


def test_concurrency_counts_who_waits() -> None:
    # A replica serves four at a time, two are the target: 40 that wait or are served want 20.
    scaler = Scaler(service(metric="concurrency", up_pct=900.0))
    assert scaler.look(15.0, 2, 0.0, 40.0) == 20


def test_fixed_is_all_of_them_always() -> None:
    scaler = Scaler(service(most=7, scaler="fixed"))
    assert scaler.first == 7
    assert looks(scaler, 7, [0.0, 1000.0]) == [7, 7]


def test_a_season_ago_is_what_will_be() -> None:
    seasonal = Seasonal(100.0)
    for k in range(10):
        seasonal.see(10.0 * (k + 1), float(k))
    # From 110 to 130 it is as from 10 to 30: looks at 20 and 30, and the one after tells of 30 on.
    assert seasonal.most(110.0, 20.0) == 3.0
    assert seasonal.most(95.0, 0.0) == 0.0  # nothing is known of before


def test_replicas_come_before_their_load_does() -> None:
    # 60 s from now it was 100 a second, a season ago.
    more: dict[str, Any] = {"season_s": 900.0, "lead_s": 60.0, "up_pct": 1e5, "down_window_s": 0.0}
    scaler = Scaler(service(scaler="seasonal", **more))
    rates = [5.0] * 20 + [100.0] * 20 + [5.0] * 40
    found = looks(scaler, 1, rates)
    assert found[20] == 20  # as it comes, at 315 s
    assert found[40] == 1
    # From 300 s on the load was there, and so it will be from 1,200 s on: they come 60 s before.
    assert found.index(20, 40) == 75
    assert 15.0 + 15.0 * 75 == 1140.0


def test_holt_by_hand() -> None:
    holt = Holt()
    holt.see(10.0, 4.0)
    assert holt.most(10.0, 30.0) == 4.0
    holt.see(20.0, 8.0)
    level = LEVEL * 8.0 + (1 - LEVEL) * 4.0
    trend = TREND * (level - 4.0) / 10.0
    assert holt.most(20.0, 30.0) == pytest.approx(level + 30.0 * trend)


def test_holt_follows_a_line() -> None:
    holt = Holt()
    for k in range(400):
        holt.see(15.0 * k, 2.0 * 15.0 * k)
    assert holt.most(15.0 * 399, 60.0) == pytest.approx(2.0 * (15.0 * 399 + 60.0), rel=1e-3)
    assert math.isfinite(holt.most(0.0, 0.0))
