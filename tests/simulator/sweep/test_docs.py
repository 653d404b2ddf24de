"""The page about sweeps: its grid is one."""

from __future__ import annotations

from pathlib import Path

from bayplan.simulator.sweep.folder import ABOUT, JOURNAL
from bayplan.simulator.sweep.grid import TABLES, read_grid
from bayplan.simulator.sweep.plan import planned
from bayplan.simulator.sweep.table import CSV, PARQUET

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "sweep.md").read_text(encoding="utf-8")


def test_the_example_is_a_grid_that_says_all_that_there_is_to_say(tmp_path: Path) -> None:
    text = TEXT.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "my.toml").write_text('[cluster]\ngpu = "A100-80GB"\n')
    (tmp_path / "grid.toml").write_text(text)
    grid, problems = read_grid(tmp_path / "grid.toml")
    assert problems == []
    plan, problems = planned(grid)
    assert problems == []
    assert plan.size == (3 * 2 * 3 + 1) * 20
    assert not any(point.problem for point in plan.points)
    for name in TABLES:
        assert name in text


def test_the_page_names_every_file() -> None:
    for name in (PARQUET, CSV, ABOUT, JOURNAL):
        assert f"`{name}`" in TEXT
