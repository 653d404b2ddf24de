"""Every ordering policy against a sort, or a loop, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError, InvalidRequest
from bayplan.scheduler.ordering import (
    Pending,
    Progress,
    QueueUse,
    by_keys,
    make_backfill,
    make_ordering,
    ordering_names,
    ordering_summary,
    pending_of,
)
from bayplan.scheduler.ordering.drf import DominantShare
from bayplan.scheduler.ordering.fair_share import FairShare
from bayplan.scheduler.ordering.finish_time import FinishTime
from bayplan.scheduler.ordering.las_2d import LeastAttained2d
from bayplan.scheduler.ordering.priority import PriorityFirst
from bayplan.scheduler.types import DeviceRequest, GpuShare, MigInstances, Request, WholeGpus

NOW = 1_000.0
CAPACITY = (64_000, 1_000_000, 16_000)
HISTORY = [1.0, 2.0, 2.0, 50.0, 400.0, 400.0, 3_000.0, 9_000.0]


@dataclass(frozen=True)
class Job:
    """A pod that waits, with what is known of it."""

    uid: str
    submit_s: float = 0.0
    priority: int = 0
    gpus: int = 1
    milli: int = 1_000
    run_s: float = math.nan
    attained_s: float = 0.0
    waiting_s: float = 0.0
    deadline_s: float = math.nan
    queue: str = ""

    @property
    def asked(self) -> float:
        return self.gpus * self.milli / 1_000

    @property
    def left_s(self) -> float:
        return self.run_s if math.isnan(self.run_s) else max(0.0, self.run_s - self.attained_s)

    @property
    def amounts(self) -> tuple[int, int, int]:
        return 2_000 * self.gpus, 4_000, self.gpus * self.milli

    def request(self) -> Request:
        ask = WholeGpus(self.gpus) if self.milli == 1_000 else GpuShare(self.milli, 0, self.gpus)
        return Request(
            self.uid,
            cpu_milli=self.amounts[0],
            memory_mib=self.amounts[1],
            devices=(DeviceRequest(ask),) if self.gpus else (),
            priority=self.priority,
            queue=self.queue,
            run_time_s=None if math.isnan(self.run_s) else self.run_s,
            deadline_s=None if math.isnan(self.deadline_s) else self.deadline_s,
        )

    def progress(self) -> Progress:
        return Progress(self.submit_s, self.attained_s, waiting_since_s=NOW - self.waiting_s)


FEW = settings(max_examples=max(15, settings().max_examples // 4))
"""For what is asked of every policy."""

QUEUES = {
    "a": QueueUse(2_000, 4_000, 1_000, 1.0, 500.0, 0.0),
    "b": QueueUse(0, 0, 0, 2.0, 900.0, 900.0),
    "idle": QueueUse(),
}

SECONDS = st.sampled_from([0.0, 1.0, 2.0, 60.0, 400.0, 3_250.0, 5_000.0])
MAYBE = st.one_of(st.just(math.nan), SECONDS)


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    uids = draw(st.lists(st.text("abcxyz", min_size=1, max_size=3), unique=True, max_size=15))
    return [
        Job(
            uid,
            submit_s=draw(st.sampled_from([0.0, 0.0, 5.0, 900.0])),
            priority=draw(st.integers(-1, 2)),
            gpus=draw(st.sampled_from([0, 1, 1, 2, 8])),
            milli=draw(st.sampled_from([1_000, 500, 250])),
            run_s=draw(MAYBE),
            attained_s=draw(SECONDS),
            waiting_s=draw(SECONDS),
            deadline_s=draw(MAYBE),
            queue=draw(st.sampled_from(["", "a", "b", "c"])),
        )
        for uid in uids
    ]


def pending(found: list[Job]) -> Pending:
    progress = {job.uid: job.progress() for job in found}
    return pending_of([job.request() for job in found], progress, QUEUES, CAPACITY)


def last(value: float) -> tuple[bool, float]:
    """A key that puts NaN last."""
    return math.isnan(value), 0.0 if math.isnan(value) else value


def rho(job: Job, n: int) -> float:
    alone = job.run_s * max(1.0, job.asked * n / 16)
    if math.isnan(alone):
        return alone
    return (NOW - job.submit_s + job.left_s) / alone if alone else math.inf


def gittins(job: Job) -> float:
    attained = Fraction(job.attained_s) * Fraction(job.asked)
    rest = [Fraction(size) - attained for size in HISTORY if size > attained]
    chances = [
        Fraction(sum(r <= delta for r in rest)) / sum(min(r, delta) for r in rest) for delta in rest
    ]
    return float(max(chances, default=0))


def level(job: Job) -> int:
    attained = job.attained_s * job.asked
    return (attained >= 3_250) + (attained >= 7_200)


SORTS: dict[str, Callable[[Job, int], Any]] = {
    "fifo": lambda job, n: 0,
    "priority": lambda job, n: -job.priority,
    "sjf": lambda job, n: last(job.run_s),
    "srtf": lambda job, n: last(job.left_s),
    "srsf": lambda job, n: last(job.left_s * job.asked),
    "las": lambda job, n: job.attained_s,
    "las-2d": lambda job, n: level(job),
    "gittins-2d": lambda job, n: -gittins(job),
    "edf": lambda job, n: last(job.deadline_s),
    "smallest-first": lambda job, n: job.asked,
    "finish-time": lambda job, n: last(-rho(job, n)),
}


def served(name: str, found: list[Job]) -> list[str]:
    rows = make_ordering(name, HISTORY).order(pending(found), NOW)
    assert rows.dtype == np.int64
    return [found[row].uid for row in rows]


@pytest.mark.parametrize("name", SORTS)
@given(jobs())
def test_a_policy_is_a_sort_with_ties_by_submission_and_uid(name: str, found: list[Job]) -> None:
    def key(job: Job) -> Any:
        return SORTS[name](job, len(found)), job.submit_s, job.uid

    assert served(name, found) == [job.uid for job in sorted(found, key=key)]


def in_turns(
    found: list[Job], share: Callable[[str, list[Job]], float], inside: Callable[[Job], Any]
) -> list[str]:
    """Serve the queue with the least share of what it holds and was given, again and again."""
    waiting = sorted(found, key=lambda job: (inside(job), job.submit_s, job.uid))
    given: list[Job] = []
    while waiting:
        queue = min({j.queue for j in waiting}, key=lambda q: (share(q, given), q))
        job = next(j for j in waiting if j.queue == queue)
        waiting.remove(job)
        given.append(job)
    return [job.uid for job in given]


def dominant(queue: str, given: list[Job]) -> float:
    use = QUEUES.get(queue, QueueUse())
    held = [float(amount) for amount in use[:3]]
    for job in given:
        if job.queue == queue:
            held = [h + a for h, a in zip(held, job.amounts, strict=True)]
    return max(h / c for h, c in zip(held, CAPACITY, strict=True)) / use.weight


def lately(queue: str, given: list[Job]) -> float:
    use = QUEUES.get(queue, QueueUse())
    usage: float = use.usage_gpu_s * 2.0 ** -((NOW - use.usage_at_s) / (7 * 86_400.0))
    for job in given:
        if job.queue == queue:
            usage += job.asked * (3_600.0 if math.isnan(job.left_s) else job.left_s)
    return usage / use.weight


@given(jobs())
def test_drf_serves_the_queue_with_the_least_dominant_share(found: list[Job]) -> None:
    assert served("drf", found) == in_turns(found, dominant, lambda job: 0)
    rows = DominantShare(PriorityFirst()).order(pending(found), NOW)
    wanted = in_turns(found, dominant, lambda job: -job.priority)
    assert [found[row].uid for row in rows] == wanted


@given(jobs())
def test_fair_share_serves_the_queue_that_had_least_lately(found: list[Job]) -> None:
    assert served("fair-share", found) == in_turns(found, lately, lambda job: 0)


@pytest.mark.parametrize("name", ordering_names())
@FEW
@given(jobs(), st.randoms(use_true_random=False))
def test_the_order_has_every_job_once_and_is_that_of_the_uids(
    name: str, found: list[Job], rng: Any
) -> None:
    columns, policy = pending(found), make_ordering(name, HISTORY)
    order = [found[row].uid for row in policy.order(columns, NOW)]
    assert [found[row].uid for row in policy.order(columns, NOW)] == order
    assert sorted(order) == sorted(job.uid for job in found)
    shuffled = list(found)
    rng.shuffle(shuffled)
    assert served(name, shuffled) == order


# --- by hand -----------------------------------------------------------------------------------


def test_drf_takes_turns_as_in_the_paper() -> None:
    # 9 CPUs and 18 GB; A's tasks take 1 CPU and 4 GB, B's 3 CPUs and 1 GB: 3 of A's, 2 of B's.
    requests = [Request(f"a{k}", 1_000, 4, queue="A") for k in range(4)]
    requests += [Request(f"b{k}", 3_000, 1, queue="B") for k in range(4)]
    order = DominantShare().order(pending_of(requests, capacity=(9_000, 18, 0)), 0.0)
    assert [requests[row].uid for row in order][:5] == ["a0", "b0", "a1", "b1", "a2"]


def test_a_queue_of_weight_two_is_served_twice_as_often() -> None:
    jobs = [Job(f"{q}{k}", queue=q, run_s=100.0) for q in "xy" for k in range(6)]
    columns = pending_of([j.request() for j in jobs], queues={"y": QueueUse(weight=2.0)})
    order = [jobs[row].queue for row in FairShare().order(columns, 0.0)]
    assert order[:9].count("y") == 6


def test_usage_of_long_ago_counts_less() -> None:
    jobs = [Job("old", queue="old", run_s=1.0), Job("new", queue="new", run_s=1.0)]
    use = {"old": QueueUse(usage_gpu_s=1_000.0), "new": QueueUse(usage_gpu_s=400.0, usage_at_s=7e5)}
    columns = pending_of([j.request() for j in jobs], queues=use)
    day = 86_400.0
    for half_life, first in ((day, "old"), (100 * day, "new")):
        assert jobs[FairShare(half_life).order(columns, 7e5)[0]].uid == first


def test_a_job_that_waited_long_is_promoted() -> None:
    starved = Job("starved", submit_s=5.0, attained_s=5_000.0, waiting_s=400.0)
    fresh = Job("fresh", submit_s=9.0)
    columns = pending([starved, fresh])
    assert LeastAttained2d().order(columns, NOW).tolist() == [1, 0]
    assert LeastAttained2d(promote=0.1).order(columns, NOW).tolist() == [1, 0]
    assert LeastAttained2d(promote=0.08).order(columns, NOW).tolist() == [0, 1]


def test_a_job_bigger_than_its_part_of_the_cluster_has_a_longer_time_alone() -> None:
    jobs = [Job("big", gpus=8, run_s=100.0), Job("small", gpus=1, run_s=100.0)]
    columns = pending(jobs)
    assert FinishTime().rho(columns, NOW).tolist() == [11.0, 11.0]  # halves of 16 GPUs
    assert FinishTime(sharers=4).rho(columns, NOW).tolist() == [5.5, 11.0]


def test_gittins_prefers_jobs_that_are_about_to_finish() -> None:
    # Half of the jobs take 10 GPU-seconds, half 1,000: after 9 one second in two finishes.
    jobs = [Job(f"j{a}", attained_s=float(a)) for a in (0, 9, 10, 990)]
    order = make_ordering("gittins-2d", [10.0, 1_000.0]).order(pending(jobs), NOW)
    assert [jobs[row].attained_s for row in order] == [9.0, 990.0, 0.0, 10.0]


@given(jobs())
def test_the_first_of_several_keys_counts_most(found: list[Job]) -> None:
    columns = pending(found)
    rows = by_keys(columns, -columns.priority, columns.run_time_s)
    wanted = sorted(found, key=lambda j: (-j.priority, last(j.run_s), j.submit_s, j.uid))
    assert [found[row] for row in rows] == wanted


# --- columns -----------------------------------------------------------------------------------


def test_columns_say_what_the_first_wishes_ask_for() -> None:
    spare = DeviceRequest(WholeGpus(8))
    devices = [
        (DeviceRequest(WholeGpus(2), alternatives=(spare,)), DeviceRequest(GpuShare(300, count=2))),
        (DeviceRequest(GpuShare(memory_mib=20_480)),),
        (DeviceRequest(GpuShare(memory_milli=125)),),
        (DeviceRequest(MigInstances("3g.40gb", 2)),),
        (DeviceRequest(MigInstances("no such profile")),),
        (),
    ]
    requests = [Request(f"r{k}", devices=asks) for k, asks in enumerate(devices)]
    columns = pending_of(requests)
    assert columns.n_gpus.tolist() == [4, 1, 1, 2, 1, 0]
    assert columns.gpu_milli.tolist() == [2_600, 250, 125, 1_000, 1_000, 0]


def test_what_is_left_follows_from_estimate_and_progress() -> None:
    requests = [Request(f"r{k}", run_time_s=run) for k, run in enumerate([100.0, 100.0, None, 5.0])]
    progress = {
        "r0": Progress(attained_s=30.0),
        "r1": Progress(attained_s=30.0, remaining_s=90.0),
        "r2": Progress(attained_s=30.0, attained_gpu_s=77.0),
        "r3": Progress(submit_s=3.0, attained_s=30.0),
    }
    columns = pending_of(requests, progress)
    np.testing.assert_array_equal(columns.remaining_s, [70.0, 90.0, np.nan, 0.0])
    assert columns.attained_gpu_s.tolist() == [0.0, 0.0, 77.0, 0.0]
    assert columns.waiting_since_s.tolist() == [0.0, 0.0, 0.0, 3.0]


def test_an_infinite_estimate_is_none() -> None:
    requests = [Request("x", run_time_s=math.inf, deadline_s=math.inf), Request("y")]
    columns = pending_of(requests, {"y": Progress(remaining_s=math.inf)})
    for known in (columns.run_time_s, columns.remaining_s, columns.deadline_s):
        assert np.isnan(known).all()
    for name in ordering_names():  # warnings are errors
        assert make_ordering(name, [1.0]).order(columns, 0.0).tolist() == [0, 1]


def test_wrong_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="memory must be greater than 0, not 0"):
        pending_of([], gpu_memory_mib=0)
    with pytest.raises(InvalidRequest, match="pod x is pending twice"):
        pending_of([Request("x"), Request("y"), Request("x")])
    with pytest.raises(ValueError, match="queue 'q': the weight must be greater than 0, not 0"):
        pending_of([], queues={"q": QueueUse(weight=0.0)})
    with pytest.raises(ValueError, match="finite and not negative"):
        make_ordering("gittins-2d", [1.0, math.inf])


# --- the registry ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ordering_names())
def test_a_policy_says_what_it_does_and_takes_an_empty_queue(name: str) -> None:
    assert ordering_summary(name, HISTORY).endswith(".")
    assert served(name, []) == []


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown ordering 'ffo'; did you mean 'fifo'"):
        make_ordering("ffo")
    with pytest.raises(InputError, match="unknown ordering '#'; choose from fifo, priority"):
        make_ordering("#")
    with pytest.raises(InputError, match="unknown backfill 'esay'; did you mean 'easy'"):
        make_backfill("esay")
    with pytest.raises(InputError, match="gittins-2d needs the sizes of finished jobs"):
        make_ordering("gittins-2d")


def test_a_package_of_ones_own_adds_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards:
        """The last first."""

        def order(self, pending: Pending, now_s: float) -> Any:
            return np.lexsort((-pending.key, -pending.submit_s))

    factories = {"backwards": lambda history: Backwards(), "broken": lambda history: object()}

    def entry_points(group: str, name: str | None = None) -> list[Any]:
        assert group == "bayplan.orderings"
        return [
            SimpleNamespace(name=key, value=f"pkg:{key}", load=lambda made=made: made)
            for key, made in factories.items()
            if name in (None, key)
        ]

    monkeypatch.setattr("bayplan.scheduler.ordering.entry_points", entry_points)
    assert ordering_names()[-2:] == ["backwards", "broken"]
    assert ordering_summary("backwards") == "The last first."
    assert served("backwards", [Job("a"), Job("b")]) == ["b", "a"]
    with pytest.raises(InputError, match="ordering broken: plug-in pkg:broken cannot be loaded"):
        make_ordering("broken")
