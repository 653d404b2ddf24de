"""One simulation from Python: the same that the command line gives."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import bayplan
from bayplan import cli
from bayplan.scheduler.errors import InputError
from bayplan.simulator.api.picture import Picture
from bayplan.simulator.core.simulation import Simulation

TABLES = {"jobs": {"limit": 200, "load": 1.5}, "policy": {"placement": "fgd"}}


@pytest.fixture(scope="module")
def run() -> bayplan.Run:
    return bayplan.simulate(TABLES, seed=3)


def test_importing_the_package_loads_nothing() -> None:
    code = (
        "import sys, bayplan; assert 'simulate' in dir(bayplan);"
        "sys.exit(bool({'numpy', 'numba', 'polars', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_simulating_loads_no_plotting() -> None:
    code = (
        "import sys, bayplan; bayplan.simulate({'jobs': {'limit': 5}});"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        bayplan.simulat  # noqa: B018
    for name in bayplan.__all__:
        assert getattr(bayplan, name) is not None


def test_it_is_what_the_command_line_gives(
    run: bayplan.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    run.save(tmp_path / "a")
    flags = ["--jobs.limit", "200", "--jobs.load", "1.5", "--placement", "fgd", "--run.seed", "3"]
    flags[4] = "--policy.placement"
    assert cli._run(["simulate", *flags, "--out", "b", "--quiet"]) == 0
    for name in ("jobs.parquet", "timeseries.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    capsys.readouterr()
    assert cli._run(["simulate", *flags]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert str(run).splitlines() == [line.rstrip() for line in shown]
    theirs = json.loads((tmp_path / "b" / "summary.json").read_text())
    report = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert report["summary"] == theirs["summary"]
    known = {key: value for key, value in run.summary.items() if not math.isnan(value)}
    assert known == {key: v for key, v in report["summary"].items() if v is not None}


class _Arrow:
    """A frame with nothing but the interface that others read."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def test_tables_are_frames_that_go_on_as_arrow(run: bayplan.Run) -> None:
    assert run.jobs.height == 200
    assert {"name", "status", "wait_s"} <= set(run.jobs.columns)
    assert run.timeseries["time_s"].is_sorted()
    for frame in (run.jobs, run.timeseries, run.by_queue, run.by_user):
        assert pl.DataFrame(_Arrow(frame)).equals(frame)
    assert run.by_user["jobs"].sum() == 200


def test_without_names_there_is_nobody_to_tell_apart() -> None:
    run = bayplan.simulate({"jobs": {"synthetic": {"count": 5}}})
    assert run.by_queue.height == 0
    assert run.by_queue.columns == ["name", "jobs", "finished", "gpu_h", "gpu_pct", "wait_mean_s",
                                    "jct_mean_s", "slowdown_mean"]  # fmt: skip


def test_the_same_run_has_the_same_pictures(run: bayplan.Run, tmp_path: Path) -> None:
    again = bayplan.simulate(TABLES, seed=3)
    for a, b in (
        (run.plot.timeline(), again.plot.timeline()),
        (run.plot.cdf("wait", by="user"), again.plot.cdf("wait", by="user")),
    ):
        assert isinstance(a, Picture)
        assert a._repr_svg_() == b._repr_svg_()
    run.plot.cdf().save(tmp_path / "x.svg")
    assert (tmp_path / "x.svg").read_text() == run.plot.cdf()._repr_svg_()
    run.plot.cdf().save(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"'\.bmpx' is no kind of picture"):
        run.plot.cdf().save(tmp_path / "x.bmpx")
    with pytest.raises(InputError, match="make it with mkdir"):
        run.plot.cdf().save(tmp_path / "none" / "x.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.png", "x.svg"]
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_distribution_has_every_job_that_finished(run: bayplan.Run) -> None:
    axes = run.plot.cdf("jct").figure.axes[0]
    x, y = (np.asarray(each).tolist() for each in axes.lines[0].get_data())
    jobs = run.jobs.filter(pl.col("status") == "finished")
    jct = (jobs["finish_s"] - jobs["arrival_s"]).sort().to_list()
    assert x[1:] == pytest.approx(jct)
    assert y == pytest.approx([i / len(jct) for i in range(len(jct) + 1)])


def test_lines_of_many_users_are_those_with_most_jobs(run: bayplan.Run) -> None:
    figure = run.plot.cdf("wait", by="user").figure
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == 8
    assert labels[-1].startswith("all others (")
    counts = [int(label.rpartition("(")[2].rstrip(")")) for label in labels]
    finished = run.jobs.filter(pl.col("status") == "finished").height
    assert sum(counts) == finished


@pytest.mark.parametrize(
    ("figure", "by", "said"),
    [
        ("wiat", None, "cdf: there is no figure 'wiat'; did you mean 'wait'?"),
        ("wait", "team", "cdf: by='team'; choose from 'queue', 'user', None"),
    ],
)
def test_a_picture_of_nothing_is_refused(
    run: bayplan.Run, figure: str, by: str | None, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        run.plot.cdf(figure, by)
    assert str(caught.value) == said


def test_a_run_that_is_stopped_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Simulation, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        bayplan.simulate(TABLES)
