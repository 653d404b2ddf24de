from __future__ import annotations

import json
from dataclasses import replace

from bayplan.simulator.replay.report import as_json
from bayplan.simulator.replay.sweep import Packer, sweep

from .support import mixed

KEYS = [
    "policy",
    "seed",
    "sharing",
    "pods",
    "placed",
    "gpu_capacity_milli",
    "gpu_allocated_milli",
    "gpu_taken_milli",
    "gpu_internal_milli",
    "gpu_stranded_milli",
    "refused",
    "arrived_pct",
    "allocated_pct",
    "fragmented_pct_of_capacity",
    "fragmented_pct_of_idle",
    "decide_s",
]


def test_the_report_has_a_schema_a_load_and_one_object_a_run() -> None:
    runs = list(sweep(mixed(), ["fgd", "best-fit"], [1, 2]))
    report = json.loads(as_json(runs, 1.3))
    assert list(report) == ["schema", "load", "runs"]
    assert report["schema"] == "bayplan.replay/2"
    assert report["load"] == 1.3
    for data, run in zip(report["runs"], runs, strict=True):
        assert list(data) == KEYS
        assert data == {key: getattr(run, key) for key in KEYS}


def test_there_are_131_columns_at_the_load_of_the_published_experiment() -> None:
    (run,) = json.loads(as_json([Packer(mixed()).run("fgd", 1)], 1.3))["runs"]
    for key in (key for key in KEYS if "_pct" in key):
        assert len(run[key]) == 131
    assert run["arrived_pct"] == list(range(131))


def test_a_column_without_arrivals_is_null_and_never_not_a_number() -> None:
    text = as_json([Packer(mixed(load=1.0)).run("fgd", 1)], 1.0)
    (run,) = json.loads(text, parse_constant=lambda name: name)["runs"]
    assert run["allocated_pct"][0] is None or run["allocated_pct"][0] >= 0.0
    assert None in run["allocated_pct"]
    assert "NaN" not in text


def test_equal_runs_give_equal_bytes_one_line_each() -> None:
    packer = Packer(mixed())
    runs = [replace(packer.run("fgd", seed), decide_s=0.0) for seed in (1, 2)]
    again = [replace(packer.run("fgd", seed), decide_s=0.0) for seed in (1, 2)]
    assert as_json(runs, 1.3) == as_json(again, 1.3)
    lines = as_json(runs, 1.3).splitlines()
    assert len(lines) == 4
    assert as_json(runs, 1.3).endswith("]}\n")
    assert as_json(runs, 1.3) != as_json(runs[::-1], 1.3)
