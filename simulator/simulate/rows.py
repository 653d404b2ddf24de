"""The runs of a comparison as files: a row a run."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bayplan.simulator.metrics import METRICS
from bayplan.simulator.simulate.compare import Run
from bayplan.simulator.simulate.variations import Variation

SCHEMA = "bayplan.compare/1"


def as_json(
    keys: Sequence[str],
    variations: Sequence[Variation],
    runs: Sequence[Run],
    how: Mapping[str, Any],
) -> str:
    """Return the runs as JSON: same runs, same bytes. What says nothing is null.

    Parameters
    ----------
    keys
        The varied keys, by their full names.
    variations
        Their values.
    runs
        The runs.
    how
        How the first variation was made: all keys by table.
    """
    rows = [
        {
            "varied": dict(zip(keys, variations[run.variation].values, strict=True)),
            "seed": run.seed,
            "summary": {name: _known(value) for name, value in run.summary.values.items()},
        }
        for run in runs
    ]
    report = {"schema": SCHEMA, "varied": list(keys), "settings": how, "runs": rows}
    return json.dumps(report, indent=1, allow_nan=False) + "\n"


def as_csv(keys: Sequence[str], variations: Sequence[Variation], runs: Sequence[Run]) -> str:
    """Return the runs as CSV: the varied keys, the seed, and every metric; empty: says nothing."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    names = [metric.key for metric in METRICS]
    writer.writerow([*keys, "seed", *names])
    for run in runs:
        figures = [_known(run.summary[name]) for name in names]
        writer.writerow([*variations[run.variation].values, run.seed, *figures])
    return out.getvalue()


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
