"""A sweep brought to MLflow, in a database of its own."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.extra("mlflow", "mlflow", "sqlalchemy", "alembic")

GRID = """\
seeds = "1-2"
metrics = ["jct_mean_s", "deadline_miss_pct"]
[axes]
"jobs.synthetic.count" = [20]
policy.strict = [true, false]
[[points]]
jobs.limit = 20
sharing = "mig-static"
"""
PROGRAM = "from bayplan.cli import main; main()"


def bayplan(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "sweep", *arguments],
        cwd=folder, env={**os.environ, "COLUMNS": "80"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "g.toml").write_text(GRID)
    assert bayplan(folder, "g.toml", "--out", "mine", "--workers", "1").returncode == 1
    return folder


def asked(folder: Path, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "runs.db") as database:
        found = database.execute(question).fetchall()
    database.close()
    return found


def test_a_run_of_mlflow_is_a_row(folder: Path) -> None:
    done = bayplan(folder, "export", "mine", "--mlflow", "sqlite:///runs.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "6 runs brought to sqlite:///runs.db, experiment mine\n"
    rows = list(csv.DictReader((folder / "mine" / "runs.csv").read_text().splitlines()))
    numbers = dict(asked(folder, "select run_uuid, value from tags where key = 'bayplan.run'"))
    states = dict(asked(folder, "select run_uuid, status from runs"))
    metrics = asked(folder, "select run_uuid, key, value from metrics")
    params = asked(folder, "select run_uuid, key, value from params")
    errors = dict(asked(folder, "select run_uuid, value from tags where key = 'bayplan.error'"))
    by_number = {int(str(number)): uuid for uuid, number in numbers.items()}
    assert sorted(by_number) == list(range(1, 7))
    for row in rows:
        uuid = by_number[int(row["run"])]
        assert states[uuid] == ("FAILED" if row["error"] else "FINISHED")
        assert errors.get(uuid, "") == row["error"]
        assert {key: value for run, key, value in params if run == uuid} == {
            key: row[key]
            for key in (
                "jobs.synthetic.count",
                "policy.strict",
                "jobs.limit",
                "sharing.mode",
                "seed",
            )
        }
        known = {} if row["error"] else {"jct_mean_s": float(row["jct_mean_s"])}
        assert {key: value for run, key, value in metrics if run == uuid} == known


def test_what_is_there_is_not_brought_twice_and_what_is_missing_is(folder: Path) -> None:
    to = ("--mlflow", "sqlite:///runs.db", "--experiment", "again")
    assert bayplan(folder, "export", "mine", *to).returncode == 0
    with sqlite3.connect(folder / "runs.db") as database:  # as after a kill in the middle of a run
        database.execute(
            "update runs set status = 'RUNNING' where experiment_id ="
            " (select experiment_id from experiments where name = 'again') and name = 'run 3'"
        )
    database.close()
    done = bayplan(folder, "export", "mine", *to)
    assert done.stdout == (
        "1 runs brought to sqlite:///runs.db, experiment again; 5 were there already\n"
    )
    alive = asked(
        folder,
        "select count(*) from runs join experiments using (experiment_id)"
        " where experiments.name = 'again' and runs.lifecycle_stage = 'active'",
    )
    assert alive == [(6,)]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "foo://x", "some/folder"])
def test_a_place_that_cannot_be_used_is_one_line(folder: Path, uri: str) -> None:
    done = bayplan(folder, "export", "mine", "--mlflow", uri)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"bayplan: --mlflow {uri!r}: ")
    assert len(done.stderr.splitlines()) == 1
