from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from bayplan.scheduler.errors import InputError
from bayplan.traces import bulk
from bayplan.traces.jobs import JobTable, read_jobs, write_jobs
from bayplan.traces.jobs.canonical import csv_text

from .support import job_tables, same

Write = Callable[..., str]

THREE = "name,work_s,gpu_count\n"


def problem(path: str) -> str:
    with pytest.raises(InputError) as error:
        read_jobs(path)
    return str(error.value)


@pytest.mark.parametrize("name", ["jobs.csv", "jobs.csv.gz", "jobs.parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(jobs=job_tables())
def test_what_is_written_reads_back_bit_by_bit(jobs: JobTable, name: str, tmp_path: Path) -> None:
    write_jobs(jobs, tmp_path / name)
    assert same(read_jobs(tmp_path / name), jobs)
    first = (tmp_path / name).read_bytes()
    write_jobs(jobs, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_columns_that_say_nothing_are_not_written() -> None:
    jobs = JobTable.of(name=["a", "b"], work_s=[1.5, 2], gpu_count=[1, 0], queue=["q", ""])
    assert csv_text(jobs) == "name,work_s,gpu_count,queue\na,1.5,1,q\nb,2,0,\n"


def test_empty_cells_are_defaults(write: Write) -> None:
    header = "name,arrival_s,work_s,pods,gpu_count,gpu_milli,estimate_s,preemptible\n"
    jobs = read_jobs(write(header + "a,,5,,2,,,\nb,1,5,3,0,,7,0\n", "jobs.csv"))
    assert jobs.gpu_milli.tolist() == [1000, 0]
    assert jobs.pods.tolist() == [1, 3]
    assert jobs.preemptible.tolist() == [1, 0]
    assert str(jobs.estimate_s.tolist()) == "[nan, 7.0]"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,1,1\na,2,1\n", "jobs.csv:3: name 'a' is already in row 2; give every row its own name"),
        ("a,1,1\nb,,1\n", "jobs.csv:3: work_s is empty; write a number of seconds"),
        ("a,1,x\n", "jobs.csv:2: gpu_count is 'x', not a number; write a whole number of GPUs"),
        ("a,-1,1\n", "jobs.csv:2: work_s is -1.0, below 0; write 0 or more"),
        ("a,1\n", "jobs.csv:2: the row has 2 cells, the header has 3; add the missing cells"),
        ("", "jobs.csv: the file has a header but no rows; add rows"),
    ],
)
def test_csv_rows_are_refused_by_line(text: str, line: str, write: Write) -> None:
    assert problem(write(THREE + text, "jobs.csv")) == line


def test_a_gang_that_differs_names_both_lines(write: Write) -> None:
    rows = "name,work_s,gpu_count,gang\na,1,1,g\nb,1,1,\nc,2,1,g\n"
    assert problem(write(rows, "jobs.csv")) == (
        "jobs.csv:4: work_s is 2 in gang 'g', 1 in row 2; give all rows of a gang one work_s"
    )


def test_a_job_is_not_withdrawn_before_it_is_there(write: Write) -> None:
    rows = "name,work_s,gpu_count,arrival_s,cancel_s\na,1,1,4,4\nb,1,1,4,\nc,1,1,4,3.5\n"
    assert problem(write(rows, "jobs.csv")) == (
        "jobs.csv:4: cancel_s is 3.5, before arrival_s 4; write a later time, or leave it empty"
    )


def test_a_job_alone_is_not_named_as_a_gang(write: Write) -> None:
    rows = "name,work_s,gpu_count,gang\na,1,1,g{}\ng{},1,1,\n"
    assert problem(write(rows, "jobs.csv")) == (
        "jobs.csv:3: the job 'g{}' is alone, and a gang is named so too; rename one of them"
    )


def parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **columns: object) -> str:
    monkeypatch.chdir(tmp_path)
    whole = {"name": ["a", "b"], "work_s": [1.0, 2.0], "gpu_count": [1, 2]} | columns
    pl.DataFrame(whole, strict=False).write_parquet("jobs.parquet")
    return "jobs.parquet"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"work_s": [1.0, None]}, "jobs.parquet:2: work_s is empty; write a work_s"),
        ({"gpu_count": [1, 99]}, "jobs.parquet:2: gpu_count is 99, above 64; write 64 or less"),
        ({"gpu_count": [1.0, 2.0]},
         "jobs.parquet: gpu_count holds Float64; it is a column of int64; store it as int64"),
        ({"name": ["a", "a"]},
         "jobs.parquet:2: name 'a' is already in row 1; give every row its own name"),
        ({"arrival_s": [float("inf"), 0.0]},
         "jobs.parquet:1: arrival_s is inf, not a number; write a number of seconds"),
        ({"priority": pl.Series([2**63, 0], dtype=pl.UInt64)},
         "jobs.parquet:1: priority is 9223372036854775808, too large for a 64-bit integer;"
         " write 2147483647 or less"),
        ({"arival_s": [1.0, 2.0]},
         "jobs.parquet: there is no column 'arival_s' in this format;"
         " did you mean 'arrival_s'? else rename it"),
    ],
)  # fmt: skip
def test_parquet_rows_are_refused_by_row(
    columns: dict[str, object], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problem(parquet(tmp_path, monkeypatch, **columns)) == line


def test_parquet_may_have_narrow_and_missing_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = pl.Series([3, None], dtype=pl.Int8)
    words = pl.Series(["q", None], dtype=pl.Categorical)
    path = parquet(
        tmp_path, monkeypatch, pods=narrow, queue=words, preemptible=[False, None], other=[1, 2]
    )
    jobs = read_jobs(path)
    assert jobs.pods.tolist() == [3, 1]
    assert jobs.queue == ("q", "")
    assert jobs.preemptible.tolist() == [0, 1]


def test_an_optional_parquet_column_without_any_value_is_like_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = pl.Series([None, None], dtype=pl.Null)
    path = parquet(tmp_path, monkeypatch, pods=none, deadline_s=none, arrival_s=none, queue=none)
    plain = JobTable.of(name=["a", "b"], work_s=[1.0, 2.0], gpu_count=[1, 2])
    assert same(read_jobs(path), plain)
    path = parquet(tmp_path, monkeypatch, gpu_count=none)
    assert problem(path) == "jobs.parquet:1: gpu_count is empty; write a gpu_count"


def test_what_is_no_parquet_is_told_so(write: Write) -> None:
    line = problem(write(THREE, "jobs.parquet"))
    assert line.startswith("jobs.parquet: this is not a Parquet file (")
    assert line.endswith("); write it anew")
    assert "\n" not in line


def test_large_files_are_read_alike(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"job-{row},{row / 7!r},{row % 9},q{row % 3}\n" for row in range(2000))
    path = write("name,work_s,gpu_count,queue\n" + rows, "jobs.csv")
    plain = read_jobs(path)
    monkeypatch.setattr(bulk, "BULK_CHARACTERS", 1)
    monkeypatch.setattr(bulk, "CHUNK_CHARACTERS", 1000)
    assert same(read_jobs(path), plain)
    assert len({id(queue) for queue in read_jobs(path).queue}) == 3
    assert np.array_equal(plain.gpu_count, np.arange(2000) % 9)
