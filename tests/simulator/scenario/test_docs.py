"""The page about scenarios: its keys are the declared ones, its examples are scenarios."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bayplan.simulator.scenario.reading import read_scenario
from bayplan.simulator.scenario.ready import wrong_with
from bayplan.simulator.scenario.writing import markdown

PAGE = Path(__file__).parents[3] / "docs" / "scenario.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_keys_are_what_the_generator_writes() -> None:
    assert TEXT.endswith(f"Written by `make docs`.\n\n{markdown()}")


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL))
def test_the_examples_are_scenarios(example: str, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(example)
    scenario, problems = read_scenario(tmp_path / "s.toml")
    assert problems == wrong_with(scenario) == []
