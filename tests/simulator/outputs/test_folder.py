from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.metrics import summarise
from bayplan.simulator.outputs import FILES, write_outputs
from bayplan.simulator.outputs.parquet import job_frame, jobs_bytes, series_bytes
from bayplan.traces.jobs import JOB_COLUMNS, JobTable, columns_of

from ..metrics.support import results, run, series, totals  # noqa: TID252

OF_ELASTIC_JOBS = ("min_pods", "max_pods", "resizes")


def write(target: Path, seed: int = 1, **options: Any) -> None:
    outcome, jobs = run(seed)
    write_outputs(target, outcome, jobs, summarise(outcome, jobs), {"seed": seed}, **options)


def contents(target: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(target.iterdir())}


def test_a_run_is_three_files_and_the_same_bytes_again(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    assert sorted(contents(tmp_path / "a")) == sorted(FILES)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert json.loads((tmp_path / "a" / "summary.json").read_text())["files"] == sorted(FILES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_the_bytes_do_not_depend_on_the_number_of_threads_or_the_hash_seed() -> None:
    code = (
        "import hashlib; from support import run;"
        "from bayplan.simulator.outputs.parquet import jobs_bytes, series_bytes;"
        "outcome, jobs = run(n=20_000);"
        "print(hashlib.sha256(jobs_bytes(jobs, outcome.jobs)).hexdigest(),"
        " hashlib.sha256(series_bytes(outcome.series)).hexdigest())"
    )
    here = Path(__file__).parents[1] / "metrics"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ
            | {"POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads, "PYTHONPATH": str(here)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "7")
    }
    assert len(digests) == 1


def test_the_job_file_has_the_table_and_what_became_of_it(tmp_path: Path) -> None:
    outcome, jobs = run()
    write(tmp_path / "a")
    frame = pl.read_parquet(tmp_path / "a" / "jobs.parquet")
    fields = [name for name in outcome.jobs.__dataclass_fields__ if name != "startup_s"]
    every = [column.name for column in JOB_COLUMNS] + fields
    assert frame.columns == [name for name in every if name not in OF_ELASTIC_JOBS]
    assert frame["name"].to_list() == list(jobs.name)
    assert frame["gpu_count"].to_list() == jobs.gpu_count.tolist()
    assert frame["arrival_s"].to_list() == jobs.arrival_s.tolist()
    assert set(frame["status"]) == {"finished", "unfinished"}
    assert frame["finish_s"].null_count() == 6
    assert frame["deadline_s"].null_count() == len(jobs)
    assert not frame["finish_s"].is_nan().any()
    assert frame.filter(pl.col("status") == "unfinished").height == 6


def test_the_job_file_tells_of_elastic_jobs_where_there_are_any() -> None:
    outcome, jobs = run()
    elastic = JobTable(**columns_of(jobs) | {"max_pods": jobs.pods + 1})
    assert set(OF_ELASTIC_JOBS) < set(job_frame(elastic, outcome.jobs).columns)


def test_the_time_series_has_nulls_where_nothing_was_measured(tmp_path: Path) -> None:
    outcome, _ = run()
    write(tmp_path / "a")
    frame = pl.read_parquet(tmp_path / "a" / "timeseries.parquet")
    assert frame.columns == list(outcome.series.__dataclass_fields__)
    assert frame["effective_milli"].to_list() == outcome.series.effective_milli.tolist()
    assert frame["mig_blocked"].null_count() == frame.height == 500
    assert frame["fragmentation_milli"].null_count() == 0


def test_a_run_without_jobs_can_be_written(tmp_path: Path) -> None:
    jobs = JobTable.of(name=[], work_s=[], gpu_count=[])
    outcome = Outcome(results(0), series(), totals())
    write_outputs(tmp_path / "a", outcome, jobs, summarise(outcome, jobs), {})
    frame = pl.read_parquet(tmp_path / "a" / "jobs.parquet")
    assert frame.height == 0
    assert frame.schema["name"] == frame.schema["status"] == pl.String


def test_an_earlier_run_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write(target, 1, more={"old.svg": b"<svg/>"})
    (target / "notes.txt").write_text("mine")
    write(target, 2, more={"new.svg": b"<svg/>"})
    write(tmp_path / "b", 2, more={"new.svg": b"<svg/>"})
    assert contents(target) == contents(tmp_path / "b") | {"notes.txt": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_folder_in_the_place_of_a_file_leaves_all_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write(target)
    (target / "log.csv").mkdir()
    before = {path: path.read_bytes() for path in target.iterdir() if path.is_file()}
    with pytest.raises(InputError, match="this is a folder, and a file is to be there"):
        write(target, 2, more={"log.csv": b"x"}, force=True)
    assert {path: path.read_bytes() for path in target.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_an_empty_folder_and_a_link_to_one_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(contents(tmp_path / "a")) == sorted(FILES)


@pytest.mark.parametrize("summary", [None, "", "[]", '{"schema": "bayplan.replay/2"}', "\xff"])
def test_a_folder_of_other_things_is_left_alone_unless_forced(
    tmp_path: Path, summary: str | None
) -> None:
    target = tmp_path / "a"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    if summary is not None:
        (target / "summary.json").write_bytes(summary.encode("latin-1"))
    before = contents(target)
    with pytest.raises(
        InputError, match=r"a: the folder holds other things, .*; name a new folder"
    ):
        write(target)
    assert contents(target) == before
    write(target, force=True)
    assert sorted(contents(target)) == sorted([*FILES, "thesis.tex"])
    assert (target / "thesis.tex").read_text() == "years of work"


def test_what_a_summary_says_reaches_no_other_folder(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write(target)
    (tmp_path / "precious").write_text("mine")
    report = json.loads((target / "summary.json").read_text())
    report["files"] = ["../precious", str(tmp_path / "precious"), "..", ".", "", 3]
    (target / "summary.json").write_text(json.dumps(report))
    write(target, 2)
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_write_that_fails_leaves_nothing_or_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "old")
    before = contents(tmp_path / "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in ("new", "old"):
        with pytest.raises(InputError, match="cannot be used: No space left on device; check"):
            write(tmp_path / name, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert contents(tmp_path / "old") == before


def a_file(path: Path) -> Path:
    path.write_text("x")
    return path


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda path: path / "no" / "a", r"there is no folder .*no; make it with mkdir -p .*no$"),
        (lambda path: a_file(path / "f"), r"f: this is not a folder; name another folder$"),
        (lambda path: a_file(path / "f") / "a", r"there is no folder .*f; make it with"),
        (lambda path: path / ("x" * 300), r"cannot be used: File name too long; check the path$"),
        (lambda path: path / "a\0b", r"cannot be used: .*null.*; check the path$"),
    ],
)
def test_a_folder_that_cannot_be_is_one_line_with_the_fix(
    tmp_path: Path, made: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(InputError, match=said) as raised:
        write(made(tmp_path))
    assert "\n" not in str(raised.value)


def test_settings_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    outcome, jobs = run()
    with pytest.raises(TypeError):
        write_outputs(tmp_path / "a", outcome, jobs, summarise(outcome, jobs), {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_polars_is_imported_by_a_write_only() -> None:
    code = "import sys, bayplan.simulator.outputs; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_equal_runs_have_equal_bytes_and_others_have_not() -> None:
    (a, jobs), (b, _) = run(1), run(2)
    assert jobs_bytes(jobs, a.jobs) == jobs_bytes(jobs, run(1)[0].jobs)
    assert jobs_bytes(jobs, a.jobs) != jobs_bytes(jobs, b.jobs)
    assert series_bytes(a.series) != series_bytes(b.series)
