"""Files of changes of nodes: what they say, and what is wrong with them by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.sources import NodeChange
from bayplan.simulator.scenario.changes import read_changes
from bayplan.simulator.scenario.ready import Files, made_ready, try_ready
from bayplan.simulator.scenario.scenario import Scenario

NODES = ("gpu-a", "gpu-b")


def written(folder: Path, *rows: str) -> Path:
    path = folder / "changes.csv"
    path.write_text("\n".join(["time_s,node,what", *rows]) + "\n")
    return path


def test_changes_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "5.5,gpu-b,drain", "0,gpu-a,down", "5.5,gpu-b,up")
    assert read_changes(path, NODES) == (
        NodeChange(5.5, "gpu-b", "drain"),
        NodeChange(0.0, "gpu-a", "down"),
        NodeChange(5.5, "gpu-b", "up"),
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1,gpu-c,up", "changes.csv:3: there is no node 'gpu-c' in the cluster; did you mean"),
        ("1,gpu-a,vanish", "changes.csv:3: 'vanish' is no change of a node; choose from up,"),
        ("-1,gpu-a,up", "changes.csv:3: time_s is -1"),
        ("soon,gpu-a,up", "changes.csv:3: time_s is 'soon'"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_row(row: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, "0,gpu-a,down", row)
    with pytest.raises(InputError) as error:
        read_changes(path, NODES)
    assert str(error.value).replace(f"{tmp_path}/", "").startswith(said)


def test_a_scenario_names_the_file_and_reads_it_once(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[[nodes]]\nname = "gpu-a"\ngpus = 1\n')
    path = written(tmp_path, "1,gpu-a,down")
    files = Files()
    scenario = Scenario().of(
        cluster__file=str(tmp_path / "c.toml"), cluster__changes=str(path), jobs__limit=1
    )
    made = made_ready(scenario, files)
    assert made.changes == (NodeChange(1.0, "gpu-a", "down"),)
    path.unlink()
    assert made_ready(scenario, files).changes == made.changes


def test_a_wrong_file_is_told_with_its_key(tmp_path: Path) -> None:
    path = written(tmp_path, "1,gpu-a,down")
    made, problems = try_ready(Scenario().of(cluster__changes=str(path), jobs__limit=1))
    assert made is None
    (problem,) = problems
    assert str(problem).startswith(f"cluster.changes: {path}:2: there is no node 'gpu-a'")
