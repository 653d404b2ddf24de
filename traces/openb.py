"""Reader for the openb files: pods and nodes of a production GPU cluster, Alibaba 2023.

References
----------
https://github.com/alibaba/clusterdata, folder ``cluster-trace-gpu-v2023``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import Column
from bayplan.traces.reading import CsvFile, TableFile, read_columns
from bayplan.traces.schema import MAX_AMOUNT, MAX_NODE_GPUS, MAX_POD_GPUS, NodeTable, PodTable

CPU = Column(
    "cpu_milli", "int64", "millicores", "CPU", required=True, minimum=0, maximum=MAX_AMOUNT
)
MEMORY = Column(
    "memory_mib", "int64", "MiB", "memory", required=True, minimum=0, maximum=MAX_AMOUNT
)

POD_COLUMNS: tuple[Column, ...] = (
    Column("name", "str", "", "the pod's name", required=True, unique=True),
    CPU,
    MEMORY,
    Column(
        "num_gpu", "int64", "GPUs", "number of GPUs", required=True, minimum=0, maximum=MAX_POD_GPUS
    ),
    Column("gpu_milli", "int64", "milli-GPU", "compute per GPU", required=True, minimum=0),
    Column("gpu_spec", "str", "", "allowed GPU models", default=""),
    Column(
        "creation_time", "float64", "seconds", "when it is submitted", minimum=0, maximum=MAX_AMOUNT
    ),
    Column(
        "deletion_time", "float64", "seconds", "when it is gone",
        default=float("nan"), minimum=0, maximum=MAX_AMOUNT,
    ),
)  # fmt: skip
"""What is read of a pod list; several published lists have the first five columns only."""

NODE_COLUMNS: tuple[Column, ...] = (
    Column("sn", "str", "", "the node's name", required=True, unique=True),
    CPU,
    MEMORY,
    Column(
        "gpu", "int64", "GPUs", "number of GPUs", required=True, minimum=0, maximum=MAX_NODE_GPUS
    ),
    Column("model", "str", "", "GPU model", required=False, default=""),
)
"""What is read of a node list."""


def pods_from_csv(file: CsvFile) -> PodTable:
    """Read a pod list.

    A ``gpu_milli`` above 1000 becomes 1000, and 0 where ``num_gpu`` is 0; ``gpu_spec`` is dropped
    for pods without GPUs, as the published evaluations do.

    Parameters
    ----------
    file
        A file with the columns of ``POD_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = read_columns(file, POD_COLUMNS)
    check_pods(file, columns)
    return PodTable.of(
        **shapes_of(columns),
        arrival_s=columns["creation_time"],
        duration_s=columns["deletion_time"] - columns["creation_time"],
    )


def shapes_of(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return names and shapes under our own column names.

    Parameters
    ----------
    columns
        The columns of ``POD_COLUMNS`` by name.
    """
    count = columns["num_gpu"]
    return {
        "name": columns["name"],
        "cpu_milli": columns["cpu_milli"],
        "memory_mib": columns["memory_mib"],
        "gpu_count": count,
        "gpu_milli": np.where(count > 0, np.minimum(columns["gpu_milli"], GPU_MILLI), 0),
        "gpu_models": [
            spec if gpus else ""
            for spec, gpus in zip(columns["gpu_spec"], count.tolist(), strict=True)
        ],
    }


def nodes_from_csv(file: CsvFile) -> NodeTable:
    """Read a node list.

    Parameters
    ----------
    file
        A file with the columns of ``NODE_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = read_columns(file, NODE_COLUMNS)
    return NodeTable.of(
        name=columns["sn"],
        cpu_milli=columns["cpu_milli"],
        memory_mib=columns["memory_mib"],
        gpu_count=columns["gpu"],
        gpu_model=columns["model"],
    )


def check_pods(file: TableFile, columns: Mapping[str, Any]) -> None:
    """Check the rules that tie columns of a pod list to each other.

    Parameters
    ----------
    file
        Where they were read.
    columns
        The columns of ``POD_COLUMNS`` by name.

    Raises
    ------
    InputError
        A row breaks a rule.
    """
    without_milli = (columns["num_gpu"] > 0) & (columns["gpu_milli"] == 0)
    if without_milli.any():
        record = int(without_milli.argmax())
        problem = f"gpu_milli is 0 for a pod with num_gpu {columns['num_gpu'][record]}"
        fix = f"write 1 to {GPU_MILLI} ({GPU_MILLI} = a whole GPU)"
        raise file.error(problem, fix, record=record)
    # A comparison with an unknown time (not a number) is false, so those rows pass.
    backwards = columns["deletion_time"] < columns["creation_time"]
    if backwards.any():
        record = int(backwards.argmax())
        gone, made = columns["deletion_time"][record], columns["creation_time"][record]
        problem = f"deletion_time {gone:g} is before creation_time {made:g}"
        raise file.error(problem, "correct one of them", record=record)
