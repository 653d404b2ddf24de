"""The page of runs: its figures are the summary's, it is whole, small, and fetches nothing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.sharing import Mps, TimeSlicing
from bayplan.scheduler.types import Node
from bayplan.simulator.core.stints import Stints
from bayplan.simulator.metrics import METRICS
from bayplan.simulator.report import Run, page, read_run
from bayplan.simulator.report.tables import differing
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.running import described

from ..core.support import job, node, speeds  # noqa: TID252
from ..metrics.support import run as made_up  # noqa: TID252
from .support import Text, addresses, figures, made, write

CSS = Path(__file__).parents[3] / "simulator" / "report" / "page.css"


def one(folder: Path, **settings: object) -> Run:
    jobs = [
        job(f"j{i}", 50.0 + i, arrival_s=3.0 * i, gpu_milli=250 * (1 + i % 4), queue="ab"[i % 2],
            user=f"u{i % 5}")
        for i in range(60)
    ]  # fmt: skip
    return made(folder, [node("n0", 4, Mps())], jobs, speeds=speeds(), **settings)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return one(tmp_path_factory.mktemp("one") / "run", fragmentation=True)


def test_every_figure_is_the_summarys(run: Run) -> None:
    found = figures(page([run]))
    known = {m.key: run.summary[m.key] for m in METRICS if not math.isnan(run.summary[m.key])}
    assert len(known) > 30
    assert found == {key: [float(value)] for key, value in known.items()}


def test_the_figures_of_several_runs_stand_in_their_columns(run: Run, tmp_path: Path) -> None:
    other = one(tmp_path / "other", ordering="sjf")
    found = figures(page([run, other]))
    for key in ("wait_mean_s", "jct_p95_s", "allocation_pct", "finished"):
        assert found[key] == [run.summary[key], other.summary[key]]
    # What the other one did not measure is no number.
    assert found["fragmentation_pct"][0] == run.summary["fragmentation_pct"]
    assert math.isnan(found["fragmentation_pct"][1])


def test_runs_are_compared_by_what_their_jobs_waited_for(run: Run, tmp_path: Path) -> None:
    other = one(tmp_path / "other", ordering="sjf", strict=True)
    html = page([run, other]).split("All jobs</h4>")[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">(\w+)</th>.*?<data value="([^"]*)">', html)
    assert rows == [(r.name, str(r.summary["wait_mean_s"])) for r in (run, other)]
    assert "All jobs</h4>" not in page([run])


def test_means_by_queue_are_the_summarys(run: Run) -> None:
    html = page([run]).split("By queue</h4>")[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">(\w)</th>.*?<data value="([^"]*)">', html)
    assert sorted(rows) == sorted((p.name, str(p.wait_mean_s)) for p in run.summary.by_queue)


def test_the_folders_report_is_the_one_that_is_made_of_the_folder(run: Run, tmp_path: Path) -> None:
    again = one(tmp_path / "run", fragmentation=True)
    assert (tmp_path / "run" / "report.html").read_text() == page([run]) == page([again])


def test_the_page_is_whole_and_fetches_nothing(run: Run, tmp_path: Path) -> None:
    html = page([run, one(tmp_path / "other")])
    tags = Text(html).tags
    assert addresses(html) == ["data:,"]
    assert {tag for tag, _ in tags}.isdisjoint({"script", "img", "iframe", "object"})
    policy = [a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((attributes.get(name) or "").split()) <= set(ids)
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"] in {f"#{id}" for id in ids}


def test_every_plot_and_table_says_what_it_is(run: Run) -> None:
    html = page([run])
    plots = re.findall(r'<svg[^>]*role="img"[^>]*labelledby[^>]*>(.*?)</svg>', html, re.DOTALL)
    assert len(plots) == 6  # two distributions, GPUs, queue, fragmentation, GPUs × time
    for plot in plots:
        assert re.match(r"<title[^>]*>[^<]+</title><desc[^>]*>[^<]+</desc>", plot)
    tables = re.findall(r"<table.*?</table>", html, re.DOTALL)
    assert len(tables) == 6
    for each in tables:
        assert '<th scope="col"' in each
        assert '<th scope="row"' in each


def test_names_are_texts_whatever_they_hold(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    jobs = [
        job("a" + bad, 50.0, user=bad, queue=f'"{bad}'),
        job("b" + bad, 5.0, gpu_models="x|<b>"),
    ]
    run = made(tmp_path / "r", [node("n<i>")], jobs)
    html = page([replace(run, name=bad)])
    assert {tag for tag, _ in Text(html).tags}.isdisjoint({"script", "i", "b"})
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("stints", [None, 5])
def test_without_all_stints_the_grid_is_of_the_cluster(tmp_path: Path, stints: int | None) -> None:
    run = one(tmp_path / "r", stints=stints)
    assert run.whole_stints is None
    html = page([run])
    assert "The whole cluster in one row, from samples" in html
    assert "stints on GPUs " + ("none was taken down" if stints is None else "there were too many")


ODD: list[tuple[list[Node], list[dict[str, Any]], dict[str, Any]]] = [
    ([node()], [], {}),
    ([node()], [job("a", 5.0, gpu_count=9)], {}),
    ([node()], [job("late", 5.0, arrival_s=100.0)], {"until_s": 50.0}),
    ([node()], [job("a", 0.0)], {}),
    ([node()], [job("a", 0.0, arrival_s=1e9), job("b", 1e-9, arrival_s=1e9)], {}),
    ([node()], [job("a", 5e11), job("b", 5.0)], {}),
    ([node()], [job("a", 5.0, cancel_s=2.0), job("b", 5.0, cancel_s=3.0)], {}),
    ([node("n0", 0, gpu_model="")], [job("a", 5.0, gpu_count=0)], {}),
    ([node("n0", 1, gpu_model="")], [job("a", 5.0, gpu_models="X|Y")], {}),
    ([node("n0", 1, Mps(capacity_milli=4000))],
     [job(f"a{i}", 5.0, gpu_milli=700) for i in range(9)], {"speeds": speeds()}),
    ([node("n0", 1, TimeSlicing(check_memory=False))],
     [job(f"a{i}", 50.0, gpu_milli=300, gpu_memory_mib=50_000, arrival_s=i) for i in range(6)],
     {"speeds": speeds()}),
    ([node()], [job("a", 5.0, user="x" * 300, queue="\u202e漢字"), job("b" * 300, 5.0)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "jobs", "settings"), ODD)
@pytest.mark.parametrize("stints", [10**6, None])
def test_odd_runs_have_a_page(
    tmp_path: Path,
    nodes: list[Node],
    jobs: list[dict[str, Any]],
    settings: dict[str, Any],
    stints: int | None,
) -> None:
    run = made(tmp_path / "r", nodes, jobs, stints=stints, **settings)
    html = page([run])
    assert figures(html)["jobs"] == [len(jobs)]
    assert figures(page([run, run]))["jobs"] == [len(jobs)] * 2
    drawn = re.findall(r' d="([^"]*)"', html)
    assert not [path for path in drawn if "nan" in path or "inf" in path]


def test_jobs_that_fit_nowhere_are_named_with_the_reason(tmp_path: Path) -> None:
    html = page([made(tmp_path / "r", [node()], [job("wide", 5.0, gpu_count=9)])])
    assert re.search(r"<li>1 rejected, [^:]+: wide</li>", html)


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    run = one(tmp_path / "r")
    assert "was interrupted" not in page([run])
    assert "r was interrupted" in page([replace(run, settings={**run.settings, "complete": False})])


def test_a_hundred_thousand_jobs_stay_small(tmp_path: Path) -> None:
    n = 100_000
    outcome, jobs = made_up(n=n)
    draw = np.random.default_rng(3)
    start = np.sort(draw.uniform(0, 2e5, n))
    whole = np.zeros(n, np.int64)
    stints = Stints(
        tuple(f"node-{i}" for i in range(500)), ("",), np.arange(n), draw.integers(0, 500, n),
        draw.integers(0, 8, n), whole, whole, whole, draw.integers(1, 1001, n), start,
        start + draw.exponential(3000, n), math.nan,
    )  # fmt: skip
    outcome = replace(outcome, stints=stints)
    nodes = [Node(f"node-{i}", gpu_count=8, gpu_model="A100-80GB") for i in range(500)]
    write(tmp_path / "r", nodes, outcome, jobs)
    size = (tmp_path / "r" / "report.html").stat().st_size
    assert 50_000 < size < 1_000_000
    read = read_run(tmp_path / "r", "r")
    assert len(read.jobs) == n
    assert len(page([replace(read, name=f"run {i}") for i in range(12)])) < 5_000_000


def test_texts_can_be_read_and_shapes_be_told_apart() -> None:
    """WCAG 2.2: 4.5 for texts (1.4.3), 3 for what is drawn (1.4.11), in light and in dark."""
    for block in re.findall(r":root \{([^}]*)\}", CSS.read_text()):
        colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", block))
        for text in ("ink", "soft", "link"):
            for ground in ("paper", "panel", "warn"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        curves = [f"c{i}" for i in range(6)]
        for drawn in (*curves, "room", "pieces", "turn", "stopped", "unknown"):
            for ground in ("paper", "panel"):
                assert contrast(colours[drawn], colours[ground]) >= 3.0, (drawn, ground)
        shades = [contrast(colours[f"l{i}"], colours["paper"]) for i in range(6)]
        assert shades == sorted(shades)
        assert all(b / a > 1.2 for a, b in pairwise(shades))


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_settings_of_a_run_are_those_that_were_set(tmp_path: Path) -> None:
    run = one(tmp_path / "r")
    as_written = json.loads(json.dumps(described(Scenario().of(policy__placement="fgd"))))
    default = json.loads(json.dumps(described(Scenario())))
    first, second = replace(run, settings=as_written), replace(run, settings=default)
    assert differing([second]) == []
    assert differing([first]) == [("policy.placement", ["fgd"])]
    assert differing([first, second]) == [("policy.placement", ["fgd", "best-fit"])]


def test_tables_that_were_set_are_counted(tmp_path: Path) -> None:
    made_of = Scenario().of(
        startup__images={"a": 1.0, "b": 2.0}, startup__models={"m": 3.0}, startup__image="a"
    )
    run = replace(one(tmp_path / "r"), settings=json.loads(json.dumps(described(made_of))))
    none = replace(run, settings=json.loads(json.dumps(described(Scenario()))))
    assert differing([run, none]) == [
        ("startup.images", ["2 entries", "–"]),
        ("startup.models", ["1 entry", "–"]),
        ("startup.image", ["a", "–"]),
    ]
