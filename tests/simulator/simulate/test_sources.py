"""From a cluster file to the figures: nodes that fail, are taken back, and are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.simulator.core.progress import PROGRESS, Saving
from bayplan.simulator.core.sources import (
    Failing,
    FailingGpus,
    Faults,
    GpuFaults,
    Listed,
    Reclaimed,
    Slowing,
    Spot,
    Stragglers,
    Watch,
)
from bayplan.simulator.metrics import summarise
from bayplan.simulator.scenario.ready import Ready, made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.running import run
from bayplan.simulator.simulate.sources import hazards_of, sources_of
from bayplan.traces.jobs import write_jobs

from ..scenario.support import job_table  # noqa: TID252

NODES = """
[[nodes]]
name = "f"
count = 2
gpus = 1
mtbf_h = 0.5
mttr_h = 0.25
[[nodes]]
name = "s"
gpus = 2
spot = true
reclaim_per_h = 4
return_h = 0.5
notice_s = 30
[[nodes]]
name = "n"
gpus = 4
"""


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    (tmp_path / "c.toml").write_text(NODES)
    (tmp_path / "changes.csv").write_text("time_s,node,what\n600,n,down\n1200,n,up\n")
    write_jobs(job_table([0.0] * 8, work_s=[7200.0] * 8, gpu_count=[1] * 8), tmp_path / "j.csv")
    return made_ready(
        Scenario().of(
            cluster__file=str(tmp_path / "c.toml"),
            cluster__changes=str(tmp_path / "changes.csv"),
            jobs__file=str(tmp_path / "j.csv"),
            interruptions__checkpoint_s=600.0,
            interruptions__on_notice="checkpoint",
            run__log=True,
        )
    )


def test_each_node_has_the_sources_that_its_group_states(ready: Ready) -> None:
    listed, faults, spot = sources_of(ready)
    assert isinstance(listed, Listed)
    assert isinstance(faults, Faults)
    assert isinstance(spot, Spot)
    assert ready.outages.keys() == {"f-0", "f-1", "s"}
    assert faults.nodes == (Failing("f-0", 0.5, 0.25), Failing("f-1", 0.5, 0.25))
    assert spot.nodes == (Reclaimed("s", 4.0, 0.5, 30.0),)
    assert ready.settings.interruptions.on_notice == "checkpoint"


def test_a_cluster_that_says_nothing_has_none() -> None:
    assert sources_of(made_ready(Scenario().of(jobs__limit=1))) == []


def test_what_happens_is_in_the_log_and_in_the_figures(ready: Ready) -> None:
    outcome, complete = run(ready)
    assert complete
    nodes = [(e.what, e.detail) for e in outcome.log if not e.job]
    assert {("down", name) for name in ("f-0", "f-1", "s", "n")} <= set(nodes)
    assert ("cordon", "s") in nodes
    summary = summarise(outcome, ready.jobs)
    assert summary["failures"] == sum(entry.what == "lose" for entry in outcome.log) > 4
    assert summary["finished"] == 8
    # By a replay of the log: what was there of 8 GPUs.
    gpus = {"f-0": 1, "f-1": 1, "s": 2, "n": 4}
    end_s = outcome.totals.end_s
    away_s = sum(
        (1 if e.what == "down" else -1) * gpus[e.detail] * (end_s - e.time_s)
        for e in outcome.log
        if e.what in ("up", "down")
    )
    assert summary["availability_pct"] == pytest.approx(100 * (1 - away_s / (8 * end_s)))


def test_the_same_seed_gives_the_same_log(ready: Ready) -> None:
    assert run(ready)[0].log == run(ready)[0].log


GPU_NODES = """
[[nodes]]
name = "g"
count = 2
gpus = 8
mtbf_h = 1000
mttr_h = 1
gpu_mtbf_h = 400
gpu_faults = "reset=3,bus=1"
gpu_slow_mtbf_h = 20
gpu_slow_h = 5
gpu_slow_factor = 0.5
[[nodes]]
name = "n"
gpus = 8
"""


@pytest.fixture
def failing_gpus(tmp_path: Path) -> Ready:
    (tmp_path / "c.toml").write_text(GPU_NODES)
    jobs = job_table([0.0] * 12, work_s=[200_000.0] * 12, gpu_count=[2] * 12)
    write_jobs(jobs, tmp_path / "j.csv")
    return made_ready(
        Scenario().of(
            cluster__file=str(tmp_path / "c.toml"),
            jobs__file=str(tmp_path / "j.csv"),
            interruptions__checkpoint="daly",
            interruptions__save_s=30.0,
            interruptions__on_notice="checkpoint",
            stragglers__detector="progress",
            stragglers__on_detection="restart",
            run__log=True,
        )
    )


def test_each_gpu_has_the_faults_that_its_group_states(failing_gpus: Ready) -> None:
    _, faults, slow, watch = sources_of(failing_gpus)
    assert isinstance(faults, GpuFaults)
    assert isinstance(slow, Stragglers)
    assert isinstance(watch, Watch)
    mix = {"reset": 3.0, "bus": 1.0}
    assert faults.nodes == tuple(FailingGpus(name, 8, 400.0, mix=mix) for name in ("g-0", "g-1"))
    assert slow.nodes == tuple(Slowing(name, 8, 20.0, 5.0, 0.5) for name in ("g-0", "g-1"))
    settings = failing_gpus.settings
    assert isinstance(PROGRESS.make("exact", settings), Saving)


def test_hazards_are_what_the_cluster_file_states(failing_gpus: Ready) -> None:
    # A node: one in 1000 h, and a quarter of the faults of each of 8 GPUs, one in 400 h. A GPU:
    # the other three quarters.
    hazards = hazards_of(failing_gpus)
    assert hazards.per_node["g-0"] == pytest.approx((1 / 1000 + 8 / 400 / 4) / 3600)
    assert hazards.per_gpu["g-0"] == pytest.approx(3 / 4 / 400 / 3600)
    assert hazards.per_node["n"] == 0.0
    assert "n" not in hazards.per_gpu


def test_faults_of_gpus_are_in_the_log_and_in_the_figures(failing_gpus: Ready) -> None:
    outcome, complete = run(failing_gpus)
    assert complete
    log = outcome.log
    summary = summarise(outcome, failing_gpus.jobs)
    assert summary["finished"] == 12
    faults = [entry.detail.split()[1] for entry in log if entry.what == "fault"]
    assert summary["gpu_faults"] == len(faults) > 0
    for name in ("reset", "bus", "broken"):
        assert summary[f"gpu_faults_{name}"] == faults.count(name)
    assert summary["alarms"] == sum(entry.what == "suspect" for entry in log) > 0
    assert summary["false_alarms"] == 0
    # By a replay of the log.
    closed: dict[str, float] = {}
    total = 0.0
    for entry in log:
        if entry.what == "close":
            closed[entry.detail] = entry.time_s
        elif entry.what == "open":
            total += entry.time_s - closed.pop(entry.detail)
    total += sum(outcome.totals.end_s - time_s for time_s in closed.values())
    assert summary["gpu_closed_h"] == pytest.approx(total / 3600)
    assert 0.0 < summary["effective_time_pct"] < 100.0
    assert run(failing_gpus)[0].log == log
