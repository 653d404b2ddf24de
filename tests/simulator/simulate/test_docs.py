"""The page about simulations: its example runs and prints what it says, its tables are whole."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bayplan.scheduler.ordering import ENTRY_POINTS as ORDERINGS
from bayplan.simulator.core.elastic.policies import ELASTICITY
from bayplan.simulator.core.partitioning import PARTITIONERS
from bayplan.simulator.core.passes import PASSES
from bayplan.simulator.core.progress import PROGRESS
from bayplan.simulator.core.triggers import TRIGGERS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, rest = TEXT.partition("```python\n")[2].partition("```")
    exec(code, {})
    assert capsys.readouterr().out == rest.partition("```text\n")[2].partition("```")[0]


def test_the_page_names_every_group_of_entry_points() -> None:
    named = re.findall(r"^\| `(bayplan\.\w+)`", TEXT, re.MULTILINE)
    registries = (PASSES, PROGRESS, TRIGGERS, PARTITIONERS, ELASTICITY)
    assert set(named) == {"bayplan.policies", ORDERINGS, *(each.group for each in registries)}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(settings["project"]["entry-points"]) == set(named)


def test_the_page_names_what_may_be_chosen() -> None:
    for registry in (PASSES, PROGRESS, TRIGGERS, PARTITIONERS, ELASTICITY):
        for name in registry.names():
            assert f"`{name}`" in TEXT
