from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from bayplan.simulator.core.results import Status
from bayplan.simulator.metrics import METRICS, summarise
from bayplan.simulator.outputs.report import SCHEMA, as_json

from ..metrics.support import run, summary  # noqa: TID252


def test_the_report_has_a_schema_and_every_metric_and_sorted_keys() -> None:
    outcome, jobs = run()
    of_run = summarise(outcome, jobs)
    report = json.loads(as_json(of_run, {"seed": 3, "placement": "fgd"}, ["b", "a"]))
    assert list(report) == sorted(report)
    assert report["schema"] == SCHEMA == "bayplan.summary/1"
    assert report["files"] == ["a", "b"]
    assert report["settings"] == {"placement": "fgd", "seed": 3}
    assert set(report["summary"]) == {metric.key for metric in METRICS}
    for key, value in report["summary"].items():
        assert value == of_run[key] or (value is None and math.isnan(of_run[key]))
    assert [part["name"] for part in report["by_queue"]] == ["prod", "research"]
    assert isinstance(report["summary"]["jobs"], int)


def test_what_says_nothing_is_null() -> None:
    settings = {"until_s": math.inf, "speeds": {"a": [math.nan, 1.0]}}
    text = as_json(summary(jobs=1), settings)
    report = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert report["summary"]["jct_mean_s"] is None
    assert report["settings"] == {"until_s": None, "speeds": {"a": [None, 1.0]}}


def test_numbers_of_numpy_and_enumerations_are_plain_ones() -> None:
    settings: dict[str, Any] = {
        "a": np.int64(3),
        "b": np.float64(0.5),
        "c": np.array([1.0, np.nan]),
        "d": (Status.FAILED, np.bool_(True), None, "x"),
    }
    report = json.loads(as_json(summary(), settings))
    assert report["settings"] == {"a": 3, "b": 0.5, "c": [1.0, None], "d": [3, True, None, "x"]}


def test_the_order_of_settings_is_nothing_to_the_bytes() -> None:
    assert as_json(summary(), {"a": 1, "b": 2}) == as_json(summary(), {"b": 2, "a": 1})


@pytest.mark.parametrize("settings", [{"a": object()}, {"a": {("gpt", "A100"): 1.0}}])
def test_settings_that_json_has_no_form_for_are_a_bug_of_the_caller(settings: Any) -> None:
    with pytest.raises(TypeError):
        as_json(summary(), settings)
