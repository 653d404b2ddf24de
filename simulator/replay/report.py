"""A replay's results as JSON (``bayplan.replay/2``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from bayplan.simulator.replay.sweep import Run

SCHEMA = "bayplan.replay/2"


def as_json(runs: Sequence[Run], load: float) -> str:
    """Return the runs as JSON text: same runs, same bytes, ``decide_s`` aside."""
    lines = ",\n".join(json.dumps(asdict(run), separators=(",", ":")) for run in runs)
    return f'{{"schema":"{SCHEMA}","load":{json.dumps(load)},"runs":[\n{lines}\n]}}\n'
