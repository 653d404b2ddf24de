"""Muri's and Tiresias' event loops, on traces small enough to do by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.simulator.core.results import Outcome
from bayplan.traces.jobs import JobTable
from papers import muri, tiresias
from papers.published import Figure, figures, muri_runs


def log_of(outcome: Outcome) -> list[tuple[float, str, str]]:
    return sorted((entry.time_s, entry.what, entry.job) for entry in outcome.log)


def test_each_event_costs_each_running_job_its_overhead() -> None:
    # Two of the three fit at a time. Overheads on 32 GPUs: resnet18 7 s, others 10 s.
    jobs = JobTable.of(
        name=["a", "b", "c"],
        arrival_s=[0.0, 0.0, 30.0],
        work_s=[100.0, 200.0, 50.0],
        pods=[4, 4, 4],
        gpu_count=[8, 8, 8],
        job_type=["resnet18", "gpt2", "gpt2"],
    )
    outcome = muri.simulate("srtf", jobs, log=True)
    # 30: a did 23, b 20; left are c 50, a 77, b 180. c takes the first nodes, a moves, b is out.
    # 80: c ends; a did 43 more, 34 are left; b starts again.
    # 114: a ends; b did 24 more, 156 are left.
    assert log_of(outcome) == [
        (0.0, "arrive", "a"),
        (0.0, "arrive", "b"),
        (0.0, "start", "a"),
        (0.0, "start", "b"),
        (30.0, "arrive", "c"),
        (30.0, "preempt", "a"),
        (30.0, "preempt", "b"),
        (30.0, "start", "a"),
        (30.0, "start", "c"),
        (80.0, "finish", "c"),
        (80.0, "preempt", "a"),
        (80.0, "start", "a"),
        (80.0, "start", "b"),
        (114.0, "finish", "a"),
        (114.0, "preempt", "b"),
        (114.0, "start", "b"),
        (270.0, "finish", "b"),
    ]
    assert muri.figures_of_outcome(outcome, jobs) == ((114 + 270 + 50) / 3, 270.0, 270.0)


def test_ends_that_are_within_a_billionth_of_each_other_are_one_event() -> None:
    jobs = JobTable.of(
        name=["a", "b", "c"],
        work_s=[1000.0, 1000.0000001, 1000.001],
        gpu_count=[8, 8, 8],
        job_type=["gpt2"] * 3,
    )
    outcome = muri.simulate("srtf", jobs)
    # The third pays for the event of the two: 990 s were done, so 10.001 s are left.
    assert outcome.jobs.finish_s.tolist() == [1000.0, 1000.0, pytest.approx(1010.001)]


def test_least_remaining_service_counts_gpus() -> None:
    jobs = JobTable.of(
        name=["wide", "narrow"],
        work_s=[100.0, 300.0],
        pods=[8, 1],
        gpu_count=[8, 8],
        job_type=["gpt2", "gpt2"],
    )
    assert muri.simulate("srtf", jobs).jobs.start_s.tolist() == [0.0, 100.0]
    assert muri.simulate("srsf", jobs).jobs.start_s.tolist() == [300.0, 0.0]


def test_tiresias_demotes_by_attained_service_and_charges_for_its_own_events() -> None:
    jobs = JobTable.of(
        name=["x", "y"],
        arrival_s=[0.0, 60.0],
        work_s=[200.0, 30.0],
        pods=[8, 8],
        gpu_count=[8, 8],
        job_type=["gpt2", "gpt2"],
    )
    outcome = tiresias.simulate(jobs, log=True)
    # 51: x has 64 × 51 ≥ 3,250 GPU-s and leaves the first queue; of its work 41 s are done.
    # 60: y is in the first queue and takes all; the 9 s of x since are less than its overhead.
    # 90: y ends, x has 159 s left. 143: x ran 113 s, 7,232 GPU-s: the third queue; 43 s done.
    # 259: x ends.
    assert log_of(outcome) == [
        (0.0, "arrive", "x"),
        (0.0, "start", "x"),
        (60.0, "arrive", "y"),
        (60.0, "preempt", "x"),
        (60.0, "start", "y"),
        (90.0, "finish", "y"),
        (90.0, "start", "x"),
        (259.0, "finish", "x"),
    ]


@pytest.mark.parametrize("policy", ["SRTF", "Tiresias_L"])
def test_a_published_schedule_is_met_to_the_last_printed_digit(data: Path, policy: str) -> None:
    runs, _ = muri_runs(data)
    (run,) = [run for run in runs if run.name == f"trace3 {policy}"]
    found = figures("Muri", run, run.simulate())
    assert {each.figure: each.printed for each in found} == run.theirs
    assert len(found) == 3


def test_figures_are_equal_when_their_printed_digits_are() -> None:
    assert Figure("", "", "", "193081.80", 193081.796).equal
    assert not Figure("", "", "", "193081.80", 193081.79).equal
    assert Figure("", "", "", "193082", 193081.796).printed == "193082"
