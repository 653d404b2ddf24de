"""Schedules worked out by hand, compared as whole logs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.sharing import Mps, Sharing
from bayplan.simulator.core.results import Status

from .support import ends, job, node, run, speeds, told

TWO = [node("n0", 2)]
MIXED = [
    job("a", 10.0, arrival_s=0.0),
    job("b", 10.0, arrival_s=1.0, gpu_count=2),
    job("c", 5.0, arrival_s=2.0),
    job("d", 2.0, arrival_s=3.0),
]
"""On two GPUs ``b`` has to wait for ``a``, and ``c`` and ``d`` would fit beside it."""


def test_first_in_first_out_passes_by_who_does_not_fit() -> None:
    outcome = run(TWO, MIXED)
    assert told(outcome) == [
        "0 arrive a",
        "0 start a n0",
        "1 arrive b",
        "2 arrive c",
        "2 start c n0",
        "3 arrive d",
        "7 finish c",
        "7 start d n0",
        "9 finish d",
        "10 finish a",
        "10 start b n0",
        "20 finish b",
    ]
    assert outcome.jobs.wait_s.tolist() == [0.0, 9.0, 0.0, 4.0]


@pytest.mark.parametrize("backfill", ["easy", "conservative"])
def test_who_would_delay_the_first_is_not_backfilled(backfill: str) -> None:
    """``b`` starts at 10 whatever comes: ``c`` would end at 11, ``d`` ends before."""
    jobs = [*MIXED[:2], job("c", 9.0, arrival_s=2.0), MIXED[3]]
    assert told(run(TWO, jobs, backfill=backfill)) == [
        "0 arrive a",
        "0 start a n0",
        "1 arrive b",
        "2 arrive c",
        "3 arrive d",
        "3 start d n0",
        "5 finish d",
        "10 finish a",
        "10 start b n0",
        "20 finish b",
        "20 start c n0",
        "29 finish c",
    ]


@pytest.mark.parametrize("ordering", ["fifo", "drf"])
def test_strictly_nobody_passes_the_first(ordering: str) -> None:
    outcome = run(TWO, MIXED, strict=True, ordering=ordering)
    assert told(outcome) == [
        "0 arrive a",
        "0 start a n0",
        "1 arrive b",
        "2 arrive c",
        "3 arrive d",
        "10 finish a",
        "10 start b n0",
        "20 finish b",
        "20 start c n0",
        "20 start d n0",
        "22 finish d",
        "25 finish c",
    ]


QUEUE = [
    job("z", 4.0, arrival_s=0.0),
    job("a", 9.0, arrival_s=1.0, priority=1, gpu_milli=900),
    job("b", 1.0, arrival_s=2.0, estimate_s=20.0),
    job("c", 5.0, arrival_s=2.0, priority=2, gpu_milli=800),
    job("d", 3.0, arrival_s=3.0, priority=1),
    job("e", 5.0, arrival_s=2.0, priority=-1),
]
"""Who waits for one GPU while ``z`` runs: none fits beside another."""


@pytest.mark.parametrize(
    ("ordering", "order"),
    [
        ("fifo", "abced"),
        ("sjf", "dceab"),
        ("priority", "cadbe"),
        ("smallest-first", "cabed"),
    ],
)
def test_a_queue_is_served_in_its_order(ordering: str, order: str) -> None:
    outcome = run([node("n0", 1)], QUEUE, ordering=ordering)
    work = {each["name"]: each["work_s"] for each in QUEUE}
    expected, now = ["0 arrive z", "0 start z n0"], 4.0
    expected += ["1 arrive a", "2 arrive b", "2 arrive c", "2 arrive e", "3 arrive d"]
    expected += ["4 finish z"]
    for name in order:
        expected.append(f"{now:g} start {name} n0")
        now += work[name]
        expected.append(f"{now:g} finish {name}")
    assert told(outcome) == expected


def by_queues(ordering: str, jobs: list[dict[str, Any]], gpus: int, **settings: Any) -> list[str]:
    """Who starts, in order."""
    outcome = run([node("n0", gpus)], jobs, ordering=ordering, **settings)
    return [f"{e.time_s:g} {e.job}" for e in outcome.log if e.what == "start"]


def test_the_least_dominant_share_is_served_next() -> None:
    """As in the paper's example: a CPU-heavy and a GPU-heavy queue, on 9 CPUs and 18 GPUs.

    ``a`` asks for 1 CPU and 4 GPUs (2/9), ``b`` for 3 CPUs and 1 GPU (1/3): three of ``a`` and two
    of ``b`` run, both queues with a dominant share of 2/3.
    """
    many = [job(f"a{k}", 10.0, queue="a", cpu_milli=1_000, gpu_count=4) for k in range(5)]
    some = [job(f"b{k}", 7.0, queue="b", cpu_milli=3_000, gpu_count=1) for k in range(5)]
    outcome = run([node("n0", 18, cpu_milli=9_000)], many + some, ordering="drf")
    starts = [f"{e.time_s:g} {e.job}" for e in outcome.log if e.what == "start"]
    # At 7 two of b end; a has 2/3, b nothing: two more of b. At 10 a has nothing and b 2/3.
    assert starts == ["0 a0", "0 b0", "0 a1", "0 b1", "0 a2", "7 b2", "7 b3", "10 a3", "10 a4",
                      "14 b4"]  # fmt: skip


def test_shares_are_of_what_runs_now() -> None:
    """At 4 ``a`` still has a GPU and ``b`` none; at 6 it is the other way round."""
    jobs = [job(f"a{k}", work_s, queue="a") for k, work_s in enumerate((4.0, 6.0, 4.0))]
    jobs += [job(f"b{k}", 9.0, queue="b", arrival_s=1.0) for k in range(3)]
    assert by_queues("drf", jobs, 2) == ["0 a0", "0 a1", "4 b0", "6 a2", "10 b1", "13 b2"]
    assert by_queues("fifo", jobs, 2) == ["0 a0", "0 a1", "4 a2", "6 b0", "8 b1", "15 b2"]


def test_usage_fades_under_fair_share() -> None:
    """``a`` used 100 GPU-seconds long ago, ``b`` 30 just now."""
    jobs = [
        job("a0", 100.0, queue="a"),
        job("b0", 30.0, queue="b", arrival_s=300.0),
        job("a1", 10.0, queue="a", arrival_s=305.0),
        job("b1", 10.0, queue="b", arrival_s=304.0),
    ]
    assert by_queues("fair-share", jobs, 1, half_life_s=50.0)[2:] == ["330 a1", "340 b1"]
    assert by_queues("fair-share", jobs, 1, half_life_s=5_000.0)[2:] == ["330 b1", "340 a1"]


def test_a_gang_starts_at_once_or_waits() -> None:
    jobs = [
        job("x", 5.0),
        job("w", 8.0, arrival_s=1.0, pods=3),
        job("y", 1.0, arrival_s=2.0),
    ]
    outcome = run([node("n0", 2), node("n1", 1)], jobs)
    assert told(outcome) == [
        "0 arrive x",
        "0 start x n1",
        "1 arrive w",
        "2 arrive y",
        "2 start y n0",
        "3 finish y",
        "5 finish x",
        "5 start w n1 n0",
        "13 finish w",
    ]
    assert outcome.jobs.gpu_s.tolist() == [5.0, 24.0, 1.0]


def test_the_rows_of_a_gang_are_one_job() -> None:
    jobs = [
        job("worker", 6.0, gang="g", pods=2, priority=3),
        job("other", 2.0, arrival_s=1.0),
        job("driver", 6.0, gang="g", gpu_count=0, cpu_milli=1_000, priority=3),
    ]
    outcome = run(TWO, jobs)
    assert told(outcome) == [
        "0 arrive g",
        "0 start g n0",
        "1 arrive other",
        "6 finish g",
        "6 start other n0",
        "8 finish other",
    ]
    assert ends(outcome) == [6.0, 8.0, 6.0]
    assert outcome.jobs.gpu_s.tolist() == [12.0, 2.0, 12.0]
    assert outcome.totals.allocated_gpu_s == 14.0
    assert outcome.totals.effective_gpu_s == 14.0


def test_jobs_are_withdrawn_before_they_come_while_they_wait_and_while_they_run() -> None:
    jobs = [
        job("runs", 10.0, gpu_count=2, cancel_s=4.0),
        job("waits", 10.0, arrival_s=1.0, gpu_count=2, cancel_s=2.0),
        job("never", 10.0, arrival_s=3.0, cancel_s=2.5),
        job("at", 10.0, arrival_s=3.0, cancel_s=3.0),
        job("late", 2.0, arrival_s=3.0, cancel_s=100.0),
        job("tie", 3.0, arrival_s=3.0, cancel_s=7.0),
    ]
    outcome = run(TWO, jobs)
    assert told(outcome) == [
        "0 arrive runs",
        "0 start runs n0",
        "1 arrive waits",
        "2 cancel waits",
        "3 cancel never",
        "3 cancel at",
        "3 arrive late",
        "3 arrive tie",
        "4 cancel runs",
        "4 start late n0",
        "4 start tie n0",
        "6 finish late",
        "7 finish tie",
    ]
    cancelled, finished = int(Status.CANCELLED), int(Status.FINISHED)
    assert outcome.jobs.status.tolist() == [cancelled] * 4 + [finished] * 2
    assert outcome.jobs.run_s.tolist() == [4.0, 0.0, 0.0, 0.0, 2.0, 3.0]
    assert outcome.jobs.wait_s.tolist() == [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    assert outcome.jobs.work_done_s.tolist() == [4.0, 0.0, 0.0, 0.0, 2.0, 3.0]
    assert outcome.totals.end_s == 7.0


def test_what_the_empty_cluster_cannot_hold_is_rejected() -> None:
    jobs = [
        job("big", 1.0, arrival_s=5.0, gpu_count=3),
        job("wide", 1.0, pods=3),
        job("other", 1.0, gpu_models="T4"),
        job("fits", 1.0),
        job("cpus", 1.0, gpu_count=0, cpu_milli=64_001),
        job("sliced", 1.0, mig_profile="1g.10gb"),
    ]
    outcome = run(TWO, jobs)
    rejected, finished = int(Status.REJECTED), int(Status.FINISHED)
    assert outcome.jobs.status.tolist() == [rejected] * 3 + [finished] + [rejected] * 2
    assert ends(outcome) == [5.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    assert outcome.jobs.wait_s.tolist() == [0.0] * 6
    assert [entry for entry in told(outcome) if "reject" not in entry] == [
        "0 arrive fits",
        "0 start fits n0",
        "1 finish fits",
    ]


def test_at_one_time_ends_come_before_arrivals_and_these_before_the_pass() -> None:
    jobs = [
        job("a", 5.0),
        job("z", 1.0, arrival_s=5.0),
        job("b", 1.0, arrival_s=5.0, priority=1),
        job("c", 1.0, arrival_s=5.0, cancel_s=5.0),
    ]
    outcome = run([node("n0", 1)], jobs, ordering="priority")
    assert told(outcome)[2:] == [
        "5 finish a",
        "5 cancel c",
        "5 arrive z",
        "5 arrive b",
        "5 start b n0",
        "6 finish b",
        "6 start z n0",
        "7 finish z",
    ]


def test_work_of_nothing_is_done_at_once() -> None:
    outcome = run([node("n0", 1)], [job("a", 0.0), job("b", 0.0), job("c", 1.0)])
    assert told(outcome)[3:] == [
        "0 start a n0",
        "0 finish a",
        "0 start b n0",
        "0 finish b",
        "0 start c n0",
        "1 finish c",
    ]


def test_time_ends_where_it_is_told_to() -> None:
    outcome = run(TWO, MIXED, until_s=8.5)
    assert told(outcome)[-1] == "7 start d n0"
    assert outcome.totals.end_s == 8.5
    assert outcome.jobs.status.tolist() == [0, 0, int(Status.FINISHED), 0]
    assert np.isnan(outcome.jobs.finish_s).tolist() == [True, True, False, True]
    assert outcome.jobs.run_s.tolist() == [8.5, 0.0, 5.0, 1.5]
    assert outcome.jobs.wait_s.tolist() == [0.0, 7.5, 0.0, 4.0]
    assert outcome.jobs.work_done_s.tolist() == [8.5, 0.0, 5.0, 1.5]
    assert outcome.jobs.gpu_s.tolist() == [8.5, 0.0, 5.0, 1.5]
    assert outcome.totals.allocated_gpu_s == 15.0
    assert told(run(TWO, MIXED, until_s=20.0)) == told(run(TWO, MIXED))


def test_a_simulation_stops_after_the_jobs_that_matter() -> None:
    outcome = run(TWO, MIXED, more={"stop_after": ["c", "d"]})
    assert told(outcome)[-1] == "9 finish d"
    assert outcome.totals.end_s == 9.0
    assert outcome.jobs.status.tolist() == [0, 0, 1, 1]


def test_in_rounds_jobs_end_when_they_end_and_start_at_the_next_round() -> None:
    outcome = run(TWO, MIXED, trigger="rounds", round_s=4.0)
    assert told(outcome) == [
        "0 arrive a",
        "0 start a n0",
        "1 arrive b",
        "2 arrive c",
        "3 arrive d",
        "4 start c n0",
        "9 finish c",
        "10 finish a",
        "12 start b n0",
        "22 finish b",
        "24 start d n0",
        "26 finish d",
    ]
    # At 0 (arrival and round), 4, 8, ..., 24: nobody is left for the one at 28.
    assert outcome.totals.passes == 7


def test_priority_evicts_and_the_victim_starts_anew() -> None:
    jobs = [job("low", 10.0), job("high", 3.0, arrival_s=4.0, priority=1)]
    outcome = run([node("n0", 1)], jobs, ordering="priority", preemption="priority")
    assert [entry for entry in told(outcome) if "arrive" not in entry] == [
        "0 start low n0",
        "4 preempt low n0",
        "4 start high n0",
        "7 finish high",
        "7 start low n0",
        "13 finish low",
    ]
    assert outcome.jobs.preemptions.tolist() == [1, 0]


def test_repacking_stops_the_last_of_the_order() -> None:
    jobs = [
        job("long", 10.0),
        job("short", 2.0, arrival_s=1.0),
        job("mid", 4.0, arrival_s=2.0),
    ]
    outcome = run([node("n0", 1)], jobs, ordering="srtf", preemption="repack")
    assert told(outcome) == [
        "0 arrive long",
        "0 start long n0",
        "1 arrive short",
        "1 start short n0",
        "1 preempt long n0",
        "2 arrive mid",
        "3 finish short",
        "3 start mid n0",
        "7 finish mid",
        "7 start long n0",
        "16 finish long",
    ]
    assert outcome.jobs.preemptions.tolist() == [1, 0, 0]
    assert outcome.jobs.work_lost_s.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("preemption", ["repack", "in-order"])
@pytest.mark.parametrize(
    ("ordering", "stopped", "finish"),
    [
        # After 6 s there are 4 left of long's 10, and 5 of next's.
        ("srtf", 0, [10.0, 15.0]),
        ("sjf", 1, [15.0, 11.0]),
        # long had 6 GPU-seconds, next none; what attained the least goes on, at events.
        ("las", 1, [15.0, 11.0]),
    ],
)
def test_who_has_less_left_or_had_less_runs(
    ordering: str, stopped: int, finish: list[float], preemption: str
) -> None:
    jobs = [job("long", 10.0), job("next", 5.0, arrival_s=6.0)]
    outcome = run([node("n0", 1)], jobs, ordering=ordering, preemption=preemption)
    assert outcome.jobs.preemptions.tolist() == [stopped, 0]
    assert ends(outcome) == finish


@pytest.mark.parametrize("sharing", [(), (Mps(),)])
def test_repacking_puts_nobody_beside_another_on_an_anonymous_gpu(
    sharing: tuple[Sharing, ...],
) -> None:
    """``c`` takes the GPU of ``b`` while ``a`` finds its own again, whichever it is."""
    jobs = [job("a", 10.0), job("b", 20.0), job("c", 2.0, arrival_s=1.0)]
    anonymous = node("n0", 2, *sharing, anonymous_gpus=True)
    outcome = run([anonymous], jobs, ordering="srtf", preemption="repack", speeds=speeds())
    assert ends(outcome) == [10.0, 22.0, 3.0]
    assert outcome.totals.busy_gpu_s == outcome.totals.tenant_gpu_s == 32.0
