"""Clusters that grow and shrink, from their files to what a run writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.sharing import Mps
from bayplan.simulator.metrics import summarise
from bayplan.simulator.scenario.command import check
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.ready import made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.files import facts_of_run
from bayplan.simulator.simulate.running import run
from bayplan.simulator.simulate.sources import sources_of
from bayplan.traces.jobs import JobTable, write_jobs

CLUSTER = """
[[nodes]]
name = "big"
count = 0
most = 2
gpus = 4
gpu_model = "A100-80GB"
sharing = "mps"
provision_s = 100
price_per_h = 36
[[nodes]]
name = "small"
count = 1
most = 11
gpus = 1
gpu_model = "A100-80GB"
sharing = "mps"
provision_s = 20
idle_s = 30
price_per_h = 7.2
[[nodes]]
name = "cpu"
gpus = 0
"""

Make = Callable[..., Scenario]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(cluster: str = CLUSTER, **values: Any) -> Scenario:
        (tmp_path / "c.toml").write_text(cluster)
        jobs = JobTable.of(
            name=["first", "second", "four", "late"],
            arrival_s=[0.0, 5.0, 5.0, 400.0],
            work_s=[50.0, 50.0, 50.0, 10.0],
            gpu_count=[1, 1, 4, 1],
        )
        write_jobs(jobs, tmp_path / "j.csv")
        files = {"cluster__file": str(tmp_path / "c.toml"), "jobs__file": str(tmp_path / "j.csv")}
        return Scenario().of(**{**files, **values})

    return made


def test_a_cluster_file_says_which_nodes_may_come(make: Make) -> None:
    made = made_ready(make())
    assert [node.name for node in made.nodes] == ["small-00", "cpu"]
    assert [node.name for node in made.spare] == [
        "big-0", "big-1", *(f"small-{k:02}" for k in range(1, 11))
    ]  # fmt: skip
    assert {node.sharing for node in made.spare} == {(Mps(),)}
    assert [group.name for group in made.groups] == ["big", "small", "cpu"]
    big, small = made.elastic
    assert (big.least, small.least) == (0, 1)
    assert small.nodes == tuple(f"small-{k:02}" for k in range(11))
    assert (small.provision_s, small.idle_s, small.price_per_h) == (20.0, 30.0, 7.2)


def test_nodes_come_for_jobs_and_cost_what_they_cost(make: Make) -> None:
    ready = made_ready(make(run__log=True))
    outcome, complete = run(ready)
    assert complete
    lines = [f"{e.time_s:g} {e.what} {e.detail}" for e in outcome.log if not e.job]
    # "four" fills a node of four, and one GPU more costs 7.2. "first" ends at 50: its node is found
    # empty at 60, and leaves 30 s later, as the new one is the one of the group that stays.
    assert lines == [
        "10 order big-0", "10 order small-01", "30 up small-01", "90 drain small-00",
        "90 down small-00", "110 up big-0",
    ]  # fmt: skip
    assert outcome.jobs.start_s.tolist() == [0.0, 30.0, 110.0, 400.0]
    hours = {group.name: group.node_s for group in outcome.groups}
    assert hours == {"big": 300.0, "small": 90.0 + 380.0, "cpu": 410.0}
    summary = summarise(outcome, ready.jobs)
    assert summary["node_hours"] == pytest.approx((300.0 + 470.0 + 410.0) / 3600.0)
    assert summary["cost"] == pytest.approx(300.0 * 0.01 + 470.0 * 0.002)
    held_h = (50.0 + 50.0 + 4 * 50.0 + 10.0) / 3600.0
    assert summary["cost_per_gpu_h"] == pytest.approx(summary["cost"] / held_h)
    by_group = facts_of_run(outcome, ())["by_group"]
    assert [(each["name"], each["price_per_h"], each["there_gpu_s"]) for each in by_group] == [
        ("big", 36.0, 1200.0), ("small", 7.2, 470.0), ("cpu", 0.0, 0.0)
    ]  # fmt: skip


def test_one_scenario_made_ready_runs_twice_alike(make: Make) -> None:
    jittery = CLUSTER.replace("provision_s = 20", "provision_s = 20\nprovision_jitter_s = 9")
    ready = made_ready(make(jittery, run__log=True))
    first, again = run(ready)[0], run(ready)[0]
    assert first.log == again.log
    assert first.totals == again.totals
    assert 30.0 < first.jobs.start_s[1] < 130.0
    assert first.jobs.start_s[1] != run(made_ready(make(jittery, run__seed=1)))[0].jobs.start_s[1]


def test_how_often_it_looks_is_a_key_of_the_scenario(make: Make) -> None:
    outcome, _ = run(made_ready(make(autoscaler__scan_s=7.0)))
    assert outcome.jobs.start_s[1] == 7.0 + 20.0


def test_a_cluster_that_stays_as_it_is_has_no_autoscaler(make: Make) -> None:
    fixed = '[[nodes]]\nname = "g"\ngpus = 4\ngpu_model = "T4"\nprice_per_h = 3.6\n'
    ready = made_ready(make(fixed))
    assert (ready.spare, ready.elastic, sources_of(ready)) == ([], (), [])
    outcome, _ = run(ready)
    assert outcome.totals.cost == pytest.approx(0.001 * outcome.totals.end_s)


def test_nothing_has_a_price_unless_it_is_given(make: Make) -> None:
    ready = made_ready(Scenario().of(jobs__synthetic__count=20))
    outcome, _ = run(ready)
    summary = summarise(outcome, ready.jobs)
    assert (summary["cost"], summary["cost_per_gpu_h"]) == (0.0, 0.0)
    span_h = (outcome.totals.end_s - outcome.totals.first_s) / 3600.0
    assert summary["node_hours"] == pytest.approx(len(ready.nodes) * span_h)


def test_what_says_nothing_is_told(make: Make) -> None:
    assert list(doubts(made_ready(make()))) == [
        "cluster.file: no price_per_h of cpu: their nodes cost nothing"
    ]
    fixed = '[[nodes]]\nname = "g"\ngpus = 4\ngpu_model = "T4"\n'
    assert list(doubts(made_ready(make(fixed, autoscaler__scan_s=5.0)))) == [
        "autoscaler.scan_s: it says nothing, as the cluster stays as it is; give groups in its"
        " cluster file a most above their count"
    ]


def test_a_check_counts_the_nodes_that_may_come(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make()
    file = tmp_path / "s.toml"
    file.write_text('[cluster]\nfile = "c.toml"\n[jobs]\nfile = "j.csv"\n')
    assert check(file, ()) == 0
    said = capsys.readouterr().out
    assert "2 nodes with 1 GPUs and up to 12 more, 4 rows of jobs" in said
