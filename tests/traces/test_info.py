from __future__ import annotations

import math

from bayplan.traces.builtin import builtin_nodes, builtin_pods
from bayplan.traces.info import class_counts, describe, gpu_demand_milli
from bayplan.traces.schema import POD_COLUMNS, NodeTable, PodTable

PODS = PodTable.of(
    name=["a", "b", "c", "d", "e"],
    cpu_milli=[1000, 2000, 2000, 4000, 500],
    memory_mib=[1024, 1024, 1024, 2048, 1024],
    gpu_count=[0, 1, 1, 1, 2],
    gpu_milli=[0, 500, 500, 1000, 1000],
    gpu_models=["T4", "", "A10|T4", "T4|A10", "T4"],
    arrival_s=[0, 10, 20, 30, 100],
    duration_s=[math.nan, 60, 120, 3600, 7200],
)
NODES = NodeTable.of(
    name=["n", "m"],
    cpu_milli=[16_000, 3000],
    memory_mib=[10_240, 2048],
    gpu_count=[8, 0],
    gpu_model=["T4", ""],
)


def test_a_trace_is_described_in_rows() -> None:
    assert describe(PODS, NODES) == [
        ("pods", "5"),
        ("GPUs asked for", "4.0"),
        ("CPU asked for", "9.5 cores"),
        ("memory asked for", "6.0 GiB"),
        ("pods: CPU-only", "1 (20.0 %)"),
        ("pods: share of a GPU", "2 (40.0 %)"),
        ("pods: one GPU", "1 (20.0 %)"),
        ("pods: several GPUs", "1 (20.0 %)"),
        ("distinct shapes", "4"),
        ("shape 1", "1 x 500 milli-GPU, 2,000 millicores, 1,024 MiB: 2 (40.0 %)"),
        ("shape 2", "no GPU, 1,000 millicores, 1,024 MiB: 1 (20.0 %)"),
        ("shape 3", "1 x 1000 milli-GPU, 4,000 millicores, 2,048 MiB: 1 (20.0 %)"),
        ("shape 4", "2 x 1000 milli-GPU, 500 millicores, 1,024 MiB: 1 (20.0 %)"),
        ("GPU pods bound to models", "3 (75.0 %)"),
        ("bound to A10|T4", "2"),
        ("bound to T4", "1"),
        ("arrivals", "0 s to 100 s (1.7 min)"),
        ("durations", "median 31.0 min, mean 45.8 min, longest 2.0 h, 1 unknown"),
        ("nodes", "2 (1 with GPUs)"),
        ("GPUs", "8"),
        ("CPU", "19.0 cores"),
        ("memory", "12.0 GiB"),
        ("nodes with 8 x T4", "1"),
        ("GPU demand / capacity", "50.0 %"),
        ("CPU demand / capacity", "50.0 %"),
        ("memory demand / capacity", "50.0 %"),
        ("GPU time asked / offered while pods arrive", "2261.2 %"),
    ]


def test_classes_and_demand() -> None:
    assert gpu_demand_milli(PODS) == 4000
    assert class_counts(PODS) == {
        "CPU-only": 1,
        "share of a GPU": 2,
        "one GPU": 1,
        "several GPUs": 1,
    }


def test_a_table_without_pods_is_described_too() -> None:
    nothing = PodTable.of(**{column.name: [] for column in POD_COLUMNS})
    rows = dict(describe(nothing, NODES))
    assert rows["pods"] == "0"
    assert rows["pods: one GPU"] == "0 (-)"


def test_unknown_durations_are_said() -> None:
    pods = PodTable.of(name=["a"], cpu_milli=[1], memory_mib=[1], gpu_count=[0], gpu_milli=[0])
    assert dict(describe(pods))["durations"] == "unknown"


def test_the_builtin_trace_is_described_in_single_lines() -> None:
    for label, value in describe(builtin_pods(), builtin_nodes()):
        assert label
        assert value
        assert "\n" not in label + value
