"""Reading a run's folder, and what is said of one that is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.report import read_run

from ..core.support import job, node  # noqa: TID252
from .support import made


def test_jobs_are_one_row_each_with_what_they_ask_for(tmp_path: Path) -> None:
    jobs = [
        job("lone", 5.0, gpu_count=2),
        job("lead", 5.0, gang="team", gpu_count=0),
        job("hands", 5.0, gang="team", pods=3, gpu_count=2),
        job("part", 5.0, gpu_milli=250, gpu_memory_mib=2048),
        job("slice", 5.0, mig_profile="3g.40gb"),
        job("wide", 5.0, gpu_count=8, pods=8),
    ]
    found = made(tmp_path / "r", [node("n0", 8)], jobs).jobs
    assert found.select("row", "job", "asks", "size", "asked_milli", "asked_gpus").rows() == [
        (0, "lone", "2 GPUs", "2 GPUs", 2000, 2),
        (1, "team", "no GPU + 3 pods of 2 GPUs", "5 to 8 GPUs", 6000, 6),
        (3, "part", "0.25 GPU and 2.0 GiB of it", "part of a GPU", 250, 1),
        (4, "slice", "3g.40gb", "MIG 3g.40gb", None, 1),
        (5, "wide", "8 pods of 8 GPUs", "more than 32 GPUs", 64_000, 64),
    ]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    jobs = [job("a", 5.0), job("too wide", 5.0, gpu_count=9)]
    run = made(tmp_path / "r", [node()], jobs)
    assert run.notes == ("a note <of> it",)
    (rejected,) = run.rejections
    assert (rejected["jobs"], rejected["named"]) == (1, ["too wide"])
    assert rejected["why"]
    assert run.span_s == (0.0, 5.0)
    assert run.cut_s is None
    assert run.stints is not None
    assert run.stints["job"].to_list() == ["a"]


def gone(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def put(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def without(key: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        report = json.loads((folder / "summary.json").read_text())
        del report[key]
        (folder / "summary.json").write_text(json.dumps(report))

    return change


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (gone("summary.json"), "r: the folder holds no run; make it with"),
        (put("summary.json", "{"), "r/summary.json: cannot be read: "),
        (put("summary.json", "[]"), "r/summary.json: this is not the summary of a run; "),
        (put("summary.json", '{"schema": "other/1"}'), "r/summary.json: this is not the summary"),
        (without("totals"), "r/summary.json: totals is missing: an earlier version wrote it; "),
        (gone("jobs.parquet"), "r/jobs.parquet: the run's file is missing; make it with"),
        (gone("stints.parquet"), "r/stints.parquet: the run's file is missing; make it with"),
        (put("nodes.parquet", "x"), "r/nodes.parquet: cannot be read: "),
    ],
)
def test_a_folder_that_is_no_run_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    made(Path("r"), [node()], [job("a", 5.0)])
    spoil(Path("r"))
    with pytest.raises(InputError) as raised:
        read_run(Path("r"), "r")
    assert str(raised.value).startswith(said)
    assert str(raised.value).endswith("bayplan simulate --out")
    assert "\n" not in str(raised.value)


def test_no_folder_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^no/run: there is no such folder; make it with"):
        read_run(Path("no/run"), "r")
