"""The pod table and the node table: their columns, stated once, and their types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import (
    BadRow,
    Column,
    FloatArray,
    IntArray,
    check_columns,
    filled,
)

MAX_AMOUNT = 10**12
"""Largest amount in one cell: a million rows of it still add up inside 64 bits."""

MAX_POD_GPUS = 10**6
MAX_NODE_GPUS = 64

INT64 = np.iinfo(np.int64)
NAN = float("nan")

POD_COLUMNS: tuple[Column, ...] = (
    Column("name", "str", "", "the pod's name", required=True, unique=True),
    Column(
        "cpu_milli", "int64", "millicores", "CPU", required=True, minimum=0, maximum=MAX_AMOUNT
    ),
    Column("memory_mib", "int64", "MiB", "memory", required=True, minimum=0, maximum=MAX_AMOUNT),
    Column(
        "gpu_count", "int64", "GPUs", "number of GPUs or MIG instances, 0 for a CPU-only pod",
        required=True, minimum=0, maximum=MAX_POD_GPUS,
    ),
    Column(
        "gpu_milli", "int64", "milli-GPU", "compute per GPU, 1000 = whole; 0 without GPUs",
        required=True, minimum=0, maximum=GPU_MILLI,
    ),
    Column(
        "gpu_memory_mib", "int64", "MiB", "memory per GPU; 0 = not stated",
        minimum=0, maximum=MAX_AMOUNT,
    ),
    Column("gpu_models", "str", "", "allowed models, separated by `|`; empty = any", default=""),
    Column("mig_profile", "str", "", "MIG profile, such as `1g.10gb`; empty = no MIG", default=""),
    Column("arrival_s", "float64", "seconds", "submitted at", minimum=0, maximum=MAX_AMOUNT),
    Column(
        "duration_s", "float64", "seconds", "how long it runs; empty = unknown",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column(
        "priority", "int64", "", "higher is first", minimum=int(INT64.min), maximum=int(INT64.max)
    ),
    Column("queue", "str", "", "queue it waits in", default=""),
    Column("gang", "str", "", "the gang it belongs to; empty = none", default=""),
    Column("user", "str", "", "who submitted it", default=""),
    Column(
        "node", "str", "", "where it runs, for `bayplan plan`; empty = it waits",
        default="", rare=True,
    ),
)  # fmt: skip
"""Columns of the pod table, in file order."""

NODE_COLUMNS: tuple[Column, ...] = (
    Column("name", "str", "", "the node's name", required=True, unique=True),
    Column(
        "cpu_milli", "int64", "millicores", "CPU", required=True, minimum=0, maximum=MAX_AMOUNT
    ),
    Column("memory_mib", "int64", "MiB", "memory", required=True, minimum=0, maximum=MAX_AMOUNT),
    Column(
        "gpu_count", "int64", "GPUs", "number of GPUs, all of one model",
        required=True, minimum=0, maximum=MAX_NODE_GPUS,
    ),
    Column("gpu_model", "str", "", "GPU model; empty = unknown or none", default=""),
    Column(
        "gpu_memory_mib", "int64", "MiB", "memory per GPU; 0 = unknown",
        minimum=0, maximum=MAX_AMOUNT,
    ),
    Column("zone", "str", "", "availability zone", default=""),
    Column("rack", "str", "", "rack", default=""),
    Column("block", "str", "", "block of racks that share a spine", default=""),
    Column("nvlink_domain", "str", "", "NVLink domain that spans nodes", default=""),
    Column(
        "gpu_island", "int64", "GPUs",
        "NVLink joins so many GPUs with consecutive indices; 0 = as the catalogue says",
        minimum=0, maximum=MAX_NODE_GPUS, rare=True,
    ),
)  # fmt: skip
"""Columns of the node table, in file order."""


@dataclass(frozen=True, slots=True, eq=False)
class PodTable:
    """Pods (or jobs), one row each; columns as stated in ``POD_COLUMNS``.

    Arrays have shape ``(n_pods,)``; texts are tuples of ``n_pods`` strings.

    Raises
    ------
    BadRow
        A row breaks a rule of the table.
    """

    name: tuple[str, ...]
    cpu_milli: IntArray
    memory_mib: IntArray
    gpu_count: IntArray
    gpu_milli: IntArray
    gpu_memory_mib: IntArray
    gpu_models: tuple[str, ...]
    mig_profile: tuple[str, ...]
    arrival_s: FloatArray
    duration_s: FloatArray
    priority: IntArray
    queue: tuple[str, ...]
    gang: tuple[str, ...]
    user: tuple[str, ...]
    node: tuple[str, ...]

    def __post_init__(self) -> None:
        check_columns(POD_COLUMNS, columns_of(self))
        _check_devices(self)

    def __len__(self) -> int:
        return len(self.name)

    @classmethod
    def of(cls, **columns: Any) -> Self:
        """Make a table from columns given by name; columns left out take their default.

        Parameters
        ----------
        **columns
            Sequences of ``n_pods`` values.

        Raises
        ------
        TypeError
            A column is unknown, missing or of the wrong type.
        BadRow
            A row breaks a rule of the table.
        """
        return cls(**filled(POD_COLUMNS, columns))


@dataclass(frozen=True, slots=True, eq=False)
class NodeTable:
    """Nodes, one row each; columns as stated in ``NODE_COLUMNS``.

    Arrays have shape ``(n_nodes,)``; texts are tuples of ``n_nodes`` strings.

    Raises
    ------
    BadRow
        A row breaks a rule of the table.
    """

    name: tuple[str, ...]
    cpu_milli: IntArray
    memory_mib: IntArray
    gpu_count: IntArray
    gpu_model: tuple[str, ...]
    gpu_memory_mib: IntArray
    zone: tuple[str, ...]
    rack: tuple[str, ...]
    block: tuple[str, ...]
    nvlink_domain: tuple[str, ...]
    gpu_island: IntArray

    def __post_init__(self) -> None:
        check_columns(NODE_COLUMNS, columns_of(self))

    def __len__(self) -> int:
        return len(self.name)

    @classmethod
    def of(cls, **columns: Any) -> Self:
        """Make a table from columns given by name; columns left out take their default.

        Parameters
        ----------
        **columns
            Sequences of ``n_nodes`` values.

        Raises
        ------
        TypeError
            A column is unknown, missing or of the wrong type.
        BadRow
            A row breaks a rule of the table.
        """
        return cls(**filled(NODE_COLUMNS, columns))


def columns_of(table: PodTable | NodeTable) -> dict[str, Any]:
    """Return the columns of a table by name, in file order."""
    columns = POD_COLUMNS if isinstance(table, PodTable) else NODE_COLUMNS
    return {column.name: getattr(table, column.name) for column in columns}


def markdown() -> str:
    """Return both tables' columns as Markdown, for the documentation."""
    return (
        f"### Pods\n\n{markdown_table(POD_COLUMNS)}\n\n"
        f"### Nodes\n\n{markdown_table(NODE_COLUMNS)}\n"
    )


def markdown_table(columns: Sequence[Column]) -> str:
    """Return the columns of one table as a Markdown table."""
    lines = [
        "| column | type | unit | if left out | bounds | meaning |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{c.name}` | {c.dtype} | {c.unit} | {_if_left_out(c)} | {_bounds(c)} | {meaning} |"
        for c in columns
        for meaning in [c.meaning.replace("|", "\\|")]
    ]
    return "\n".join(lines)


def _if_left_out(column: Column) -> str:
    if column.required:
        return "**required**"
    return column.default_cell or ("unknown" if column.dtype == "float64" else "empty")


def _bounds(column: Column) -> str:
    if column.unique:
        return "unique, not empty"
    if column.minimum is None or column.maximum is None:
        return ""
    if column.maximum == INT64.max:
        return "any 64-bit integer"
    ceiling = f"{column.maximum:,}" if column.maximum < MAX_AMOUNT else "10^12"
    return f"{column.minimum} to {ceiling}"


def _check_devices(pods: PodTable) -> None:
    """Check the rules that tie the GPU columns to ``gpu_count``."""
    with_gpus = pods.gpu_count > 0
    if (bad := with_gpus & (pods.gpu_milli == 0)).any():
        record = int(bad.argmax())
        problem = f"gpu_milli is 0 for a pod with gpu_count {pods.gpu_count[record]}"
        raise BadRow(record, problem, f"write 1 to {GPU_MILLI} ({GPU_MILLI} = a whole GPU)")
    for name in ("gpu_milli", "gpu_memory_mib"):
        amounts: IntArray = getattr(pods, name)
        if (bad := ~with_gpus & (amounts != 0)).any():
            record = int(bad.argmax())
            problem = f"{name} is {amounts[record]} for a pod with gpu_count 0"
            raise BadRow(record, problem, "write 0, or a gpu_count of 1 or more")
    has_profile = np.fromiter(map(bool, pods.mig_profile), dtype=np.bool_, count=len(pods))
    if (bad := ~with_gpus & has_profile).any():
        record = int(bad.argmax())
        problem = f"mig_profile is {pods.mig_profile[record]!r} for a pod with gpu_count 0"
        raise BadRow(record, problem, "write the number of instances as gpu_count")
