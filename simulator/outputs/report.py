"""A run's summary as JSON (``bayplan.summary/1``)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bayplan.simulator.metrics import Summary

SCHEMA = "bayplan.summary/1"


def as_json(
    summary: Summary,
    settings: Mapping[str, Any],
    files: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Return a summary as JSON text, keys sorted: same run, same bytes.

    What says nothing is null, never NaN.

    Parameters
    ----------
    summary
        The metrics.
    settings
        How the run was made: plain values, lists and mappings with text keys.
    files
        Names of the files that belong to it.
    facts
        What else is known of the run, under keys of its own.

    Raises
    ------
    TypeError
        The settings hold what JSON has no form for.
    """
    report = {
        **(facts or {}),
        "schema": SCHEMA,
        "files": sorted(files),
        "settings": settings,
        "summary": summary.values,
        "by_queue": [asdict(part) for part in summary.by_queue],
        "by_user": [asdict(part) for part in summary.by_user],
    }
    return json.dumps(_plain(report), sort_keys=True, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: no NumPy, no numbers that are none."""
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"key {odd[0]!r} of the settings is no text")
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
