"""What the tests of scenarios share: small job tables, and rows of them as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayplan.traces import NodeTable
from bayplan.traces.jobs import JobTable, columns_of


def job_table(arrivals: Sequence[float], **columns: Sequence[Any]) -> JobTable:
    """Jobs j0, j1, … of one GPU each, unless said otherwise."""
    n = len(arrivals)
    return JobTable.of(
        **{
            "name": [f"j{i}" for i in range(n)],
            "arrival_s": list(arrivals),
            "work_s": [100.0 + i for i in range(n)],
            "gpu_count": [1] * n,
            **columns,
        }
    )


def node_table(gpus: Sequence[int], model: str = "A100-80GB") -> NodeTable:
    """Nodes n0, n1, … with so many GPUs."""
    return NodeTable.of(
        name=[f"n{i}" for i in range(len(gpus))],
        cpu_milli=[64_000] * len(gpus),
        memory_mib=[256_000] * len(gpus),
        gpu_count=list(gpus),
        gpu_model=[model if n else "" for n in gpus],
        gpu_memory_mib=[81_920 if n else 0 for n in gpus],
    )


def rows_of(jobs: JobTable) -> list[dict[str, Any]]:
    """The rows of a table, without what is unknown: NaN is like nothing."""
    columns = {
        name: list(c) if isinstance(c, tuple) else c.tolist()
        for name, c in columns_of(jobs).items()
    }
    return [
        {name: column[i] for name, column in columns.items() if column[i] == column[i]}
        for i in range(len(jobs))
    ]
