"""Backfilling: plans against slow ones, and what is promised against what then happens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_backfill as naive
from bayplan.scheduler.ordering import (
    BACKFILLS,
    BackfillPlan,
    Pending,
    Pool,
    Progress,
    conservative,
    easy,
    make_backfill,
    make_ordering,
    pending_of,
    plan_pools,
)
from bayplan.scheduler.types import DeviceRequest, GpuShare, Request, WholeGpus

NOW = 100.0
SOON = float(np.nextafter(NOW, np.inf))
Jobs = list[tuple[int, float]]
Running = list[tuple[float, int]]

RUN = st.one_of(st.integers(1, 20).map(float), st.just(math.nan))
JOBS = st.lists(st.tuples(st.integers(0, 9), RUN), max_size=12)
END = st.one_of(st.integers(90, 130).map(float), st.sampled_from([math.nan, math.inf]))
RUNNING = st.lists(st.tuples(END, st.integers(0, 6)), max_size=8)


def pending(jobs: Sequence[tuple[int, float]]) -> Pending:
    """Jobs (GPUs, run time; NaN unknown) in the order of their uids."""
    return pending_of(
        [
            Request(
                f"j{k:03}",
                devices=(DeviceRequest(WholeGpus(gpus)),) if gpus else (),
                run_time_s=None if math.isnan(run) else run,
            )
            for k, (gpus, run) in enumerate(jobs)
        ]
    )


def pool(free: int, running: Running) -> Pool:
    return Pool.of(1_000 * free, [(end, 1_000 * held) for end, held in running])


def known(jobs: Jobs) -> Jobs:
    return [(1_000 * gpus, math.inf if math.isnan(run) else run) for gpus, run in jobs]


def expected(running: Running) -> Running:
    """What is overdue ends at once, what is unknown never."""
    ends = [math.inf if math.isnan(end) else max(SOON, end) for end, _ in running]
    return [(end, 1_000 * held) for end, (_, held) in zip(ends, running, strict=True)]


@given(st.integers(0, 6), RUNNING, JOBS)
def test_easy_is_the_slow_plan_in_the_order_of_the_queue(
    free: int, running: Running, jobs: Jobs
) -> None:
    queue = np.array(np.random.default_rng(len(jobs)).permutation(len(jobs)), np.int64)
    plan = easy(pool(free, running), pending(jobs), queue, NOW)
    inline = [known(jobs)[row] for row in queue]
    starts, head, spare, reservation = naive.plan_easy(1_000 * free, expected(running), inline, NOW)
    np.testing.assert_array_equal(plan.start_s[queue], starts)
    assert plan.head == (queue[head] if head >= 0 else -1)
    assert (plan.head_start_s, plan.spare_milli) == (reservation, spare)
    assert plan.start_now.tolist() == [r for r in queue if plan.start_s[r] == NOW]


@given(st.integers(0, 6), RUNNING, JOBS, st.integers(0, 13))
def test_conservative_is_the_slow_plan_as_deep_as_it_may(
    free: int, running: Running, jobs: Jobs, depth: int
) -> None:
    queue = np.array(np.random.default_rng(len(jobs)).permutation(len(jobs)), np.int64)
    plan = conservative(pool(free, running), pending(jobs), queue, NOW, depth)
    inline = [known(jobs)[row] for row in queue[:depth]]
    nothing = [math.nan] * len(inline)
    starts, _ = naive.plan_conservative(1_000 * free, expected(running), inline, nothing, NOW)
    for k in range(len(starts)):
        if starts[k] == NOW and inline[k][0] and SOON in starts[:k]:
            starts[k] = SOON
    np.testing.assert_array_equal(plan.start_s[queue[:depth]], starts)
    assert np.isnan(plan.start_s[queue[depth:]]).all()
    assert plan.start_now.tolist() == [r for r in queue if plan.start_s[r] == NOW]
    later = [r for r in queue[:depth] if NOW < plan.start_s[r] < math.inf]
    assert plan.head == (later[0] if later else -1)


@given(st.integers(0, 6), RUNNING, JOBS, st.integers(0, 12))
def test_jobs_further_behind_change_nothing_for_those_before(
    free: int, running: Running, jobs: Jobs, n: int
) -> None:
    columns, gpus = pending(jobs), pool(free, running)
    queue = np.arange(len(jobs))
    for backfill in (make_backfill("conservative"), easy):
        whole = backfill(gpus, columns, queue, NOW).start_s[:n]
        np.testing.assert_array_equal(backfill(gpus, columns, queue[:n], NOW).start_s[:n], whole)


# --- what is promised, and what then happens ---------------------------------------------------


class Job(NamedTuple):
    """A job that comes, with its estimate (inf: unknown) and how long it really runs."""

    submit_s: float
    gpus: int
    estimate_s: float
    run_s: float


@dataclass
class Machine:
    """Events one by one: jobs come, end, and are started as plans say, first come first served."""

    jobs: list[Job]
    gpus: int
    deep: bool = False
    keep: bool = True
    started: dict[int, float] = field(default_factory=dict)
    first: dict[int, float] = field(default_factory=dict)
    promised: dict[int, float] = field(default_factory=dict)

    def run(self) -> None:
        now = 0.0
        for _ in range(50 * len(self.jobs) + 1):
            plan, waiting = self.plan(now)
            for row in plan.start_now.tolist():
                self.started[waiting[row]] = now
                assert self.free(now) >= 0
            times = [job.submit_s for job in self.jobs if job.submit_s > now]
            times += [end for k in self.started if (end := self.end(k)) > now]
            times += [s for s in plan.start_s.tolist() if now + 1e-6 < s < math.inf]
            if not times:
                break
            now = min(times)
        assert len(self.started) == len(self.jobs)

    def end(self, k: int) -> float:
        return self.started[k] + self.jobs[k].run_s

    def free(self, now: float) -> int:
        return self.gpus - sum(self.jobs[k].gpus for k in self.started if self.end(k) > now)

    def plan(self, now: float) -> tuple[BackfillPlan, list[int]]:
        waiting = [
            k for k, job in enumerate(self.jobs) if job.submit_s <= now and k not in self.started
        ]
        running = [k for k in self.started if self.end(k) > now]
        ends = [(self.started[k] + self.jobs[k].estimate_s, self.jobs[k].gpus) for k in running]
        columns = pending([(self.jobs[k].gpus, self.jobs[k].estimate_s) for k in waiting])
        queue, gpus = np.arange(len(waiting)), pool(self.free(now), ends)
        if not self.deep:
            plan = easy(gpus, columns, queue, now)
        else:
            kept = [self.promised.get(k, math.nan) if self.keep else math.nan for k in waiting]
            plan = conservative(gpus, columns, queue, now, promised_s=np.array(kept))
        for k, start in zip(waiting, plan.start_s.tolist(), strict=True):
            if start < math.inf:
                self.first.setdefault(k, start)
                self.promised[k] = start
        return plan, waiting

    def slips(self) -> list[float]:
        """By how much later than first promised jobs started."""
        return [self.started[k] - promise for k, promise in self.first.items()]


TIMES = st.integers(1, 30).map(float)


@st.composite
def arrivals(draw: st.DrawFn, error: str) -> list[Job]:
    made = []
    for _ in range(draw(st.integers(1, 14))):
        estimate = draw(TIMES)
        run = estimate
        if error != "none":
            run = draw(TIMES)
            estimate = max(estimate, run) if error == "over" else estimate
        submit = float(draw(st.integers(0, 40)))
        made.append(Job(submit, draw(st.integers(1, 8)), estimate, run))
    return sorted(made)


@pytest.mark.parametrize("error", ["none", "over", "both"])
@given(st.data())
def test_a_head_starts_when_promised_but_for_the_longest_overrun(
    error: str, data: st.DataObject
) -> None:
    machine = Machine(data.draw(arrivals(error)), gpus=8)
    machine.run()
    overrun = max(max(0.0, job.run_s - job.estimate_s) for job in machine.jobs)
    assert max(machine.slips()) <= overrun + 1e-6


@pytest.mark.parametrize("error", ["none", "over"])
@given(st.data())
def test_every_reservation_is_kept_if_nothing_overruns(error: str, data: st.DataObject) -> None:
    machine = Machine(data.draw(arrivals(error)), gpus=8, deep=True)
    machine.run()
    assert max(machine.slips()) <= 1e-6
    assert machine.first.keys() == machine.started.keys()


@given(arrivals("none"))
def test_with_true_estimates_plans_made_afresh_keep_reservations_too(jobs: list[Job]) -> None:
    machine = Machine(jobs, gpus=8, deep=True, keep=False)
    machine.run()
    assert max(machine.slips()) <= 1e-6


@given(arrivals("both"))
def test_after_an_overrun_everything_still_runs(jobs: list[Job]) -> None:
    Machine(jobs, gpus=8, deep=True).run()


def test_plans_made_afresh_can_take_back_a_reservation_and_promises_cannot() -> None:
    """What held three GPUs ends early: the first moves up, into the room of the third."""
    columns, queue = pending([(4, 3.0), (4, 4.0), (1, 2.0)]), np.arange(3)
    before = conservative(pool(0, [(NOW + 1, 1), (NOW + 3, 3)]), columns, queue, NOW)
    assert before.start_s.tolist() == [NOW + 3, NOW + 6, NOW + 1]
    early = pool(3, [(NOW + 1, 1)])
    afresh = conservative(early, columns, queue, NOW)
    assert afresh.start_s.tolist() == [NOW + 1, NOW + 4, NOW + 8]
    kept = conservative(early, columns, queue, NOW, promised_s=before.start_s)
    assert kept.kept
    assert kept.start_s.tolist() == [NOW + 3, NOW + 6, NOW]


def test_promises_that_an_overrun_breaks_are_forgotten() -> None:
    columns, queue = pending([(2, 5.0), (1, 5.0)]), np.arange(2)
    before = conservative(pool(0, [(NOW - 3, 2)]), columns, queue, NOW - 5)
    assert before.start_s.tolist() == [NOW - 3, NOW + 2]
    plan = conservative(pool(0, [(NOW - 3, 2)]), columns, queue, NOW, promised_s=before.start_s)
    assert not plan.kept
    assert plan.start_s.tolist() == [SOON, SOON + 5]


def test_jobs_with_a_promise_are_planned_however_deep() -> None:
    columns, queue = pending([(2, 5.0), (2, 5.0), (2, 5.0)]), np.arange(3)
    promised = np.array([math.inf, math.nan, NOW + 20])
    plan = conservative(pool(2, []), columns, queue, NOW, depth=1, promised_s=promised)
    np.testing.assert_array_equal(plan.start_s, [NOW, math.nan, NOW + 5])


# --- by hand -----------------------------------------------------------------------------------


def test_easy_lets_the_short_and_the_small_pass() -> None:
    jobs = [(6, 50.0), (3, 10.0), (2, 11.0), (1, 99.0), (1, 99.0), (2, 10.0)]
    plan = easy(pool(4, [(NOW + 10, 3), (NOW + 90, 1)]), pending(jobs), np.arange(6), NOW)
    # At 110 seven are free, the head takes six: one is left over.
    assert (plan.head, plan.head_start_s, plan.spare_milli) == (0, NOW + 10, 0)
    assert plan.start_now.tolist() == [1, 3]


def test_nobody_passes_a_head_whose_start_is_unknown() -> None:
    jobs = [(4, 5.0), (1, 1.0), (0, 1.0), (9, 1.0)]
    plan = easy(pool(3, [(math.nan, 2), (NOW + 9, 0)]), pending(jobs), np.arange(4), NOW)
    assert (plan.head, plan.head_start_s) == (0, math.inf)
    assert plan.start_now.tolist() == [2]
    assert math.isinf(plan.start_s[3])


def test_an_unknown_run_time_is_never_over_by_the_time_of_the_head() -> None:
    jobs = [(4, 5.0), (1, math.nan), (1, math.nan)]
    plan = easy(pool(3, [(NOW + 9, 2)]), pending(jobs), np.arange(3), NOW)
    assert plan.start_now.tolist() == [1]  # the head leaves one over, for one of them


def test_nobody_passes_a_head_that_waits_only_for_what_is_overdue() -> None:
    jobs, queue = [(5, 5.0), (1, 1.0), (1, 99.0)], np.arange(3)
    plan = easy(pool(3, [(NOW - 20, 3), (NOW - 1, 3)]), pending(jobs), queue, NOW)
    assert (plan.head, plan.head_start_s, plan.spare_milli) == (0, SOON, 0)
    assert plan.start_now.tolist() == []
    plan = easy(pool(3, [(NOW - 20, 1), (NOW + 9, 2)]), pending(jobs), queue, NOW)
    assert (plan.head, plan.head_start_s) == (0, NOW + 9)
    assert plan.start_now.tolist() == [1, 2]


def test_conservative_lets_nobody_pass_a_job_that_waits_only_for_what_is_overdue() -> None:
    jobs, queue = [(5, 5.0), (1, 1.0), (0, 1.0), (1, 99.0)], np.arange(4)
    overdue = pool(3, [(NOW - 20, 3), (NOW - 1, 3)])
    plan = conservative(overdue, pending(jobs), queue, NOW)
    assert plan.start_s.tolist() == [SOON, SOON, NOW, SOON]
    promised = np.array([math.nan, NOW, math.nan, math.nan])
    plan = conservative(overdue, pending(jobs), queue, NOW, promised_s=promised)
    assert plan.start_now.tolist() == [1, 2]


@pytest.mark.parametrize("name", BACKFILLS)
def test_a_job_larger_than_the_pool_is_passed_over(name: str) -> None:
    jobs = [(9, 5.0), (2, 5.0)]
    plan = make_backfill(name)(pool(3, [(NOW + 9, 2)]), pending(jobs), np.arange(2), NOW)
    assert plan.start_now.tolist() == [1]
    assert math.isinf(plan.start_s[0])


def test_shares_of_gpus_count_by_their_milli() -> None:
    requests = [
        Request(f"s{k}", devices=(DeviceRequest(GpuShare(400)),), run_time_s=5.0) for k in range(3)
    ]
    plan = easy(Pool.of(1_000, []), pending_of(requests), np.arange(3), NOW)
    assert plan.start_now.tolist() == [0, 1]


def test_what_a_job_ran_already_is_not_planned_again() -> None:
    requests = [
        Request("big", devices=(DeviceRequest(WholeGpus(2)),), run_time_s=5.0),
        Request("resumed", devices=(DeviceRequest(WholeGpus(1)),), run_time_s=50.0),
    ]
    columns = pending_of(requests, {"resumed": Progress(attained_s=45.0)})
    assert easy(pool(1, [(NOW + 5, 1)]), columns, np.arange(2), NOW).start_now.tolist() == [1]


def test_pools_are_planned_each_for_itself() -> None:
    jobs = [(2, 5.0), (1, 50.0), (1, 50.0)]
    pools = {7: pool(1, [(NOW + 9, 1)]), 3: pool(1, [])}
    plans = plan_pools(easy, pools, np.array([7, 7, 3]), pending(jobs), np.arange(3), NOW)
    assert [(number, plan.start_now.tolist()) for number, plan in plans.items()] == [
        (3, [2]),
        (7, []),
    ]


def test_the_queue_may_be_in_any_order() -> None:
    jobs = [(2, 9.0), (2, 3.0), (1, 1.0)]
    columns = pending(jobs)
    queue = make_ordering("sjf").order(columns, NOW)
    plan = make_backfill("conservative")(pool(2, []), columns, queue, NOW)
    assert plan.start_s.tolist() == [NOW + 4, NOW + 1, NOW]


def test_negative_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Pool.of(-1, [])
    with pytest.raises(ValueError, match="must not be negative"):
        Pool.of(0, [(NOW, -1)])
