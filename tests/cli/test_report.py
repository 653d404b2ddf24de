"""The files that ``bayplan simulate --out`` writes beside its tables, and ``bayplan report``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from trace_events import complete, problems

from .support import Bayplan, listing

SMALL = ("simulate", "--cluster.file", "nodes.csv", "--jobs.synthetic.count", "40")


@pytest.fixture
def runs(bayplan: Bayplan, folder: Path) -> Path:
    for name, ordering in (("a", "fifo"), ("b", "sjf")):
        flags = ("--policy.ordering", ordering, "--out", name, "--quiet")
        assert bayplan(*SMALL, *flags) == (0, "", "")
    return folder


def test_stints_and_trace_are_of_the_same_run(runs: Path) -> None:
    text = (runs / "a" / "trace.json").read_bytes()
    assert problems(text) == []
    stints = pl.read_parquet(runs / "a" / "stints.parquet")
    assert stints.columns == [
        "job", "row", "node", "gpu", "slice_start", "slice_size", "profile", "milli", "start_s",
        "end_s",
    ]  # fmt: skip
    assert [event["name"] for event in complete(text)] == stints["job"].to_list()
    jobs = pl.read_parquet(runs / "a" / "jobs.parquet")
    held = (stints["milli"] * (stints["end_s"] - stints["start_s"])).sum() / 1000
    assert held == pytest.approx(jobs["gpu_s"].sum())
    nodes = pl.read_parquet(runs / "a" / "nodes.parquet")
    assert nodes["name"].to_list() == ["n1", "n2"]
    assert nodes["gpu_capacity_milli"].to_list() == [2000, 1000]


def test_what_is_cut_is_told_and_nothing_is_written_where_none_is_wanted(
    bayplan: Bayplan, folder: Path
) -> None:
    code, out, _ = bayplan(*SMALL, "--run.stints", "10", "--trace-events", "9999", "--out", "r")
    assert code == 0
    assert "stints.parquet ends at day " in " ".join(out.split())
    assert "allow more with --run.stints" in " ".join(out.split())
    assert pl.read_parquet(folder / "r" / "stints.parquet").height <= 10
    notes = json.loads((folder / "r" / "summary.json").read_text())["notes"]
    assert any(note.startswith("stints.parquet ends at day ") for note in notes)
    code, out, _ = bayplan(*SMALL, "--trace-events", "30", "--out", "r")
    told = " ".join(out.split())
    assert "trace.json has the first " in told
    assert "allow more with --trace-events" in told
    assert len(json.loads((folder / "r" / "trace.json").read_text())["traceEvents"]) <= 30
    flags = ("--run.stints", "0", "--trace-events", "0", "--out", "r", "--quiet")
    assert bayplan(*SMALL, *flags) == (0, "", "")
    assert listing(folder / "r").isdisjoint({"stints.parquet", "trace.json"})
    assert "of stints on GPUs none was taken down" in (folder / "r" / "report.html").read_text()


def test_a_report_of_one_folder_is_the_one_in_it(bayplan: Bayplan, runs: Path) -> None:
    code, out, err = bayplan("report", "a", "--out", "page.html")
    assert (code, out, err) == (0, "report: page.html\n", "")
    assert (runs / "page.html").read_bytes() == (runs / "a" / "report.html").read_bytes()


def test_a_report_of_several_says_what_differs(bayplan: Bayplan, runs: Path) -> None:
    assert bayplan("report", "a", "b", "--out", "page.html", "--quiet") == (0, "", "")
    html = (runs / "page.html").read_text()
    assert "<h1>2 runs side by side</h1>" in html
    differs = html.split("What differs</h2>")[1].split("</table>")[0]
    assert differs.count("<code>") == 1
    assert "<code>policy.ordering</code></th><td>fifo</td><td>sjf</td>" in differs


def test_runs_of_one_name_are_told_apart_by_their_paths(bayplan: Bayplan, runs: Path) -> None:
    (runs / "c").mkdir()
    assert bayplan(*SMALL, "--out", "c/a", "--quiet")[0] == 0
    assert bayplan("report", "a", "c/a", "--out", "page.html", "--quiet") == (0, "", "")
    assert '<th scope="row">c/a</th>' in (runs / "page.html").read_text()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["no", "--out", "p.html"], "no: there is no such folder; make it with bayplan simulate"),
        (["c", "--out", "p.html"], "c: the folder holds no run; make it with bayplan simulate"),
        (["a", "./a", "--out", "p.html"], "a: this run is named twice; name it once"),
        (["a", "--out", "no/p.html"], "no/p.html: there is no folder no; make it with mkdir -p no"),
        (["a", "--out", "c"], "c: this is a folder; name a file in it"),
        (["a", "--out", "a/summary.json"], "a/summary.json: this file is read as input; write to"),
        (["a"] * 13 + ["--out", "p.html"], "13 runs, and a report takes at most 12; name fewer"),
        (["a"], 'Command "report" parameter --out requires an argument'),
        (["--out", "p.html"], 'Command "report" parameter FOLDERS requires an argument'),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    runs: Path, refused: Callable[..., str], flags: list[str], said: str
) -> None:
    (runs / "c").mkdir()
    assert refused("report", *flags).startswith(said)


def test_events_that_nothing_can_have_are_refused(refused: Callable[..., str]) -> None:
    line = refused(*SMALL, "--trace-events", "-1", "--out", "r")
    assert line == "--trace-events -1; give 0 or more"
    line = refused(*SMALL, "--trace-events", "5")
    assert line == "--trace-events without a folder; name one with --out"
