"""Latencies in a steady state against known values, plain sums and a simulation of M/M/c."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.core.services.responses import (
    MOST_BUSY,
    Response,
    erlang_b,
    erlang_c,
    response,
)
from bayplan.simulator.core.services.tally import Tally


@given(st.integers(1, 60), st.floats(0.01, 100.0))
def test_the_loss_formula_is_its_definition(servers: int, load: float) -> None:
    terms = [load**k / math.factorial(k) for k in range(servers + 1)]
    assert erlang_b(servers, load) == pytest.approx(terms[-1] / sum(terms), rel=1e-9)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_the_waiting_formula_is_its_definition(servers: int, busy: float) -> None:
    load = busy * servers
    below = sum(load**k / math.factorial(k) for k in range(servers))
    last = load**servers / math.factorial(servers) / (1.0 - busy)
    assert erlang_c(servers, load) == pytest.approx(last / (below + last), rel=1e-9)


def test_known_values() -> None:
    # One server: who comes waits as often as it is busy. Two: C = 2 rho^2 / (1 + rho).
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    assert erlang_c(2, 1.5) == pytest.approx(2 * 0.75**2 / 1.75)
    # Ten servers and five Erlangs lose 1.84 %: tables of the Erlang B formula.
    assert erlang_b(10, 5.0) == pytest.approx(0.0184, abs=5e-5)


def test_one_server_is_as_theory_says() -> None:
    # M/M/1 at rho = 0.8, one request a second served: sojourns are exponential of 1 / (1 - 0.8).
    how = response(0.8, 1, 1.0)
    assert how.mean_s == pytest.approx(5.0)
    times = np.array([0.0, 1.0, 5.0, 20.0])
    assert how.over(times) == pytest.approx(np.exp(-0.2 * times))


def test_fixed_services_wait_half_as_long() -> None:
    # M/D/1 by Allen and Cunneen is exact in the mean: rho / (2 (1 - rho)) on top of the service.
    how = response(0.8, 1, 1.0, service_cv=0.0)
    assert how.mean_s == pytest.approx(1.0 + 0.8 / (2 * 0.2))
    assert how.share_over(0.999) == 1.0
    assert how.share_over(1.0) == pytest.approx(0.8)


def test_where_nobody_comes_a_request_takes_its_service() -> None:
    assert response(0.0, 4, 2.0).mean_s == pytest.approx(2.0)


def test_beyond_the_capacity_waits_are_those_of_the_highest_load() -> None:
    assert response(50.0, 3, 10.0) == response(10.0 * MOST_BUSY, 3, 10.0)


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.6), (4, 0.85), (10, 0.7)])
def test_the_distribution_is_that_of_simulated_queues(servers: int, busy: float) -> None:
    rng = np.random.default_rng(7)
    n = 200_000
    arrivals = np.cumsum(rng.exponential(1.0 / (busy * servers), n))
    services = rng.exponential(1.0, n)
    free = [0.0] * servers
    taken = np.empty(n)
    for k, (at, service) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
        end = max(at, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        taken[k] = end - at
    how = response(busy * servers, servers, float(servers))
    assert how.mean_s == pytest.approx(taken.mean(), rel=0.04)
    for time_s in (0.5, 1.0, 2.0, 5.0):
        assert how.share_over(time_s) == pytest.approx((taken > time_s).mean(), abs=0.01)


TIMES = st.just(0.0) | st.floats(0.001, 10.0)


@given(
    st.floats(0.0, 1.0), TIMES, TIMES, TIMES,
    st.lists(st.floats(0.0, 100.0), min_size=2, max_size=20),
)  # fmt: skip
def test_shares_are_shares_and_fall(
    waits: float, wait_s: float, fixed_s: float, spread_s: float, times: list[float]
) -> None:
    over = Response(waits, wait_s, fixed_s, spread_s).over(np.array(sorted(times)))
    assert ((over >= -1e-9) & (over <= 1.0 + 1e-9)).all()
    assert (np.diff(over) <= 1e-9).all()


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.floats(0.01, 50.0), st.floats(0.0, 50.0)),
                min_size=1, max_size=8), st.sampled_from([50.0, 90.0, 99.0]))  # fmt: skip
def test_percentiles_are_near_those_of_what_was_counted(
    parts: list[tuple[float, float, float]], percent: float
) -> None:
    tally = Tally(1.0)
    values, weights = [], []
    for number, from_s, more_s in parts:
        tally.between(number, from_s, from_s + more_s)
        values += [from_s + more_s * (k + 0.5) / 2000 for k in range(2000)]
        weights += [number / 2000] * 2000
    order = np.argsort(values)
    at = np.searchsorted(np.cumsum(np.array(weights)[order]), percent / 100 * sum(weights))
    found = tally.percentile(percent)
    near = np.array(values)[order][max(0, at - 2) : at + 3]
    # Within its bin, which is a hundredth wide; beside a gap, at one of its ends.
    assert (near.min() / 1.0101 - 1e-3) <= found <= (near.max() * 1.0101 + 1e-3)
    assert tally.mean_s == pytest.approx(np.average(values, weights=weights))
