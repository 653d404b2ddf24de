from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.metrics import METRICS, Summary, metric, summarise
from bayplan.traces.jobs import JobTable

from .support import NAN, results, run, series, totals


def three() -> tuple[Outcome, JobTable]:
    """Three jobs on four GPUs.

    a: 2 GPUs, 0 to 100, never waits. b: 4 GPUs, arrives at 50, waits till 100, ends at 140 after 40
    of work. c: no GPU, arrives at 60 with 2 of work, ends at 63.
    """
    jobs = JobTable.of(
        name=["a", "b", "c"],
        arrival_s=[0.0, 50.0, 60.0],
        work_s=[100.0, 40.0, 2.0],
        gpu_count=[2, 4, 0],
        user=["ann", "bob", "bob"],
    )
    found = results(
        3,
        start_s=[0.0, 100.0, 61.0],
        finish_s=[100.0, 140.0, 63.0],
        run_s=[100.0, 40.0, 2.0],
        wait_s=[0.0, 50.0, 1.0],
        gpu_s=[200.0, 160.0, 0.0],
        work_done_s=[100.0, 40.0, 2.0],
        work_lost_s=[5.0, 10.0, 1.0],
        overhead_s=[0.0, 3.0, 0.0],
        preemptions=[1, 2, 0],
        oom_kills=[0, 1, 0],
        failures=[2, 0, 1],
    )
    seen = series(
        time_s=[0.0, 40.0, 140.0],
        fragmentation_milli=[9999.0, 1000.0, 200.0],
        mig_blocked=[NAN, NAN, 0.25],
    )
    whole = totals(
        end_s=140.0,
        allocated_gpu_s=360.0,
        effective_gpu_s=280.0,
        busy_gpu_s=300.0,
        tenant_gpu_s=450.0,
        events=7,
        passes=5,
        decisions=4,
    )
    return Outcome(found, seen, whole), jobs


def test_what_was_away_is_of_all_nodes() -> None:
    outcome, jobs = three()
    # Of eight GPUs four are there for 140 s, and four more for 35.
    some = replace(outcome.totals, known_gpus=8, there_gpu_s=4 * 140.0 + 4 * 35.0)
    summary = summarise(replace(outcome, totals=some), jobs)
    assert summary["availability_pct"] == 62.5
    assert summary["allocation_pct"] == pytest.approx(100 * 360.0 / 700.0)


@pytest.fixture(name="summary", scope="module")
def of_three() -> Summary:
    return summarise(*three())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("jobs", 3),
        ("finished", 3),
        ("unfinished", 0),
        ("start_delay_mean_s", 51 / 3),
        ("wait_mean_s", 51 / 3),
        ("wait_p50_s", 1.0),
        ("wait_p95_s", 0.1 * 1.0 + 0.9 * 50.0),  # position 1.9 of 0, 1, 50
        ("jct_mean_s", (100 + 90 + 3) / 3),
        ("jct_p50_s", 90.0),
        ("jct_p99_s", 0.02 * 90.0 + 0.98 * 100.0),
        ("makespan_s", 140.0),
        ("slowdown_mean", (1 + 90 / 40 + 1) / 3),  # c: 3 / max(2, 10) is below 1
        ("allocation_pct", 100 * 360 / (4 * 140)),
        ("effective_pct", 100 * 280 / (4 * 140)),
        ("goodput_pct", 100 * (280 - 50) / (4 * 140)),
        ("rate", 280 / 360),
        ("busy_pct", 100 * 300 / (4 * 140)),
        ("tenants_mean", 1.5),
        ("allocated_gpu_h", 0.1),
        ("fragmentation_pct", 100 * (40 * 1000 + 100 * 200) / 140 / 4000),
        ("mig_blocked_pct", 25.0),
        ("work_lost_s", 16.0),
        ("work_lost_gpu_s", 5 * 2 + 10 * 4),
        ("work_lost_pct", 100 * 16 / (16 + 142)),
        ("overhead_s", 3.0),
        ("overhead_gpu_s", 12.0),
        ("preemptions", 3),
        ("oom_kills", 1),
        ("failures", 3),
        ("availability_pct", 100.0),
        ("deadline_misses", 0),
        ("events", 7),
        ("passes", 5),
        ("decisions", 4),
    ],
)
def test_figures_told_by_hand(summary: Summary, key: str, value: float) -> None:
    assert summary[key] == pytest.approx(value, rel=1e-14)


def test_rho_is_beside_a_cluster_of_an_nth(summary: Summary) -> None:
    # a: two are there half of its time, N = 1.5; 2 GPUs of 4 / 1.5 fit, so alone is 100.
    # b: two till 100, alone till 140: N = (50 × 2 + 40) / 90; alone is 40 × 4 N / 4. c has no GPU.
    rho_a, rho_b = 100 / 100, 90 / (40 * 140 / 90)
    assert summary["rho_mean"] == pytest.approx((rho_a + rho_b) / 2, rel=1e-12)
    assert summary["rho_max"] == pytest.approx(rho_b, rel=1e-12)
    assert summary["rho_unfair_pct"] == 50.0
    index = (rho_a + rho_b) ** 2 / (2 * (rho_a**2 + rho_b**2))
    assert summary["jain_rho"] == pytest.approx(index, rel=1e-12)


def test_jain_is_over_the_mean_slowdowns_of_users(summary: Summary) -> None:
    ann, bob = 1.0, (90 / 40 + 1.0) / 2
    index = (ann + bob) ** 2 / (2 * (ann**2 + bob**2))
    assert summary["jain_users"] == pytest.approx(index, rel=1e-14)
    assert math.isnan(summary["jain_queues"])  # none is named


def test_a_long_tail_says_nothing_about_the_shares_while_jobs_arrive() -> None:
    # Arrivals from 10 to 31: samples each 2 s, the last of them ends 1 s after the last arrival.
    time_s = [*np.arange(10.0, 33.0, 2.0), 1000.0]
    held = [9999, *[2000] * 5, *[4000] * 5, 9999, 1][: len(time_s)]
    seen = series(
        time_s=time_s,
        allocated_milli=held,
        effective_milli=[0.5 * milli for milli in held],
        busy_gpus=[milli // 1000 for milli in held],
    )
    jobs = JobTable.of(name=["a", "b"], work_s=[1.0] * 2, gpu_count=[1] * 2, arrival_s=[31.0, 10.0])
    found, whole = results(2, finish_s=[32.0, 1000.0]), totals(first_s=10.0, end_s=1000.0)
    summary = summarise(Outcome(found, seen, whole), jobs)
    mean = (10 * 2000 + 10 * 4000 + 1 * 9999) / 21 / 40  # of the last sample, one second counts
    assert summary["allocated_arrivals_pct"] == pytest.approx(mean)
    assert summary["effective_arrivals_pct"] == pytest.approx(mean / 2)
    assert summary["busy_arrivals_pct"] == pytest.approx(100 * (20 + 40 + 9) / 21 / 4)


def test_few_samples_or_one_arrival_say_nothing_about_the_time_while_jobs_arrive(
    summary: Summary,
) -> None:
    assert math.isnan(summary["allocated_arrivals_pct"])
    jobs = JobTable.of(name=["a"], work_s=[1.0], gpu_count=[1])
    seen = series(time_s=np.arange(50.0), allocated_milli=[1000] * 50)
    alone = summarise(Outcome(results(1), seen, totals()), jobs)
    assert math.isnan(alone["busy_arrivals_pct"])


def test_users_have_their_part(summary: Summary) -> None:
    ann, bob = summary.by_user
    assert (ann.name, ann.jobs, ann.finished, ann.wait_mean_s) == ("ann", 1, 1, 0.0)
    assert (bob.name, bob.jobs, bob.jct_mean_s) == ("bob", 2, 46.5)
    assert ann.gpu_h == pytest.approx(200 / 3600)
    assert ann.gpu_pct + bob.gpu_pct == pytest.approx(100.0)
    assert summary.by_queue == ()


def test_the_rows_of_a_gang_are_one_job() -> None:
    jobs = JobTable.of(
        name=["a", "b", "c"],
        work_s=[10.0, 10.0, 20.0],
        gpu_count=[0, 2, 1],
        gang=["g", "g", ""],
        deadline_s=[5.0, 5.0, NAN],
    )
    found = results(
        3,
        finish_s=[10.0, 10.0, 40.0],
        run_s=[10.0, 10.0, 40.0],
        gpu_s=[20.0, 20.0, 40.0],
        preemptions=[2, 2, 1],
        work_lost_s=[1.0, 1.0, 0.0],
    )
    summary = summarise(Outcome(found, series(), totals()), jobs)
    assert summary["jobs"] == summary["finished"] == 2
    assert summary["jct_mean_s"] == 25.0
    assert summary["preemptions"] == 3
    assert summary["work_lost_gpu_s"] == 2.0
    assert summary["deadline_misses"] == 1
    assert summary["deadline_miss_pct"] == 100.0
    assert summary["rho_max"] > 1.0  # a role without GPUs does not make it a job without


def test_a_deadline_is_missed_once_that_is_known() -> None:
    ends = [
        (Status.FINISHED, 50.0, 50.0, False),
        (Status.FINISHED, 51.0, 50.0, True),
        (Status.FAILED, 10.0, 50.0, True),
        (Status.REJECTED, NAN, 50.0, True),
        (Status.CANCELLED, 40.0, 50.0, False),
        (Status.CANCELLED, 60.0, 50.0, True),
        (Status.UNFINISHED, NAN, 50.0, True),
        (Status.UNFINISHED, NAN, 150.0, False),
        (Status.FINISHED, 99.0, NAN, False),
    ]
    status, finish, deadline, missed = zip(*ends, strict=True)
    n = len(ends)
    jobs = JobTable.of(
        name=[str(i) for i in range(n)], work_s=[1.0] * n, gpu_count=[1] * n, deadline_s=deadline
    )
    found = results(n, status=status, finish_s=finish, run_s=[1.0] * n, gpu_s=[1.0] * n)
    summary = summarise(Outcome(found, series(), totals(end_s=100.0)), jobs)
    assert summary["deadline_misses"] == sum(missed)
    assert summary["deadline_miss_pct"] == pytest.approx(100 * sum(missed) / (n - 1))
    assert [summary[s.name.lower()] for s in Status] == [2, 3, 2, 1, 1]


def test_who_did_not_finish_is_in_no_time_but_shares_the_cluster() -> None:
    jobs = JobTable.of(
        name=["a", "b", "c"], work_s=[100.0, 1.0, 1.0], gpu_count=[4, 4, 4], arrival_s=[0.0, 0, 0]
    )
    found = results(
        3,
        status=[Status.FINISHED, Status.UNFINISHED, Status.REJECTED],
        start_s=[0.0, NAN, NAN],
        finish_s=[100.0, NAN, NAN],
        run_s=[100.0, 0.0, 0.0],
        wait_s=[0.0, 100.0, 0.0],
        gpu_s=[400.0, 0.0, 0.0],
    )
    summary = summarise(Outcome(found, series(), totals()), jobs)
    assert summary["wait_mean_s"] == 0.0
    assert summary["jct_p99_s"] == 100.0
    assert summary["rho_max"] == pytest.approx(0.5)  # N = 2: what was rejected was never there


def test_an_empty_run_has_nothing_to_say_and_says_so() -> None:
    jobs = JobTable.of(name=[], work_s=[], gpu_count=[])
    nothing = totals(n_gpus=0, capacity_milli=0, end_s=0.0)
    summary = summarise(Outcome(results(0), series(), nothing), jobs)
    assert list(summary.values) == [each.key for each in METRICS]
    assert summary["jobs"] == summary["preemptions"] == summary["makespan_s"] == 0
    for key in ("jct_mean_s", "jct_p99_s", "allocation_pct", "rho_max", "jain_users"):
        assert math.isnan(summary[key])


def test_results_of_another_table_are_refused() -> None:
    outcome, jobs = three()
    with pytest.raises(ValueError, match="3 rows of jobs, 2 rows of results"):
        summarise(Outcome(results(2), outcome.series, outcome.totals), jobs)


def test_the_order_of_the_rows_is_nothing_to_the_figures() -> None:
    outcome, jobs = run()
    order = np.random.default_rng(5).permutation(len(jobs))
    turned = JobTable.of(
        **{
            name: [getattr(jobs, name)[i] for i in order]
            for name in ("name", "arrival_s", "work_s", "gpu_count", "user", "queue")
        }
    )
    rows = {
        name: getattr(outcome.jobs, name)[order]
        for name in outcome.jobs.__dataclass_fields__
        if name != "startup_s"
    }
    again = summarise(Outcome(results(len(jobs), **rows), outcome.series, outcome.totals), turned)
    for key, value in summarise(outcome, jobs).values.items():
        assert again[key] == pytest.approx(value, rel=1e-12, nan_ok=True)


def test_keys_are_unique_and_a_wrong_one_is_answered_with_the_nearest() -> None:
    assert len({each.key for each in METRICS}) == len(METRICS)
    assert metric("jct_mean_s").better == "less"
    with pytest.raises(InputError, match="no metric is called 'jct_mean'; did you mean jct_mean_s"):
        metric("jct_mean")
