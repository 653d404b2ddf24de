from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bayplan.simulator.metrics import METRICS
from bayplan.simulator.metrics.catalogue import markdown

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_metrics_is_what_the_generator_writes() -> None:
    code = "import generate, sys; sys.stdout.write(generate.metrics_page())"
    written = subprocess.run(
        [sys.executable, "-c", code],
        cwd=DOCS,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert written == (DOCS / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_has_a_row_of_five_cells() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [each.key for each in METRICS]
    assert {row.count("|") for row in rows} == {6}
