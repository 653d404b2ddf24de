"""From a cluster file to the figures: nodes that fail, are taken back, and are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.simulator.core.sources import Failing, Faults, Listed, Reclaimed, Spot
from bayplan.simulator.metrics import summarise
from bayplan.simulator.scenario.ready import Ready, made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.running import run
from bayplan.simulator.simulate.sources import sources_of
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
