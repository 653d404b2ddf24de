"""What is said beside the figures of a run: who could not run, and what was taken for granted."""

from __future__ import annotations

from dataclasses import replace

from bayplan.scheduler.types import Node
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.speeds import Speeds
from bayplan.simulator.scenario.ready import Ready, made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.notes import (
    EQUAL_SPEEDS,
    NO_INTERFERENCE,
    about_jobs,
    about_rejections,
    about_runs,
    facts_of,
)
from bayplan.traces.jobs import JobTable

from ..metrics.support import results, series, totals  # noqa: TID252


def on(*models: str, speeds: Speeds | None = None) -> Ready:
    """A cluster with a node of each model, and one without GPUs."""
    nodes = [
        Node(f"n{i}", cpu_milli=64_000, memory_mib=262_144, gpu_count=1, gpu_model=model)
        for i, model in enumerate(models)
    ]
    nodes.append(Node("cpu", cpu_milli=64_000, memory_mib=262_144))
    jobs = JobTable.of(name=["a"], work_s=[1.0], gpu_count=[1])
    return Ready(nodes, jobs, Settings(speeds=speeds or Speeds()))


def told(*runs: Ready) -> list[str]:
    return list(about_runs([facts_of(run) for run in runs]))


def test_equal_speeds_of_several_models_are_told_unless_speeds_are_given() -> None:
    assert told(on("T4", "A100-80GB")) == [EQUAL_SPEEDS]
    assert told(on("T4", "T4")) == []
    for speeds in (Speeds(by_model={"T4": 0.5}), Speeds(by_type={("x", "T4"): 0.5})):
        assert told(on("T4", "A100-80GB", speeds=speeds)) == []


def test_models_side_by_side_are_several_too() -> None:
    t4, a100 = on("T4"), on("A100-80GB")
    assert told(t4, a100) == [EQUAL_SPEEDS]
    assert told(t4, t4) == []
    given = on("T4", speeds=Speeds(by_model={"T4": 0.5}))
    assert told(given, a100) == [EQUAL_SPEEDS]
    assert told(given, replace(a100, settings=given.settings)) == []


def test_a_mode_that_models_nothing_is_told_only_beside_one_that_does() -> None:
    def mode(name: str) -> Ready:
        return made_ready(
            Scenario().of(jobs__synthetic__count=3, cluster__gpu="A100-80GB", sharing__mode=name)
        )

    none, mps, timeslice = mode("none"), mode("mps"), mode("timeslice")
    assert told(none, mps) == [NO_INTERFERENCE]
    assert told(none) == told(mps, timeslice) == []


def test_who_fits_nowhere_is_named_with_the_reason() -> None:
    assert list(about_rejections(())) == []
    assert list(about_rejections([("a", "too big")])) == [
        "1 job fits no node even of the empty cluster: a (too big)"
    ]
    assert list(about_rejections([(name, "too big") for name in "abcde"])) == [
        "5 jobs fit no node even of the empty cluster: a, b, c and 2 more (too big)"
    ]
    assert list(about_rejections([("a", "too big"), ("b", "too odd")])) == [
        "2 jobs fit no node even of the empty cluster: a (too big), b (too odd)"
    ]


def test_the_reason_is_that_of_the_run() -> None:
    jobs = JobTable.of(name=["ok", "wide"], work_s=[1.0] * 2, gpu_count=[1, 2])
    ready = replace(on("T4"), jobs=jobs)
    outcome = Simulation(ready.nodes, jobs, ready.settings).run()
    assert list(about_jobs(outcome, jobs)) == [
        "1 job fits no node even of the empty cluster: wide (too few GPUs, or each too small)"
    ]


def test_who_was_killed_too_often_is_named_and_a_gang_once() -> None:
    status = [Status.FAILED, Status.FAILED, Status.FINISHED, Status.FAILED]
    jobs = JobTable.of(
        name=list("abcd"), work_s=[1.0] * 4, gpu_count=[1] * 4, gang=["g", "g", "", ""]
    )
    outcome = Outcome(results(4, status=status), series(), totals())
    assert list(about_jobs(outcome, jobs)) == [
        "2 jobs were killed for want of GPU memory too often: g, d"
    ]
