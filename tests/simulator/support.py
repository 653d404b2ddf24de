"""What the tests of the replay share: small tables of pods and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayplan.simulator.replay.settings import Experiment
from bayplan.traces import NodeTable, PodTable

Pod = tuple[int, int, int]  # CPU, GPUs, milli of each


def pod_table(pods: Sequence[Pod], names: Sequence[str] | None = None) -> PodTable:
    """Pods of (CPU, GPUs, milli), named p000, p001, ... unless named."""
    return PodTable.of(
        name=names or [f"p{i:03}" for i in range(len(pods))],
        cpu_milli=[cpu for cpu, _, _ in pods],
        memory_mib=[64] * len(pods),
        gpu_count=[count for _, count, _ in pods],
        gpu_milli=[milli for _, _, milli in pods],
    )


def node_table(gpus: Sequence[int], cpu_milli: int = 64_000) -> NodeTable:
    """Nodes n000, n001, ... with so many GPUs of one model each."""
    return NodeTable.of(
        name=[f"n{i:03}" for i in range(len(gpus))],
        cpu_milli=[cpu_milli] * len(gpus),
        memory_mib=[100_000] * len(gpus),
        gpu_count=list(gpus),
        gpu_model=["A" if n else "" for n in gpus],
    )


MIXED: tuple[Pod, ...] = (
    (1_000, 1, 500),
    (1_000, 1, 500),
    (2_000, 1, 1_000),
    (2_000, 1, 250),
    (4_000, 2, 1_000),
    (3_000, 0, 0),
    (1_500, 1, 700),
    (500, 1, 300),
)
GPUS = (4, 2, 2, 1)


def mixed(**changes: Any) -> Experiment:
    """24 pods of all kinds, two thirds of a cluster of 9 GPUs."""
    return Experiment(node_table(GPUS), pod_table(MIXED), **changes)
