"""Gavel's rounds, on streams small enough to do by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bayplan.simulator.core.speeds import Speeds
from bayplan.traces.jobs import JobTable
from papers import gavel
from papers.published import figures, gavel_runs


def stream(
    arrival_s: Sequence[float], steps: Sequence[float], s_per_step: Sequence[float]
) -> gavel.Stream:
    work_s = [n * each for n, each in zip(steps, s_per_step, strict=True)]
    jobs = JobTable.of(
        name=[str(k) for k in range(len(steps))],
        arrival_s=arrival_s,
        work_s=work_s,
        gpu_count=[1] * len(steps),
        job_type=["any"] * len(steps),
    )
    return gavel.Stream(jobs, np.array(steps), 1 / np.array(s_per_step))


def test_rounds_end_with_the_last_slice_and_allocations_keep_their_distance() -> None:
    # A round has 11 steps of 32 s (352 s), or 5 of 64 s (320 s).
    few = stream([0.0, 100.0, 800.0, 3000.0], [30.0, 12.0, 1.0, 1.0], [32.0, 64.0, 32.0, 64.0])
    found = gavel.run(few, Speeds(), "v100:2|p100:1", range(4))
    # 0: job 0. 352: job 1 joins, as the allocation at time 0 does not count. 704: the third round;
    # job 0 ends at 960, the round at 1,024: job 2 has come, but the last allocation is 672 s old.
    # Job 1 ends at 1,152, and nothing runs until job 3 comes at 3,000: both waiters start.
    jct = [960, 1152 - 100, 3032 - 800, 3064 - 3000]
    assert found.avg_jct_s == sum(jct) / 4
    # Each slice counts from the end of the round before, the last two from 1,152.
    busy = 352 + (352 + 320) + (256 + 320) + 128 + (3032 - 1152) + (3064 - 1152)
    assert found.utilization == busy / (3 * 3064)


def test_an_empty_cluster_makes_an_allocation_as_well() -> None:
    # Job 0 ends at 320, and the round with it: an allocation of nothing, 1,680 s before job 1.
    few = stream([0.0, 2000.0, 2240.0], [10.0, 1.0, 1.0], [32.0, 32.0, 32.0])
    found = gavel.run(few, Speeds(), "v100:2", range(3))
    assert found.avg_jct_s == (320 + 272 + 32) / 3


def test_a_job_on_a_slower_gpu_makes_fewer_steps_a_round() -> None:
    # On P100 at half the speed 2 steps of 128 s fit into a round; the round lasts 352 s.
    two = stream([0.0, 0.0], [11.0, 4.0], [32.0, 64.0])
    found = gavel.run(two, Speeds(by_type={("any", "P100"): 0.5}), "v100:1|p100:1", range(2))
    assert found.avg_jct_s == (352 + 608) / 2


def test_a_published_row_is_met_to_the_last_printed_digit(data: Path) -> None:
    (run,) = [run for run in gavel_runs(data) if run.name == "seed 1234, lambda 9000 s"]
    found = figures("Gavel", run, run.simulate())
    assert {each.figure: each.printed for each in found} == run.theirs
    assert len(found) == 2
