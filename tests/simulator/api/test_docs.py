"""The page about Python: its example prints what it says, and it names all that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

import bayplan

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, rest = TEXT.partition("```python\n")[2].partition("```")
    exec(code, {})
    assert capsys.readouterr().out == rest.partition("```text\n")[2].partition("```")[0]


def test_the_page_names_everything_that_is_public() -> None:
    run, comparison = bayplan.Run, bayplan.Comparison
    hidden = {"with_settings", "usable", "scenario"}
    for owner in (bayplan.Scenario, run, comparison, bayplan.Picture):
        for name in set(vars(owner)) - hidden:
            assert name.startswith("_") or f".{name}" in TEXT, f"{owner.__name__}.{name}"
