from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_backfill as naive
from bayplan.kernels import backfill

NOW = 10.0
TIME = st.integers(11, 40).map(float)
END = st.one_of(TIME, st.just(math.inf))
RUN = st.one_of(st.integers(1, 20).map(float), st.just(math.inf))
UNITS = st.integers(0, 6)
RUNNING = st.lists(st.tuples(END, UNITS), max_size=12)
JOBS = st.lists(st.tuples(st.integers(0, 9), RUN), max_size=12)


class Profile:
    """A profile of the kernels with small blocks, and its twin."""

    def __init__(self, free: int, running: list[tuple[float, int]], size: int = 4) -> None:
        self.times = np.full((60, size), np.nan)
        self.free = np.full((60, size), -99)
        self.chain = np.full((6, 60), -7)
        running = sorted(running)
        self.steps = naive.fill_profile(free, running, NOW)
        ends, held = columns(running)
        backfill.fill_profile(free, ends, held, NOW, self.times, self.free, self.chain)

    @property
    def arrays(self) -> tuple[Any, Any, Any]:
        return self.times, self.free, self.chain

    def cut(self, time_s: float) -> None:
        backfill.cut_profile(*self.arrays, time_s)
        self.steps = naive.cut_profile(self.steps, time_s)

    def change(self, start_s: float, end_s: float, units: int) -> None:
        self.cut(start_s)
        self.cut(end_s)
        backfill.change_profile(*self.arrays, start_s, end_s, units)
        self.steps = naive.change_profile(self.steps, start_s, end_s, units)

    def check(self) -> None:
        """The steps are those of the twin, and each block knows its least and most."""
        found, block = [], 0
        while block >= 0:
            count, after, add, least, most, _ = self.chain[:, block].tolist()
            times = self.times[block, :count].tolist()
            free = (self.free[block, :count] + add).tolist()
            assert (least, most) == (min(free), max(free))
            found += list(zip(times, free, strict=True))
            block = after
        assert found == self.steps


def columns(rows: list[tuple[float, int]]) -> tuple[Any, Any]:
    return np.array([a for a, _ in rows], float), np.array([b for _, b in rows], np.int64)


@given(UNITS, RUNNING)
def test_a_new_profile_has_a_step_for_each_end(free: int, running: list[tuple[float, int]]) -> None:
    Profile(free, running).check()


CHANGES = st.lists(st.tuples(st.integers(10, 60), st.integers(0, 30), st.integers(-5, 5)))


@given(UNITS, RUNNING, CHANGES, st.integers(2, 7))
def test_cuts_and_changes_are_those_of_a_plain_list(
    free: int, running: list[tuple[float, int]], changes: list[tuple[int, int, int]], size: int
) -> None:
    profile = Profile(free, running, size)
    for start, length, units in changes[:20]:
        end = math.inf if length == 30 else float(start + length)
        profile.change(float(start), end, units)
        profile.check()


@given(UNITS, RUNNING, CHANGES, st.integers(-2, 12), RUN)
def test_the_earliest_start_is_that_of_a_plain_list(
    free: int,
    running: list[tuple[float, int]],
    changes: list[tuple[int, int, int]],
    need: int,
    run_s: float,
) -> None:
    profile = Profile(free, running, 3)
    for start, length, units in changes[:20]:
        profile.change(float(start), float(start + length), units)
    found = backfill.earliest_in_profile(*profile.arrays, need, run_s)
    assert found == naive.earliest_in_profile(profile.steps, need, run_s)


def conservative(
    free: int,
    running: list[tuple[float, int]],
    jobs: list[tuple[int, float]],
    promised: list[float],
) -> tuple[list[float], bool]:
    ends, held = columns(sorted(running))
    need = np.array([n for n, _ in jobs], np.int64)
    run = np.array([r for _, r in jobs], float)
    out = np.full(len(jobs), np.nan)
    kept = backfill.plan_conservative(
        free, ends, held, need, run, np.array(promised, float), NOW, out
    )
    return out.tolist(), bool(kept)


@given(UNITS, RUNNING, JOBS)
def test_conservative_gives_each_job_the_earliest_start(
    free: int, running: list[tuple[float, int]], jobs: list[tuple[int, float]]
) -> None:
    nothing = [math.nan] * len(jobs)
    planned = conservative(free, running, jobs, nothing)
    assert planned == naive.plan_conservative(free, running, jobs, nothing, NOW)
    assert planned[1]


@given(UNITS, RUNNING, JOBS, st.data())
def test_conservative_keeps_promises_or_plans_afresh(
    free: int, running: list[tuple[float, int]], jobs: list[tuple[int, float]], data: st.DataObject
) -> None:
    at = st.integers(10, 60).map(float)
    promise = st.one_of(st.just(math.nan), at, at, at)
    if data.draw(st.integers(0, 9)) == 0:
        promise = st.one_of(promise, st.sampled_from([9.0, math.inf]))
    promised = data.draw(st.lists(promise, min_size=len(jobs), max_size=len(jobs)))
    planned, kept = conservative(free, running, jobs, promised)
    assert (planned, kept) == naive.plan_conservative(free, running, jobs, promised, NOW)
    if kept:
        assert all(p >= s for p, s in zip(promised, planned, strict=True) if not math.isnan(p))
    else:
        assert planned == conservative(free, running, jobs, [math.nan] * len(jobs))[0]


def test_what_is_promised_twice_is_forgotten() -> None:
    for free, kept in ((3, True), (2, False)):
        planned = conservative(free, [], [(2, 5.0), (1, 5.0)], [12.0, 14.0])
        assert planned == ([10.0, 10.0 if kept else 15.0], kept)


@given(UNITS, RUNNING, JOBS, st.data())
def test_what_was_planned_is_a_promise_that_is_kept(
    free: int, running: list[tuple[float, int]], jobs: list[tuple[int, float]], data: st.DataObject
) -> None:
    """In another order of the queue, and when some ran shorter than they were to."""
    planned, _ = conservative(free, running, jobs, [math.nan] * len(jobs))
    order = data.draw(st.permutations(range(len(jobs))))
    early = [(data.draw(st.sampled_from([end, min(end, 11.0)])), held) for end, held in running]
    promised = [planned[j] if planned[j] < math.inf else math.nan for j in order]
    again, kept = conservative(free, early, [jobs[j] for j in order], promised)
    assert kept
    assert all(s <= p for s, p in zip(again, promised, strict=True) if not math.isnan(p))


def easy(
    free: int, running: list[tuple[float, int]], jobs: list[tuple[int, float]]
) -> tuple[list[float], int, int, float]:
    ends, held = columns(running)
    need = np.array([n for n, _ in jobs], np.int64)
    run = np.array([r for _, r in jobs], float)
    out, head = np.full(len(jobs), np.nan), np.zeros(2, np.int64)
    reservation = backfill.plan_easy(free, ends, held, need, run, NOW, out, head)
    return out.tolist(), int(head[0]), int(head[1]), reservation


@given(UNITS, RUNNING, JOBS)
def test_easy_reserves_for_the_head_alone(
    free: int, running: list[tuple[float, int]], jobs: list[tuple[int, float]]
) -> None:
    found = easy(free, running, jobs)
    wanted = naive.plan_easy(free, running, jobs, NOW)
    np.testing.assert_array_equal(found[0], wanted[0])
    assert found[1:] == wanted[1:]


@given(UNITS, RUNNING, JOBS)
def test_what_easy_starts_leaves_the_head_its_reservation(
    free: int, running: list[tuple[float, int]], jobs: list[tuple[int, float]]
) -> None:
    starts, head, _, reservation = easy(free, running, jobs)
    now = [
        (NOW + run, need) for (need, run), start in zip(jobs, starts, strict=True) if start == NOW
    ]
    left = free - sum(need for _, need in now)
    assert left >= 0
    if head >= 0:
        steps = naive.fill_profile(left, [*running, *now], NOW)
        assert naive.earliest_in_profile(steps, jobs[head][0], math.inf) == reservation


@pytest.mark.parametrize("plan", [conservative, easy])
def test_with_nothing_queued_nothing_is_planned(plan: Callable[..., Any]) -> None:
    planned = plan(3, [], [], []) if plan is conservative else plan(3, [], [])
    assert planned[0] == []
