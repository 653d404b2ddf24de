from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("function", "path"),
    [
        ("page", "docs/reference.md"),
        ("extender_page", "docs/extender.md"),
        ("foreign_page", "docs/foreign-keys.md"),
        ("chart_schema", "extender/deploy/chart/values.schema.json"),
    ],
)
def test_a_page_is_what_the_generator_writes(function: str, path: str) -> None:
    # In a process of its own: the terminal libraries read their width when they are imported.
    code = f"import generate, sys; sys.stdout.write(generate.{function}())"
    written = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "docs",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert written == (ROOT / path).read_text(encoding="utf-8")


def test_the_python_example_of_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert "pod-1" in names["cluster"].pods  # type: ignore[attr-defined]
