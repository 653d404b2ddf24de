"""The budget of writes: never above the rate, and the important ones first."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.api.budget import Bucket, Budget, Priority


def test_a_full_bucket_gives_its_burst_at_once_and_then_the_rate() -> None:
    bucket = Bucket(10.0, 3, 100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.1)]
    assert bucket.take(100.05) == pytest.approx(0.05)
    assert bucket.take(100.1) == 0.0
    assert bucket.take(100.1) == pytest.approx(0.1)


def test_more_than_the_burst_is_never_saved() -> None:
    bucket = Bucket(10.0, 2, 0.0)
    assert [bucket.take(1e6) for _ in range(3)] == [0.0, 0.0, pytest.approx(0.1)]


@pytest.mark.parametrize(("qps", "burst"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (1.0, 0)])
def test_a_budget_of_nothing_is_refused(qps: float, burst: int) -> None:
    with pytest.raises(ValueError, match="give a positive qps"):
        Bucket(qps, burst, 0.0)


@given(
    qps=st.integers(1, 50),
    burst=st.integers(1, 20),
    gaps_ms=st.lists(st.integers(0, 300), min_size=1, max_size=60),
)
def test_in_no_span_of_time_more_is_given_than_burst_and_rate_allow(
    qps: int, burst: int, gaps_ms: list[int]
) -> None:
    bucket = Bucket(float(qps), burst, 0.0)
    now, given_at = Fraction(0), []
    for gap in gaps_ms:
        now += Fraction(gap, 1000)
        if bucket.take(float(now)) == 0.0:
            given_at.append(now)
    for i, start in enumerate(given_at):
        for j in range(i, len(given_at)):
            allowed = burst + qps * (given_at[j] - start)
            assert j - i + 1 <= allowed + Fraction(1, 10**6)


@given(
    qps=st.integers(1, 50),
    burst=st.integers(1, 5),
    gaps_ms=st.lists(st.integers(0, 300), max_size=30),
)
def test_who_waits_as_long_as_told_gets_a_token(qps: int, burst: int, gaps_ms: list[int]) -> None:
    bucket = Bucket(float(qps), burst, 0.0)
    now = 0.0
    for gap in gaps_ms:
        now += gap / 1000
        wait_s = bucket.take(now)
        if wait_s:
            now += wait_s
            assert bucket.take(now) == 0.0


def test_bindings_go_before_patches_and_events_whoever_came_first() -> None:
    async def story() -> list[str]:
        budget = Budget(10.0, 1)
        done: list[str] = []

        async def one(priority: Priority, name: str) -> None:
            await budget.turn(priority)
            done.append(name)

        await budget.turn(Priority.EVENT)  # the only token
        asked = [
            one(Priority.EVENT, "event"),
            one(Priority.PATCH, "patch 1"),
            one(Priority.BIND, "bind 1"),
            one(Priority.PATCH, "patch 2"),
            one(Priority.BIND, "bind 2"),
        ]
        await asyncio.gather(*asked)
        return done

    assert asyncio.run(story()) == ["bind 1", "bind 2", "patch 1", "patch 2", "event"]


def test_who_gives_up_takes_no_turn() -> None:
    async def story() -> float:
        budget = Budget(10.0, 1)
        await budget.turn(Priority.BIND)
        loop = asyncio.get_running_loop()
        started = loop.time()
        waiting = [loop.create_task(budget.turn(Priority.BIND)) for _ in range(50)]
        last = loop.create_task(budget.turn(Priority.EVENT))
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await last
        return loop.time() - started

    assert asyncio.run(story()) < 4.0, "50 turns at 10 a second would take 5 s"
