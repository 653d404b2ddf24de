"""Requests as a fluid: by hand, against tiny parcels, and that none gets lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_flow
from bayplan.simulator.core.services.flow import Flow
from bayplan.simulator.core.services.tally import Tally

Piece = tuple[float, float, float]


def run(pieces: list[Piece], target_s: float = 1.0, servers: int = 1, **more: float) -> Flow:
    """Pieces of (how long, requests a second, capacity a second) from 0 on."""
    flow = Flow(Tally(target_s), **more)
    flow.advance(0.0)
    now_s = 0.0
    for span_s, per_s, capacity in pieces:
        flow.levels.per_s, flow.levels.capacity_per_s = per_s, capacity
        flow.levels.servers = servers if capacity else 0
        now_s += span_s
        flow.advance(now_s)
    return flow


def test_what_is_too_much_waits_and_is_served_in_its_order() -> None:
    # 4 a second come for 10 s, and 2 are served: 20 wait. Then none comes, for 10 s.
    flow = run([(10.0, 4.0, 2.0)], target_s=2.5)
    tally = flow.tally
    assert (tally.offered, tally.served, flow.backlog) == (40.0, 20.0, 20.0)
    # Served at t had come at t / 2: waits from 0 to 5 s, evenly, and half a second of service.
    assert tally.mean_s == pytest.approx(3.0)
    assert tally.in_time == pytest.approx(20.0 * 2.0 / 5.0)
    flow = run([(10.0, 4.0, 2.0), (20.0, 0.0, 2.0)], target_s=2.5)
    assert (flow.tally.served, flow.backlog) == (40.0, 0.0)
    # The last came at 10 and is served at 20: waits from 0 to 10 s.
    assert flow.tally.mean_s == pytest.approx(5.5)
    assert flow.tally.in_time == pytest.approx(40.0 * 2.0 / 10.0)


def test_requests_wait_for_the_first_replica() -> None:
    # 30 s without anybody: 30 wait. Then 4 a second are served, 1 comes: 10 s until none waits.
    flow = run([(30.0, 1.0, 0.0), (10.0, 1.0, 4.0)], target_s=20.25)
    assert (flow.tally.served, flow.backlog) == (40.0, 0.0)
    # Waits fall evenly from 30 s to 0; 20.25 s less 0.25 s of service are two thirds of them.
    assert flow.tally.in_time == pytest.approx(40.0 * 2.0 / 3.0)
    assert flow.tally.latency_s == pytest.approx(40.0 * 15.25)


def test_a_full_queue_drops_what_comes() -> None:
    # 3 a second more than are served: full with 6 after 2 s, and then 3 are dropped a second.
    flow = run([(10.0, 5.0, 2.0)], queue_limit=6.0)
    assert (flow.tally.served, flow.tally.dropped, flow.backlog) == (20.0, 24.0, 6.0)


def test_without_a_queue_all_that_is_too_much_is_dropped() -> None:
    flow = run([(10.0, 5.0, 2.0)], queue_limit=0.0)
    assert (flow.tally.served, flow.tally.dropped, flow.backlog) == (20.0, 30.0, 0.0)


def test_who_waits_too_long_goes() -> None:
    # Who is served at t came at t / 2; from 8 s on the first has waited for 4 s, and 2 a second go.
    flow = run([(10.0, 4.0, 2.0)], timeout_s=4.0)
    assert flow.tally.served == 20.0
    assert flow.tally.dropped == pytest.approx(4.0)
    assert flow.backlog == pytest.approx(16.0)
    # Nobody is left: those who came at 10 go at 14, with nobody to serve them.
    flow = run([(10.0, 4.0, 2.0), (5.0, 0.0, 0.0)], timeout_s=4.0)
    assert (flow.tally.served, flow.backlog) == (20.0, 0.0)
    assert flow.tally.dropped == pytest.approx(20.0)


def test_as_long_as_it_keeps_up_nobody_waits_in_the_fluid() -> None:
    flow = run([(100.0, 0.8, 1.0)], target_s=5.0)
    assert (flow.tally.served, flow.backlog) == (80.0, 0.0)
    assert flow.tally.in_time == pytest.approx(80.0 * (1.0 - math.exp(-1.0)))  # M/M/1
    assert flow.in_flight() == pytest.approx(4.0)  # rho / (1 - rho)


PIECES = st.lists(
    st.tuples(
        st.sampled_from([0.5, 1.0, 7.0, 60.0]),
        st.sampled_from([0.0, 0.3, 1.0, 4.0, 10.0]),
        st.sampled_from([0.0, 0.3, 1.0, 3.0, 10.0, 25.0]),
    ),
    max_size=12,
)
LIMITS = st.sampled_from([math.inf, 0.0, 2.0, 33.3])
TIMEOUTS = st.sampled_from([math.inf, 0.1, 5.0, 61.7])


@given(PIECES, LIMITS, TIMEOUTS)
def test_no_request_gets_lost(pieces: list[Piece], limit: float, timeout_s: float) -> None:
    flow = run(pieces, queue_limit=limit, timeout_s=timeout_s)
    tally = flow.tally
    assert tally.offered == pytest.approx(sum(span * rate for span, rate, _ in pieces))
    assert tally.offered == pytest.approx(tally.served + tally.dropped + flow.backlog, abs=1e-6)
    assert -1e-9 <= tally.in_time <= tally.served + 1e-9
    assert min(tally.served, tally.dropped, flow.backlog) >= 0.0
    assert flow.backlog <= limit + 1e-9


@given(PIECES, LIMITS, TIMEOUTS)
def test_it_is_what_tiny_parcels_tend_to(
    pieces: list[Piece], limit: float, timeout_s: float
) -> None:
    step_s = 1.0 / 64.0
    flow = run(pieces, queue_limit=limit, timeout_s=timeout_s)
    naive = naive_flow.flow(pieces, step_s, limit, timeout_s)
    # A step moves at most one parcel of each rate; a piece begins and ends with such steps.
    slack = 4.0 * step_s * 35.0 * (1 + len(pieces)) + 0.01 * naive.offered
    assert flow.tally.served == pytest.approx(naive.served, abs=slack)
    assert flow.tally.dropped == pytest.approx(naive.dropped, abs=slack)
    assert flow.backlog == pytest.approx(naive.backlog, abs=slack)


@given(PIECES)
def test_waits_are_those_of_tiny_parcels(pieces: list[Piece]) -> None:
    step_s = 1.0 / 64.0
    # Without any variation nobody waits in the steady state: only the fluid does.
    flow = Flow(Tally(1.0), service_cv=0.0, arrival_cv=0.0)
    flow.advance(0.0)
    flow.levels.servers = 1
    now_s = in_service_s = 0.0
    for span_s, per_s, capacity in pieces:
        before = flow.tally.served
        flow.levels.per_s, flow.levels.capacity_per_s = per_s, capacity
        now_s += span_s
        flow.advance(now_s)
        in_service_s += (flow.tally.served - before) / capacity if capacity else 0.0
    naive = naive_flow.flow(pieces, step_s)
    waited_s = flow.tally.latency_s - in_service_s
    slack_s = 10.0 + 2.0 * step_s * naive.served + 0.02 * naive.wait_sum
    assert waited_s == pytest.approx(naive.wait_sum, abs=slack_s)
