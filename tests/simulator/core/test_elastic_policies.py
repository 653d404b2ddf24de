"""What policies call a pod worth: the best sums, the most even shares, deadlines, bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.elastic.policies import ELASTICITY
from bayplan.simulator.core.elastic.shares import SURE, Shares, last_to_keep, targets
from bayplan.simulator.core.scaling import Scaling
from bayplan.simulator.core.settings import Settings
from naive_elastic import ways

POLICIES = ELASTICITY.names()


@dataclass(frozen=True)
class Elastic:
    """A job, with its speeds from ``least`` pods up."""

    least: int
    speeds: tuple[float, ...]
    pods: int = 1
    milli: int = 1000
    gpus: float = 1.0
    left_s: float = 100.0
    deadline_s: float = math.nan

    @property
    def most(self) -> int:
        return self.least + len(self.speeds) - 1


def shares_of(jobs: Sequence[Elastic], now_s: float = 0.0) -> Shares:
    return Shares(
        now_s=now_s,
        least=np.array([job.least for job in jobs], np.int64),
        most=np.array([job.most for job in jobs], np.int64),
        pods=np.array([job.pods for job in jobs], np.int64),
        milli=np.array([job.milli for job in jobs], np.int64),
        gpus=np.array([job.gpus for job in jobs]),
        left_s=np.array([job.left_s for job in jobs]),
        deadline_s=np.array([job.deadline_s for job in jobs]),
        first=np.cumsum([0, *(len(job.speeds) for job in jobs)]),
        speeds=np.array([each for job in jobs for each in job.speeds], np.float64),
    )


def given_out(policy: str, jobs: Sequence[Elastic], room: int) -> list[int]:
    """How many pods each gets of so much room in all."""
    shares = shares_of(jobs)
    worth = ELASTICITY.make(policy, Settings()).worth(shares)
    free = room - int((shares.least * shares.milli).sum())
    found: list[int] = targets(shares, worth, shares.least, shares.most, free).tolist()
    return found


gains = st.lists(st.sampled_from((0.0, 0.125, 0.25, 0.5, 1.0, 2.0)), min_size=0, max_size=4)


@st.composite
def concave(draw: st.DrawFn) -> Elastic:
    """A job that each further pod speeds up by less."""
    first = draw(st.sampled_from((0.5, 1.0, 3.0)))
    more = sorted(draw(gains), reverse=True)
    speeds = np.cumsum([first, *more]).tolist()
    gpus, left_s = draw(st.sampled_from((1.0, 2.0, 8.0))), draw(st.sampled_from((1.0, 60.0)))
    return Elastic(draw(st.integers(1, 2)), tuple(speeds), gpus=gpus, left_s=left_s)


@st.composite
def any_jobs(draw: st.DrawFn) -> Elastic:
    """A job with whatever curve, and pods of whatever size."""
    speeds = draw(st.lists(st.sampled_from((0.5, 1.0, 1.5, 4.0)), min_size=1, max_size=5))
    least = draw(st.integers(1, 3))
    return Elastic(
        least,
        tuple(speeds),
        pods=least + draw(st.integers(0, len(speeds) - 1)),
        milli=draw(st.sampled_from((500, 1000, 2000))),
        left_s=draw(st.sampled_from((0.0, 10.0, 60.0))),
        deadline_s=draw(st.sampled_from((math.nan, 5.0, 40.0, 80.0))),
    )


def least_room(jobs: Sequence[Elastic]) -> int:
    return sum(job.least * job.milli for job in jobs)


@given(st.lists(concave(), min_size=1, max_size=4), st.integers(0, 9))
def test_marginal_has_the_largest_sum_of_all_ways(jobs: list[Elastic], spare: int) -> None:
    room = least_room(jobs) + 1000 * spare
    found = given_out("marginal", jobs, room)

    def work(pods: Sequence[int]) -> float:
        pairs = zip(jobs, pods, strict=True)
        return sum(job.gpus * job.speeds[n - job.least] for job, n in pairs)

    least, most, milli = (
        [getattr(job, name) for job in jobs] for name in ("least", "most", "milli")
    )
    assert work(found) == pytest.approx(max(map(work, ways(least, most, milli, room))))


@given(st.lists(concave(), min_size=1, max_size=4), st.integers(0, 9))
def test_optimus_has_the_least_sum_of_times_left(jobs: list[Elastic], spare: int) -> None:
    """The time left of a job whose speed is concave is convex."""
    room = least_room(jobs) + 1000 * spare
    found = given_out("optimus", jobs, room)

    def left_s(pods: Sequence[int]) -> float:
        pairs = zip(jobs, pods, strict=True)
        return sum(job.left_s / job.speeds[n - job.least] for job, n in pairs)

    least, most, milli = (
        [getattr(job, name) for job in jobs] for name in ("least", "most", "milli")
    )
    assert left_s(found) == pytest.approx(min(map(left_s, ways(least, most, milli, room))))


@given(st.lists(concave(), min_size=1, max_size=4), st.integers(0, 9))
def test_equal_share_is_max_min_fair(jobs: list[Elastic], spare: int) -> None:
    """Sorted, its shares are the largest of all ways, the least one first."""
    room = least_room(jobs) + 1000 * spare
    least, most, milli = (
        [getattr(job, name) for job in jobs] for name in ("least", "most", "milli")
    )
    found = given_out("equal-share", jobs, room)
    assert sorted(found) == max(sorted(pods) for pods in ways(least, most, milli, room))


@pytest.mark.parametrize("policy", POLICIES)
@given(jobs=st.lists(any_jobs(), min_size=1, max_size=4), spare=st.integers(0, 12))
def test_pods_stay_in_bounds_and_nothing_is_left_that_is_wanted(
    policy: str, jobs: list[Elastic], spare: int
) -> None:
    room = least_room(jobs) + 500 * spare
    found = given_out(policy, jobs, room)
    left = room - sum(n * job.milli for n, job in zip(found, jobs, strict=True))
    assert left >= 0
    shares = shares_of(jobs)
    worth = ELASTICITY.make(policy, Settings()).worth(shares)
    for j, (n, job) in enumerate(zip(found, jobs, strict=True)):
        assert job.least <= n <= job.most
        if n < job.most and job.milli <= left:
            assert worth[shares.first[j] + n + 1 - job.least] == -np.inf


@given(jobs=st.lists(any_jobs(), min_size=1, max_size=4))
def test_deadlines_have_the_fewest_pods_that_meet_them(jobs: list[Elastic]) -> None:
    """With room for all: never fewer than meet a deadline that can be met."""
    found = given_out("deadline", jobs, 10**9)
    for n, job in zip(found, jobs, strict=True):
        in_time = [job.left_s / speed <= job.deadline_s for speed in job.speeds]
        if any(in_time):
            assert n >= job.least + in_time.index(True)


def test_the_earliest_deadline_comes_first_and_one_that_cannot_be_met_not_at_all() -> None:
    line = (1.0, 2.0, 3.0, 4.0)
    late = Elastic(1, line, left_s=90.0, deadline_s=30.0)
    soon = Elastic(1, line, left_s=40.0, deadline_s=20.0)
    never = Elastic(1, line, left_s=90.0, deadline_s=10.0)
    assert given_out("deadline", [late, soon, never], 5000) == [2, 2, 1]
    assert given_out("deadline", [late, soon, never], 6000) == [3, 2, 1]
    assert given_out("deadline", [late, soon, never], 7000) == [4, 2, 1]


def test_idle_fills_one_after_the_other() -> None:
    jobs = [Elastic(1, (1.0, 2.0, 3.0))] * 3
    assert given_out("idle", jobs, 6000) == [3, 2, 1]


@pytest.mark.parametrize("policy", ["marginal", "optimus"])
def test_a_pod_that_makes_a_job_slower_is_not_taken(policy: str) -> None:
    jobs = [Elastic(1, (1.0, 1.5, 1.4, 9.0)), Elastic(1, (1.0, 1.0))]
    assert given_out(policy, jobs, 10_000) == [2, 1]


def test_who_gives_back_first_is_whose_last_pod_is_worth_least() -> None:
    jobs = [Elastic(1, (1.0, 2.0, 3.0), pods=3), Elastic(1, (1.0, 1.5), pods=2)]
    shares = shares_of(jobs)
    fewest = np.array([1, 1])

    def first(worth: list[float], pods: list[int]) -> int:
        return last_to_keep(shares, np.array(worth), np.array(pods), fewest)

    assert first([0, 5, 4, 0, 3], [3, 2]) == 1
    assert first([0, 5, 4, 0, 4], [3, 2]) == 1  # of equal ones the last
    assert first([0, 5, 2, 0, 4], [3, 2]) == 0
    assert first([0, 5, 2, 0, 4], [1, 1]) == -1
    assert first([0, 5, SURE, 0, 2 * SURE], [3, 2]) == -1
    assert first([0, 5, SURE, 0, 7], [2, 2]) == 0


def test_speeds_between_points_are_on_lines_and_outside_by_the_nearest() -> None:
    scaling = Scaling({"t": ((2, 3.0), (4, 5.0), (8, 4.0))}, serial=0.25)
    found = [scaling.speed("t", gpus) for gpus in (1, 2, 3, 4, 6, 8, 100)]
    assert found == [1.5, 3.0, 4.0, 5.0, 4.5, 4.0, 4.0]
    assert scaling.speed("other", 1) == 1.0
    assert scaling.speed("other", 3) == 1.0 / (0.25 + 0.25)
    assert Scaling().speed("", 7) == 7.0
    assert Scaling(serial=1.0).speed("", 7) == 1.0


@pytest.mark.parametrize(
    ("points", "serial", "problem"),
    [
        ({"t": ((2, 1.0), (2, 2.0))}, 0.0, r"the GPUs of 't' are \[2, 2\]"),
        ({"t": ()}, 0.0, "the GPUs of 't'"),
        ({"t": ((0, 1.0),)}, 0.0, "the GPUs of 't'"),
        ({"t": ((1, 0.0),)}, 0.0, "a speed of 't' is 0.0"),
        ({"t": ((1, math.inf),)}, 0.0, "a speed of 't' is inf"),
        ({}, 1.5, "the serial part is 1.5"),
        ({}, math.nan, "the serial part is nan"),
    ],
)
def test_curves_that_cannot_be_are_refused(
    points: dict[str, tuple[tuple[int, float], ...]], serial: float, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        Scaling(points, serial)
