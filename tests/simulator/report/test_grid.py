"""GPUs × time, against sums over the stints and a plain count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayplan.scheduler.sharing import Mps
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.simulator.report import Run
from bayplan.simulator.report.grid import COLUMNS, grid_of
from bayplan.simulator.report.plots import heat

from ..core.support import job, node, speeds  # noqa: TID252
from .support import made


def busy(folder: Path, **settings: object) -> Run:
    jobs = [
        job(f"j{i}", 4.0 + i % 7, arrival_s=1.3 * i, gpu_milli=(250, 500, 1000)[i % 3])
        for i in range(40)
    ]
    nodes = [node("a", 3, Mps()), node("none", 0, gpu_model=""), node("b", 2, Mps())]
    return made(folder, nodes, jobs, speeds=speeds(), **settings)


def plain(run: Run, gpu: tuple[str, int], column: int) -> float:
    """The share of one cell, stint by stint."""
    assert run.stints is not None
    first_s, end_s = run.span_s
    width = (end_s - first_s) / COLUMNS
    low = first_s + column * width
    held = 0.0
    for stint in run.stints.iter_rows(named=True):
        if (stint["node"], stint["gpu"]) == gpu:
            shared = min(low + width, stint["end_s"]) - max(low, stint["start_s"])
            held += stint["milli"] / 1000 * max(0.0, shared)
    return held / width


def test_cells_are_the_shares_of_their_gpu_in_their_time(tmp_path: Path) -> None:
    run = busy(tmp_path / "r")
    grid = grid_of(run)
    gpus = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)]
    assert grid.names == [f"{name} GPU {gpu}" for name, gpu in gpus]
    assert grid.labels == [(0, "a"), (3, "b")]
    for row, gpu in enumerate(gpus):
        for column in (0, 1, 57, 120, 199):
            assert grid.share[row, column] == pytest.approx(plain(run, gpu, column), abs=1e-9)
    assert grid.held == pytest.approx(run.summary["allocation_pct"] / 100, rel=1e-9)


def test_neighbours_share_a_row_where_there_are_too_many(tmp_path: Path) -> None:
    run = busy(tmp_path / "r")
    whole, halved = grid_of(run), grid_of(run, 2)
    assert halved.names == ["a GPU 0 to a GPU 2", "b GPU 0 to b GPU 1"]
    np.testing.assert_allclose(halved.share[0], whole.share[:3].mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(halved.share[1], whole.share[3:].mean(axis=0), atol=1e-9)
    drawn = heat("h", run, halved)
    assert drawn is not None
    assert drawn.note == "A row is 2 or 3 neighbouring GPUs."
    assert halved.held == pytest.approx(whole.held) == run.summary["allocation_pct"] / 100


def test_a_gpu_that_nobody_knows_is_spread_over_its_node(tmp_path: Path) -> None:
    nodes = [node("x", 2, anonymous_gpus=True), node("y", 1, gpu_model="T4")]
    run = made(tmp_path / "r", nodes, [job("a", 10.0, gpu_models="A100-80GB")])
    assert grid_of(run).share.tolist() == [[0.5] * COLUMNS, [0.5] * COLUMNS, [0.0] * COLUMNS]


def test_without_stints_there_is_one_row_from_the_samples(tmp_path: Path) -> None:
    run = busy(tmp_path / "r", stints=None, sample_s=0.05)
    grid = grid_of(run)
    assert grid.share.shape == (1, COLUMNS)
    assert not grid.by_gpu
    assert grid.held == pytest.approx(run.summary["allocation_pct"] / 100, rel=0.02)


def test_levels_are_drawn_once_and_full_is_the_last(tmp_path: Path) -> None:
    jobs = [job("half", 10.0, gpu_milli=500), job("whole", 10.0, arrival_s=20.0)]
    run = made(tmp_path / "r", [node("n", 1, Mps())], jobs, speeds=speeds())
    drawn = heat("h", run, grid_of(run))
    assert drawn is not None
    edge = round(COLUMNS * 10 / run.span_s[1])
    assert drawn.levels[2].startswith("M0 0h")
    assert drawn.levels[2].count("M") == 1
    assert f"h{edge}v1" in drawn.levels[2] or f"h{edge - 1}v1" in drawn.levels[2]
    assert drawn.levels[5].count("M") == 1


def test_what_is_not_there_is_told_from_what_is_idle(tmp_path: Path) -> None:
    nodes = [node("x", 1), node("y", 1, gpu_model="T4")]
    changes = [NodeChange(25.0, "x", "down"), NodeChange(75.0, "x", "up")]
    jobs = [job("a", 100.0, gpu_models="T4")]
    run = made(tmp_path / "r", nodes, jobs, more={"sources": [Listed(changes)]})
    grid = grid_of(run)
    assert grid.away is not None
    quarter = COLUMNS // 4
    assert grid.away[0].tolist() == [0.0] * quarter + [1.0] * 2 * quarter + [0.0] * quarter
    assert not grid.away[1].any()
    drawn = heat("h", run, grid)
    assert drawn is not None
    assert drawn.away == f"M{quarter} 0h{2 * quarter}v1h-{2 * quarter}z"
    always = grid_of(made(tmp_path / "s", nodes, jobs))
    assert always.away is None
