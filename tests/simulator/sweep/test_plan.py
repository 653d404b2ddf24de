"""The combinations of a grid, what they read, and what is wrong with some or all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.simulator.sweep.grid import read_grid
from bayplan.simulator.sweep.plan import MISSING, Plan, planned

NODES = "name,cpu_milli,memory_mib,gpu_count,gpu_model\nn1,8000,9000,2,A\n"
JOBS = "name,work_s,gpu_count\na,5,1\nb,5,2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "s.toml").write_text(
        '[cluster]\nfile = "../nodes.csv"\n[jobs]\nfile = "jobs.csv"\n'
    )
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "sub" / "jobs.csv").write_text(JOBS)
    return tmp_path


def plan_of(folder: Path, text: str) -> tuple[Plan, list[str]]:
    (folder / "g.toml").write_text(f'scenario = "sub/s.toml"\n{text}')
    grid, problems = read_grid(folder / "g.toml")
    assert problems == []
    plan, found = planned(grid)
    return plan, [str(each).replace(f"{folder}/", "") for each in found]


def test_the_last_axis_is_the_fastest_and_points_come_last(folder: Path) -> None:
    plan, problems = plan_of(
        folder,
        'seeds = [4, 3]\n[axes]\nordering = ["las", "fifo"]\nplacement = ["fgd", "best-fit"]\n'
        '[[points]]\nordering = "sjf"\n[[points]]\nlimit = 1\n',
    )
    assert problems == []
    assert plan.keys == ("policy.ordering", "policy.placement", "jobs.limit")
    assert [point.values for point in plan.points] == [
        ("las", "fgd", None),
        ("las", "best-fit", None),
        ("fifo", "fgd", None),
        ("fifo", "best-fit", None),
        ("sjf", "best-fit", None),  # what a point does not say, the scenario does
        ("fifo", "best-fit", 1),
    ]
    assert list(plan.tasks())[:3] == [(1, 0, 4), (2, 0, 3), (3, 1, 4)]
    assert plan.size == 12


def test_points_without_axes_are_all_there_is(folder: Path) -> None:
    plan, _ = plan_of(folder, "[[points]]\nlimit = 1\n")
    assert [point.values for point in plan.points] == [(1,)]


def test_paths_are_relative_to_the_grid_and_digests_follow_contents(folder: Path) -> None:
    (folder / "more.csv").write_text(JOBS)
    text = '[axes]\njobs.file = ["more.csv", "builtin"]\n'
    plan, problems = plan_of(folder, text)
    assert problems == []
    assert [point.values for point in plan.points] == [("more.csv",), ("builtin",)]
    assert list(plan.inputs) == ["g.toml", "sub/s.toml", "more.csv", "nodes.csv"]
    (folder / "more.csv").write_text(JOBS + "c,5,1\n")
    again, _ = plan_of(folder, text)
    changed = {name for name in plan.inputs if plan.inputs[name] != again.inputs[name]}
    assert changed == {"more.csv"}


def test_what_some_combinations_cannot_be_is_theirs(folder: Path) -> None:
    plan, problems = plan_of(
        folder,
        '[axes]\npreemption = ["none", "priority"]\nbackfill = ["none", "easy"]\n'
        'jobs.file = ["sub/jobs.csv", "gone.csv"]\n',
    )
    assert problems == []
    said = {point.values: point.problem.replace(f"{folder}/", "") for point in plan.points}
    assert said["none", "easy", "sub/jobs.csv"] == ""
    assert said["priority", "none", "gone.csv"].startswith("jobs.file: gone.csv: no such file")
    assert said["priority", "easy", "sub/jobs.csv"].startswith("policy.backfill: reservations do")
    assert plan.inputs["gone.csv"] == MISSING


def test_what_is_wrong_with_all_is_a_problem_of_the_grid(folder: Path) -> None:
    for text, said in (
        ('[axes]\nplacement = ["fdg", "fgd"]\n',
         "g.toml: policy.placement: there is no placement 'fdg'; did you mean 'fgd'?"),
        ('[axes]\njobs.file = ["gone.csv"]\n', "jobs.file: gone.csv: no such file"),
        ('[[points]]\npreemption = "priority"\nbackfill = "easy"\n', "policy.backfill: reservat"),
        ("[axes]\nround_s = [3, 4]\n", "policy.round_s: it says nothing without policy.trigger"),
        ('[axes]\nlimit = [1, 2]\n[[points]]\nlimit = 2\n',
         "g.toml: points[1]: another combination is the same; leave it out"),
    ):  # fmt: skip
        _, problems = plan_of(folder, text)
        assert len(problems) == 1
        assert problems[0].startswith(said)


def test_a_key_may_say_nothing_in_some_combinations(folder: Path) -> None:
    _, problems = plan_of(
        folder, 'seeds = 1\n[axes]\ntrigger = ["events", "rounds"]\nround_s = [3, 4]\n'
    )
    assert problems == []


def test_a_wrong_scenario_is_told_once(folder: Path) -> None:
    (folder / "sub" / "s.toml").write_text("[run]\nseed = -1\n")
    _, problems = plan_of(folder, "[axes]\nuntil_s = [1, 2, 3]\n")
    assert problems == [
        "sub/s.toml: run.seed: -1 is outside 0 to 2^63 - 1; write a value in that range"
    ]
