"""Who was on which GPU when, against what the rest of a simulation says of the same jobs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from bayplan.scheduler.sharing import Mig
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.stints import Stints

from .scenes import Scene, arrays_of, scenes
from .support import job, node, run, table

MANY = 10**6


def told(outcome: Outcome) -> list[str]:
    """Stints, a text each: row of the job, where, how much, from when to when."""
    found = outcome.stints
    assert found is not None
    return [
        f"{found.row[i]} {found.names[found.node[i]]}:{found.gpu[i]}"
        f" {found.profiles[found.profile[i]]}@{found.slice_start[i]}+{found.slice_size[i]}"
        f" {found.milli[i]} {found.start_s[i]:g}-{found.end_s[i]:g}"
        for i in range(found.row.size)
    ]


def test_a_gang_has_a_stint_a_gpu_by_the_first_row_of_its_job() -> None:
    jobs = [
        job("short", 10.0),
        job("a", 20.0, gang="z", gpu_count=2),
        job("b", 20.0, gang="z"),
        job("none", 5.0, gpu_count=0),
    ]
    outcome = run([node("n0", 2), node("n1", 2)], jobs, stints=MANY, ordering="fifo", strict=True)
    assert told(outcome) == [
        "0 n0:0 @0+0 1000 0-10",
        "1 n1:0 @0+0 1000 0-20",
        "1 n1:1 @0+0 1000 0-20",
        "1 n0:1 @0+0 1000 0-20",
    ]


def test_an_instance_is_named_by_its_profile_and_place() -> None:
    outcome = run([node("n0", 1, Mig())], [job("a", 10.0, mig_profile="3g.40gb")], stints=MANY)
    (line,) = told(outcome)
    assert line.startswith("0 n0:0 3g.40gb@")
    assert "+4 " in line


def test_what_is_stopped_has_a_stint_each_time_and_what_runs_on_has_no_end() -> None:
    jobs = [job("low", 100.0), job("high", 10.0, arrival_s=5.0, priority=1)]
    more = {"ordering": "priority", "preemption": "priority", "until_s": 50.0}
    outcome = run([node()], jobs, stints=MANY, **more)
    assert [line.split()[-1] for line in told(outcome)] == ["0-5", "5-15", "15-nan"]


def test_too_many_are_cut_at_a_time_that_is_told() -> None:
    jobs = [job(f"j{i}", 10.0, gpu_count=2) for i in range(4)]
    outcome = run([node("n0", 2)], jobs, stints=5)
    assert outcome.stints is not None
    assert outcome.stints.cut_s == 20.0
    assert [line.split()[-1] for line in told(outcome)] == ["0-10"] * 2 + ["10-20"] * 2
    whole = run([node("n0", 2)], jobs, stints=8).stints
    assert whole is not None
    assert math.isnan(whole.cut_s)
    assert whole.row.size == 8


@pytest.mark.parametrize("stints", [None, 0])
def test_nobody_takes_them_down_unless_asked(stints: int | None) -> None:
    assert run([node()], [job("a", 1.0)], stints=stints).stints is None


@given(scene=scenes())
@settings(max_examples=60)
def test_stints_add_up_to_what_jobs_and_the_cluster_held(scene: Scene) -> None:
    asked = replace(scene.settings, stints=MANY)
    jobs = table(scene.jobs)
    simulation = Simulation(scene.nodes, jobs, asked)
    outcome = simulation.run()
    plain = Simulation(scene.nodes, jobs, scene.settings).run()
    assert arrays_of(outcome) == arrays_of(plain)  # looking on changes nothing
    found = outcome.stints
    assert found is not None
    assert (np.diff(found.start_s) >= 0).all()
    end_s = np.where(np.isnan(found.end_s), outcome.totals.end_s, found.end_s)
    held = found.milli * (end_s - found.start_s) / 1000.0
    assert held.sum() == pytest.approx(outcome.totals.allocated_gpu_s, rel=1e-9, abs=1e-9)
    by_row = np.zeros(len(jobs))
    np.add.at(by_row, found.row, held)
    rows = simulation.book.rows
    firsts = range(len(jobs)) if rows is None else [each[0] for each in rows]
    for row in firsts:
        assert by_row[row] == pytest.approx(outcome.jobs.gpu_s[row], rel=1e-9, abs=1e-9)
    check_whole_gpus(found, end_s)


def check_whole_gpus(found: Stints, end_s: np.ndarray) -> None:
    """Nobody is on a GPU while one job has all of it."""
    named = found.gpu >= 0
    whole = named & (found.milli == 1000) & (found.slice_size == 0)
    for i in np.flatnonzero(whole).tolist():
        beside = named & (found.node == found.node[i]) & (found.gpu == found.gpu[i])
        beside &= (found.start_s < end_s[i]) & (end_s > found.start_s[i])
        assert beside.sum() == 1
