"""Why jobs waited, against small schedules worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from bayplan.scheduler.sharing import Mig, Mps
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.simulator.report import Run, read_run, waiting
from bayplan.simulator.report.waiting import REASONS, by, longest, with_reasons

from ..core.scenes import Scene, scenes  # noqa: TID252
from ..core.support import job, node, speeds, table  # noqa: TID252
from .support import made, write


def why(run: Run) -> dict[str, dict[str, float]]:
    """Seconds by reason of each job that waited."""
    rows = with_reasons(run).iter_rows(named=True)
    return {
        row["job"]: {reason: row[reason] for reason in REASONS if row[reason]}
        for row in rows
        if row["wait_s"]
    }


def test_a_full_cluster_is_want_of_room(tmp_path: Path) -> None:
    run = made(tmp_path / "r", [node()], [job("a", 10.0), job("b", 5.0, arrival_s=2.0)])
    assert why(run) == {"b": {"room": 8.0}}


def test_enough_in_all_but_not_on_one_gpu_is_in_pieces(tmp_path: Path) -> None:
    shares = [job("a", 10.0, gpu_milli=600), job("b", 20.0, gpu_milli=600)]
    whole = job("c", 5.0, gpu_milli=700, arrival_s=1.0)
    run = made(tmp_path / "r", [node("n0", 2, Mps())], [*shares, whole], speeds=speeds(),
               placement="worst-fit")  # fmt: skip
    (reasons,) = why(run).values()
    assert list(reasons) == ["pieces"]


def test_gpus_on_two_nodes_are_not_one_place(tmp_path: Path) -> None:
    jobs = [job("a", 10.0, gpu_count=1), job("b", 6.0), job("c", 5.0, gpu_count=2, arrival_s=1.0)]
    nodes = [node("n0", 2), node("n1", 2)]
    run = made(tmp_path / "r", nodes, jobs, placement="worst-fit")
    assert why(run) == {"c": {"turn": 5.0}}


def test_what_the_order_keeps_back_waits_for_its_turn(tmp_path: Path) -> None:
    jobs = [
        job("a", 10.0, gpu_count=2),
        job("big", 5.0, gpu_count=3, arrival_s=1.0),
        job("small", 5.0, arrival_s=2.0),
    ]
    run = made(tmp_path / "r", [node("n0", 3)], jobs, strict=True)
    assert why(run) == {"big": {"room": 9.0}, "small": {"turn": 8.0, "room": 5.0}}


def test_a_job_waits_for_the_gpus_that_it_may_use(tmp_path: Path) -> None:
    jobs = [
        job("a", 10.0, gpu_models="A100-80GB"),
        job("b", 5.0, gpu_models="A100-80GB|H200", arrival_s=1.0),
    ]
    nodes = [node("n0"), node("n1", gpu_model="T4")]
    assert why(made(tmp_path / "r", nodes, jobs)) == {"b": {"room": 9.0}}


@pytest.mark.parametrize("stints", [10**6, 0])
def test_what_is_on_its_way_is_no_room_yet(tmp_path: Path, stints: int) -> None:
    jobs = [job("x", 10.0), job("y", 5.0, arrival_s=2.0), job("late", 1.0, arrival_s=40.0)]
    nodes, changes = (
        [node("a"), node("b")],
        [NodeChange(6.0, "b", "up"), NodeChange(20, "b", "down")],
    )
    settings = Settings(stints=stints, sample_s=1.0)
    parts = Parts(sources=[Listed(changes)])
    outcome = Simulation(nodes[:1], table(jobs), settings, parts, spare=nodes[1:]).run()
    assert outcome.absences == (("b", 0.0, 6.0), ("b", 20.0, 41.0))
    write(tmp_path / "r", nodes, outcome, table(jobs))
    (reasons,) = why(read_run(tmp_path / "r", "r")).values()
    assert reasons["room"] == pytest.approx(4.0)


def test_after_a_stop_a_job_waits_to_go_on(tmp_path: Path) -> None:
    jobs = [job("low", 20.0), job("high", 10.0, arrival_s=5.0, priority=1)]
    run = made(tmp_path / "r", [node()], jobs, ordering="priority", preemption="priority")
    assert why(run) == {"low": {"stopped": 10.0}}


def test_a_job_without_gpus_waits_for_no_room_on_them(tmp_path: Path) -> None:
    jobs = [job("a", 10.0, gpu_count=0, cpu_milli=64_000), job("b", 5.0, gpu_count=0, cpu_milli=1)]
    assert why(made(tmp_path / "r", [node()], jobs)) == {"b": {"turn": 10.0}}


def test_without_stints_samples_say_what_they_can(tmp_path: Path) -> None:
    jobs = [job("a", 10.0), job("b", 5.0, arrival_s=2.0)]
    run = made(tmp_path / "r", [node()], jobs, stints=None, sample_s=0.25)
    (reasons,) = why(run).values()
    assert reasons["room"] == pytest.approx(8.0, abs=0.25)


def test_where_nobody_knows_the_gpu_pieces_are_not_told(tmp_path: Path) -> None:
    nodes = [node("n0", 2, anonymous_gpus=True), node("n1", 2, anonymous_gpus=True)]
    jobs = [job("a", 10.0), job("b", 6.0), job("c", 5.0, gpu_count=2, arrival_s=1.0)]
    run = made(tmp_path / "r", nodes, jobs, placement="worst-fit")
    assert why(run) == {"c": {"unknown": 5.0}}


def test_what_depends_on_the_gpu_and_never_ran_is_not_known(tmp_path: Path) -> None:
    jobs = [job("a", 50.0, mig_profile="7g.80gb"), job("b", 5.0, mig_profile="3g.40gb")]
    run = made(tmp_path / "r", [node("n0", 1, Mig())], jobs, until_s=20.0)
    assert why(run) == {"b": {"unknown": 20.0}}


def test_groups_and_the_longest_are_in_their_order(tmp_path: Path) -> None:
    jobs = [job(f"j{i}", 10.0, queue="ab"[i % 2], user=f"u{i}") for i in range(5)]
    jobs.append(job("big", 1.0, gpu_count=2, arrival_s=100.0))
    found = with_reasons(made(tmp_path / "r", [node("n0", 2)], jobs))
    queues = by(found, "queue")
    assert [(row.name, row.jobs, row.total_s) for row in queues] == [
        ("a", 3, 30.0), ("b", 2, 10.0), ("", 1, 0.0)
    ]  # fmt: skip
    assert queues[0].mean_s == 10.0
    assert [row.name for row in by(found, "size")] == ["1 GPU", "2 GPUs"]
    assert longest(found, 2)["job"].to_list() == ["j4", "j2"]


def check(run: Run, outcome: Any) -> None:
    found = with_reasons(run)
    total = np.zeros(len(found))
    for reason in REASONS:
        values = found[reason].to_numpy()
        assert (values >= -1e-9).all()
        total += values
    wait = outcome.jobs.wait_s[found["row"].to_numpy()]
    np.testing.assert_allclose(total, wait, rtol=1e-9, atol=1e-9)


@given(scene=scenes())
@settings(max_examples=40)
def test_reasons_add_up_to_the_wait_of_every_job(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene
) -> None:
    jobs = table(scene.jobs)
    outcome = Simulation(scene.nodes, jobs, replace(scene.settings, stints=10**5)).run()
    folder = tmp_path_factory.mktemp("run") / "r"
    write(folder, scene.nodes, outcome, jobs)
    check(read_run(folder, "r"), outcome)


def test_coarse_times_say_nearly_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    jobs = [
        job(f"j{i}", float(w), arrival_s=float(i), gpu_milli=int(m))
        for i, (w, m) in enumerate(zip(draw.exponential(9, 300), draw.integers(1, 10, 300) * 100,
                                       strict=True))
    ]  # fmt: skip
    run = made(tmp_path / "r", [node("n0", 4, Mps())], jobs, speeds=speeds())
    exact = {reason: with_reasons(run)[reason].sum() for reason in REASONS}
    monkeypatch.setattr(waiting, "MOST_STEPS", 400)
    coarse = {reason: with_reasons(run)[reason].sum() for reason in REASONS}
    assert exact["room"] > 0.0 < exact["pieces"]
    assert not math.isnan(coarse["room"])
    assert coarse["room"] == pytest.approx(exact["room"], rel=0.1)
    assert coarse["pieces"] == pytest.approx(exact["pieces"], rel=0.1)
