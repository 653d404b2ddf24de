"""What ``bayplan sweep`` gives, what it refuses, and what is left when it is stopped or killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from bayplan.simulator.core.results import Outcome
from bayplan.simulator.scenario.ready import Ready
from bayplan.simulator.simulate.running import run
from bayplan.simulator.sweep import command

from .support import Bayplan, listing, started

SCENARIO = '[cluster]\nfile = "nodes.csv"\n[jobs.synthetic]\ncount = 40\n'
GRID = """\
scenario = "s.toml"
seeds = "1-2"
metrics = ["jct_mean_s", "finished"]
[axes]
ordering = ["fifo", "las"]
placement = ["fgd", "best-fit"]
[[points]]
"policy.strict" = true
"""
ONE = ("--workers", "1")
PARTS = {"sweep.json", "journal.jsonl", "runs.parquet", "runs.csv"}


@pytest.fixture
def grid(folder: Path) -> Path:
    (folder / "s.toml").write_text(SCENARIO)
    (folder / "g.toml").write_text(GRID)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))


def done_in(folder: Path) -> list[int]:
    """Return the runs of a journal, whole lines only, as often as they stand there."""
    path = folder / "journal.jsonl"
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line)["row"][0] for line in data.split(b"\n")[:-1]]


def test_a_sweep_is_a_row_a_run_in_the_order_of_the_grid(bayplan: Bayplan, grid: Path) -> None:
    code, out, err = bayplan("sweep", "g.toml", "--out", "o", *ONE)
    assert (code, err) == (0, "")
    assert out == (
        "10 runs of 5 combinations and 2 seeds: 10 done, 0 failed\n"
        "written: o/runs.parquet, o/runs.csv\n"
    )
    assert listing(grid / "o") == PARTS
    rows = rows_of(grid / "o")
    keys = ("policy.ordering", "policy.placement", "policy.strict", "seed")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        (ordering, placement, strict, seed)
        for ordering, placement, strict in [
            ("fifo", "fgd", "false"), ("fifo", "best-fit", "false"),
            ("las", "fgd", "false"), ("las", "best-fit", "false"),
            ("fifo", "best-fit", "true"),
        ]
        for seed in "12"
    ]  # fmt: skip
    table = pl.read_parquet(grid / "o" / "runs.parquet")
    assert table.columns == list(rows[0])
    assert table["run"].to_list() == list(range(1, 11))
    assert table["policy.strict"].dtype == pl.Boolean
    assert table["error"].null_count() == 10
    assert table["jct_mean_s"].to_list() == [float(row["jct_mean_s"]) for row in rows]


def test_a_row_is_what_compare_gives(bayplan: Bayplan, grid: Path) -> None:
    assert bayplan("sweep", "g.toml", "--out", "o", *ONE, "--quiet") == (0, "", "")
    assert bayplan("compare", "s.toml", "--vary", "ordering=fifo,las", "--vary",
                   "placement=fgd,best-fit", "--seeds", "1-2", *ONE, "--quiet",
                   "--csv", "c.csv")[0] == 0  # fmt: skip
    compared = list(csv.DictReader((grid / "c.csv").read_text().splitlines()))
    for ours, theirs in zip(rows_of(grid / "o"), compared, strict=False):
        assert {key: ours[key] for key in theirs if key in ours} == {
            key: theirs[key] for key in theirs if key in ours
        }


def test_the_same_bytes_on_any_number_of_workers(bayplan: Bayplan, grid: Path) -> None:
    for name, workers in (("a", "1"), ("b", "2")):
        assert bayplan("sweep", "g.toml", "--out", name, "--workers", workers, "--quiet")[0] == 0
    for file in PARTS - {"journal.jsonl"}:
        assert (grid / "a" / file).read_bytes() == (grid / "b" / file).read_bytes()


def test_a_run_that_fails_is_a_row_with_its_error(bayplan: Bayplan, grid: Path) -> None:
    (grid / "g.toml").write_text(
        'scenario = "s.toml"\nseeds = "1-2"\nmetrics = ["finished"]\n[axes]\n'
        'backfill = ["none", "easy"]\npreemption = ["none", "priority"]\n'
        '[[points]]\nsharing = "mig-static"\n'
    )
    code, out, err = bayplan("sweep", "g.toml", "--out", "o", *ONE)
    assert code == 1
    assert "10 runs of 5 combinations and 2 seeds: 6 done, 4 failed\n" in out
    assert err.startswith("bayplan: 4 of 10 runs failed, as column error says; the first, run 7: ")
    errors = [row["error"] for row in rows_of(grid / "o")]
    assert errors[:6] == [""] * 6
    assert errors[6] == errors[7]
    assert errors[6].startswith("policy.backfill: reservations do not hold")
    assert errors[8].startswith("node ")
    assert [row["finished"] for row in rows_of(grid / "o")][-4:] == [""] * 4


def test_a_bug_costs_its_run_alone(
    bayplan: Bayplan, grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bayplan.simulator.sweep import work

    def breaks(ready: Ready) -> tuple[Outcome, bool]:
        if ready.settings.ordering == "las":
            raise ZeroDivisionError("of\nsome kind")
        return run(ready)

    monkeypatch.setattr(work, "run", breaks)
    assert bayplan("sweep", "g.toml", "--out", "o", *ONE, "--quiet")[0] == 1
    said = {(row["policy.ordering"], row["error"]) for row in rows_of(grid / "o")}
    assert said == {("fifo", ""), ("las", "ZeroDivisionError: of some kind")}


def test_a_check_runs_nothing_and_tells_everything(bayplan: Bayplan, grid: Path) -> None:
    assert bayplan("sweep", "--check", "g.toml") == (
        0, "g.toml: 10 runs: 5 combinations, nothing wrong, times 2 seeds\n", ""
    )  # fmt: skip
    (grid / "g.toml").write_text(
        'scenario = "s.toml"\nseeds = 1\n[axes]\nbackfill = ["none", "easy"]\n'
        'preemption = ["none", "priority"]\n[[points]]\nsharing = "mig-static"\n'
    )
    code, out, err = bayplan("sweep", "--check", "g.toml")
    assert (code, out) == (
        1, "g.toml: 5 runs: 5 combinations, 2 of them cannot be run, times 1 seeds\n"
    )  # fmt: skip
    lines = err.splitlines()
    assert lines[0].startswith(
        "bayplan: policy.backfill=easy, policy.preemption=priority, sharing.mode=none:"
        " policy.backfill: reservations"
    )
    assert lines[1].startswith("bayplan: policy.backfill=none, policy.preemption=none, sharing.mo")
    (grid / "g.toml").write_text('x = 1\nseeds = "a"\n[axes]\nplacement = ["fgd"]\nlimit = [0]\n')
    code, out, err = bayplan("sweep", "--check", "g.toml")
    assert (code, out, len(err.splitlines())) == (2, "", 3)
    assert listing(grid) == {"g.toml", "s.toml", "nodes.csv", "pods.csv"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--out", "o", "--engine", "slurm"], "--engine 'slurm'; choose from local, ray"),
        (["--out", "o", "--address", "x:1"], "--address without a cluster; give --engine ray"),
        (["--out", "o", "--workers", "0"], "--workers 0; give 1 or more"),
        ([], "--out is missing; name the folder that the runs go into"),
        (["--out", "no/o"], "no/o: there is no folder no; make it with mkdir -p no"),
        (["--out", "nodes.csv"], "nodes.csv: this is not a folder; name another one"),
        (["--out", "mine"], "mine: the folder is not empty; name a new one"),
        (["--out", "o", "--resume"], "o: no sweep is there; name its folder"),
    ],
)
def test_bad_flags_are_one_line_and_nothing_is_run(
    refused: Callable[..., str],
    grid: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    said: str,
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was run")

    (grid / "mine").mkdir()
    (grid / "mine" / "notes.txt").write_text("x")
    monkeypatch.setattr(command, "_run", never)
    assert refused("sweep", "g.toml", *flags).startswith(said)


def test_a_bad_grid_is_one_line(refused: Callable[..., str], grid: Path) -> None:
    (grid / "g.toml").write_text('x = 1\nseeds = "a"\n')
    assert refused("sweep", "g.toml", "--out", "o") == (
        "g.toml: x: there is no such key; choose from scenario, seeds, metrics, axes, points;"
        " and 1 more: `bayplan sweep --check` lists them"
    )


def test_an_extra_that_is_not_there_is_named(
    refused: Callable[..., str], bayplan: Bayplan, grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bayplan.simulator.sweep import export, on_ray

    assert bayplan("sweep", "g.toml", "--out", "o", *ONE, "--quiet")[0] == 0
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    line = refused("sweep", "g.toml", "--out", "p", "--engine", "ray")
    assert line == "--engine ray: Ray is not installed; pip install 'bayplan[ray]'"
    line = refused("sweep", "export", "o", "--mlflow", "sqlite:///m.db")
    assert line == "MLflow is not installed; pip install 'bayplan[mlflow]'"


def test_a_sweep_is_not_begun_twice(refused: Callable[..., str], bayplan: Bayplan, grid: Path
                                    ) -> None:  # fmt: skip
    assert bayplan("sweep", "g.toml", "--out", "o", *ONE, "--quiet")[0] == 0
    line = refused("sweep", "g.toml", "--out", "o")
    assert line == "o: a sweep is there; go on with --resume, or name a new folder"


def test_what_is_complete_is_not_run_again(
    bayplan: Bayplan, grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bayplan("sweep", "g.toml", "--out", "o", *ONE)[0] == 0
    before = {name: (grid / "o" / name).read_bytes() for name in PARTS}
    monkeypatch.setattr(command, "work_of", None)  # so that nothing can be run
    assert bayplan("sweep", "g.toml", "--out", "o", "--resume")[0] == 0
    assert {name: (grid / "o" / name).read_bytes() for name in PARTS} == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("g.toml", GRID + "\n"),
        ("s.toml", SCENARIO.replace("40", "41")),
        ("nodes.csv", "name,cpu_milli,memory_mib,gpu_count,gpu_model\nn1,8000,9000,3,A\n"),
    ],
)
def test_other_inputs_are_not_gone_on_with(
    refused: Callable[..., str], bayplan: Bayplan, grid: Path, file: str, text: str
) -> None:
    assert bayplan("sweep", "g.toml", "--out", "o", *ONE, "--quiet")[0] == 0
    (grid / file).write_text(text)
    assert refused("sweep", "g.toml", "--out", "o", "--resume") == (
        f"o: {file} has changed since the sweep began; put it back, or start anew in another folder"
    )


def test_another_version_is_not_gone_on_with(
    refused: Callable[..., str], bayplan: Bayplan, grid: Path
) -> None:
    assert bayplan("sweep", "g.toml", "--out", "o", *ONE, "--quiet")[0] == 0
    about = grid / "o" / "sweep.json"
    about.write_text(about.read_text().replace('"version": "', '"version": "9.'))
    line = refused("sweep", "g.toml", "--out", "o", "--resume")
    assert line.startswith("o: the sweep began with version '9.")


LONG = """\
scenario = "s.toml"
metrics = ["jct_mean_s", "finished"]
seeds = "1-9"
[axes]
placement = ["fgd", "best-fit"]
"""
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from bayplan.cli import main; main()"
)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A sweep of 18 runs that take a while, and ``whole``, its result."""
    (tmp_path / "s.toml").write_text("[jobs.synthetic]\ncount = 2000\nmean_s = 60\n")
    (tmp_path / "g.toml").write_text(LONG)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "s.toml").write_text("[jobs.synthetic]\ncount = 2000\nmean_s = 60\n")
    (folder / "g.toml").write_text(LONG)
    assert started("sweep", "g.toml", "--out", "o", "--workers", "1", cwd=folder).returncode == 0
    return folder / "o"


@contextmanager
def going(folder: Path, least: int, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A sweep in a process of its own that has done so many runs, and is not through."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "sweep", "g.toml", "--out", "o", *flags],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "COLUMNS": "80"},
    ) as process:  # fmt: skip
        while len(done_in(folder / "o")) < least:
            assert process.poll() is None
            time.sleep(0.01)
        yield process


def gone_on_with(folder: Path, whole: Path, before: list[int]) -> None:
    """Go on with a sweep, and see that what was done is not done again, and nothing differs."""
    done = started("sweep", "g.toml", "--out", "o", "--resume", "--workers", "2", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    runs = done_in(folder / "o")
    assert runs[: len(before)] == before
    assert sorted(runs) == list(range(1, 19))  # each once
    for name in PARTS - {"journal.jsonl"}:
        assert (folder / "o" / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_is_done_and_says_so(long: Path, whole: Path, workers: str) -> None:
    with going(long, 3, "--workers", workers) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    before = done_in(long / "o")
    assert process.returncode == 1
    assert 3 <= len(before) < 18
    assert err == (
        f"bayplan: interrupted: {len(before)} of 18 runs are done, and stand in o;"
        " go on with --resume\n"
    )
    assert [int(row["run"]) for row in rows_of(long / "o")] == sorted(before)
    gone_on_with(long, whole, before)


def test_after_kill_9_only_what_is_missing_is_run(long: Path, whole: Path) -> None:
    with going(long, 3, "--workers", "2") as process:
        process.kill()
    before = done_in(long / "o")
    assert 3 <= len(before) < 18
    assert not (long / "o" / "runs.csv").exists()
    gone_on_with(long, whole, before)


def test_a_worker_that_is_killed_ends_the_sweep_and_costs_nothing_that_is_done(
    long: Path, whole: Path
) -> None:
    with going(long, 2, "--workers", "2") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [
            int(child)
            for child in children
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        os.kill(workers[0], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    before = done_in(long / "o")
    assert process.returncode == 1
    assert err.startswith("bayplan: a worker was killed, perhaps for want of memory: ")
    gone_on_with(long, whole, before)


def test_two_sweeps_do_not_write_one_folder(long: Path) -> None:
    with going(long, 1, "--workers", "1") as process:
        other = started("sweep", "g.toml", "--out", "o", "--resume", cwd=long)
        process.kill()
    assert other.returncode == 2
    assert other.stderr == (
        "bayplan: o/journal.jsonl: another sweep is writing it; wait for it, or name another"
        " folder\n"
    )
