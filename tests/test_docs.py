from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_reference_page_is_what_the_generator_writes() -> None:
    # In a process of its own: the terminal libraries read their width when they are imported.
    code = "import generate, sys; sys.stdout.write(generate.page())"
    written = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "docs",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert written == (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def test_the_python_example_of_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert "pod-1" in names["cluster"].pods  # type: ignore[attr-defined]
