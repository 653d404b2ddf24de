"""Comparisons from Python: the same that the command line gives."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
import pytest

import bayplan
from bayplan import cli
from bayplan.scheduler.errors import InputError
from bayplan.simulator.metrics import interval

NODES = "name,cpu_milli,memory_mib,gpu_count,gpu_model\nn1,64000,256000,8,A\n"
TABLES = {"jobs": {"synthetic": {"count": 150, "load": 1.5, "users": 2}}}
VARY: dict[str, list[object]] = {"ordering": ["fifo", "sjf"], "policy.strict": [False, True]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bayplan.Scenario:
    nodes = tmp_path_factory.mktemp("cluster") / "nodes.csv"
    nodes.write_text(NODES)
    return bayplan.Scenario(TABLES).set("cluster", nodes)


@pytest.fixture(scope="module")
def comparison(base: bayplan.Scenario) -> bayplan.Comparison:
    return bayplan.compare(base, VARY, seeds=[1, 2, 3])


def test_it_is_what_the_command_line_gives(
    base: bayplan.Scenario,
    comparison: bayplan.Comparison,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base.save(tmp_path / "s.toml")
    flags = [str(tmp_path / "s.toml"), "--seeds", "1-3", "--workers", "1"]
    vary = ["--vary", "ordering=fifo,sjf", "--vary", "strict=false,true"]
    assert cli._run(["compare", *flags, *vary, "--csv", str(tmp_path / "c.csv")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert str(comparison).splitlines() == [line.rstrip() for line in shown[:-1]]
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    runs = comparison.runs
    assert runs.height == len(rows) == 12
    assert runs["policy.ordering"].to_list() == [row["policy.ordering"] for row in rows]
    assert runs["seed"].to_list() == [int(row["seed"]) for row in rows]
    for key in ("jct_mean_s", "finished", "deadline_miss_pct"):
        theirs = [float(row[key]) if row[key] else None for row in rows]
        assert runs[key].to_list() == theirs


def test_a_table_has_means_and_intervals(comparison: bayplan.Comparison) -> None:
    table = comparison.table("jct_mean_s", "finished")
    assert table.columns == ["policy.ordering", "policy.strict", "metric", "mean", "low", "high",
                             "seeds", "mark"]  # fmt: skip
    assert table.height == 8
    assert table["policy.strict"].dtype == pl.Boolean
    this = (pl.col("policy.ordering") == "sjf") & pl.col("policy.strict")
    expected = interval(comparison.runs.filter(this)["jct_mean_s"])
    row = table.filter(this & (pl.col("metric") == "jct_mean_s")).row(0, named=True)
    assert (row["mean"], row["low"], row["high"]) == (expected.mean, expected.low, expected.high)
    assert row["seeds"] == 3
    assert "*" in table["mark"].to_list()


def test_one_seed_has_no_interval(base: bayplan.Scenario) -> None:
    table = bayplan.compare(base, seeds="4").table("jct_mean_s")
    assert table.select("low", "high", "seeds").row(0) == (None, None, 1)


def test_processes_say_nothing_about_results(
    base: bayplan.Scenario, comparison: bayplan.Comparison
) -> None:
    again = bayplan.compare(base, VARY, seeds="1-3", workers=2)
    assert again.runs.equals(comparison.runs)
    bars = again.plot.bars("jct_mean_s")
    assert bars._repr_svg_() == comparison.plot.bars("jct_mean_s")._repr_svg_()


@pytest.mark.parametrize(
    ("vary", "seeds", "said"),
    [
        ({"placement": "fgd"}, "1", "vary: placement: 'fgd' is no list of values; give a list"),
        ({"placement": []}, "1", "vary: placement: there is no value; give one, or leave it out"),
        ({"placement": ["fgd", "fgd"]}, "1", "vary: placement: 'fgd' stands there twice"),
        ({"placement": ["fdg"]}, "1", "policy.placement: there is no placement 'fdg'; did you"),
        ({"run.seed": [1]}, "1", "vary: run.seed: seeds have a flag; give --seeds"),
        ({}, [], "seeds '': '' is no seed; give whole numbers"),
        ({}, [1, 1], "seeds '1,1': seed 1 stands there twice"),
    ],
)
def test_what_is_wrong_is_named(
    vary: Mapping[str, Iterable[object]], seeds: str | list[int], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        bayplan.compare(TABLES, vary, seeds)
    assert str(caught.value).startswith(said)
