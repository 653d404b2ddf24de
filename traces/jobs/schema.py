"""The job table: its columns, stated once, and its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import (
    BadRow,
    BoolArray,
    Column,
    FloatArray,
    IntArray,
    check_columns,
    filled,
    shown,
)
from bayplan.traces.schema import MAX_AMOUNT, MAX_NODE_GPUS, NAN, markdown_table

MAX_JOB_PODS = 10**5
MIN_PRIORITY, MAX_PRIORITY = -(2**31), 2**31 - 1
"""Kubernetes' own bounds; floats hold every one of these numbers, and orders compare floats."""

JOB_COLUMNS: tuple[Column, ...] = (
    Column("name", "str", "", "the job's name", required=True, unique=True),
    Column("arrival_s", "float64", "seconds", "submitted at", minimum=0, maximum=MAX_AMOUNT),
    Column(
        "work_s", "float64", "seconds",
        "run time alone on whole reference GPUs, of all its pods at once",
        required=True, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column(
        "pods", "int64", "pods", "pods alike that start together",
        default=1, minimum=1, maximum=MAX_JOB_PODS,
    ),
    Column(
        "min_pods", "int64", "pods", "pods with which an elastic job still runs; 0 = as `pods`",
        minimum=0, maximum=MAX_JOB_PODS,
    ),
    Column(
        "max_pods", "int64", "pods",
        "pods that an elastic job may have, `work_s` being stated for `pods`; 0 = as `pods`",
        minimum=0, maximum=MAX_JOB_PODS,
    ),
    Column("cpu_milli", "int64", "millicores", "CPU per pod", minimum=0, maximum=MAX_AMOUNT),
    Column("memory_mib", "int64", "MiB", "memory per pod", minimum=0, maximum=MAX_AMOUNT),
    Column(
        "gpu_count", "int64", "GPUs", "GPUs or MIG instances per pod, 0 for a CPU-only job",
        required=True, minimum=0, maximum=MAX_NODE_GPUS,
    ),
    Column(
        "gpu_milli", "int64", "milli-GPU",
        f"compute per GPU, {GPU_MILLI} = whole; always 0 without GPUs",
        default=GPU_MILLI, minimum=0, maximum=GPU_MILLI,
    ),
    Column(
        "gpu_memory_mib", "int64", "MiB", "memory per GPU; 0 = not stated",
        minimum=0, maximum=MAX_AMOUNT,
    ),
    Column("gpu_models", "str", "", "allowed models, separated by `|`; empty = any", default=""),
    Column("mig_profile", "str", "", "MIG profile, such as `1g.10gb`; empty = no MIG", default=""),
    Column(
        "job_type", "str", "", "what it runs: a key of speed tables and demands; empty = unknown",
        default="",
    ),
    Column(
        "estimate_s", "float64", "seconds", "run time its user states; empty = `work_s`",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column(
        "deadline_s", "float64", "seconds", "should be done by; empty = no deadline",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column(
        "cancel_s", "float64", "seconds", "withdrawn at, done or not; empty = never",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column(
        "priority", "int64", "", "higher is first", minimum=MIN_PRIORITY, maximum=MAX_PRIORITY
    ),
    Column(
        "preemptible", "int64", "", "1 = may be preempted, 0 = never",
        default=1, minimum=0, maximum=1,
    ),
    Column("queue", "str", "", "queue it waits in", default=""),
    Column("user", "str", "", "who submitted it", default=""),
    Column(
        "gang", "str", "", "rows with one gang are one job, each row a role; empty = a row alone",
        default="",
    ),
)  # fmt: skip
"""Columns of the job table, in file order."""


@dataclass(frozen=True, slots=True, eq=False)
class JobTable:
    """Jobs, one row each, or one row a role of a gang; columns as stated in ``JOB_COLUMNS``.

    Arrays have shape ``(n_jobs,)``; texts are tuples of ``n_jobs`` strings. Amounts are per pod
    or per GPU, and a row stands for ``pods`` pods alike.

    Raises
    ------
    BadRow
        A row breaks a rule of the table.
    """

    name: tuple[str, ...]
    arrival_s: FloatArray
    work_s: FloatArray
    pods: IntArray
    min_pods: IntArray
    max_pods: IntArray
    cpu_milli: IntArray
    memory_mib: IntArray
    gpu_count: IntArray
    gpu_milli: IntArray
    gpu_memory_mib: IntArray
    gpu_models: tuple[str, ...]
    mig_profile: tuple[str, ...]
    job_type: tuple[str, ...]
    estimate_s: FloatArray
    deadline_s: FloatArray
    cancel_s: FloatArray
    priority: IntArray
    preemptible: IntArray
    queue: tuple[str, ...]
    user: tuple[str, ...]
    gang: tuple[str, ...]

    def __post_init__(self) -> None:
        check_columns(JOB_COLUMNS, columns_of(self))
        _check_devices(self)
        _check_bounds(self)
        _check_gangs(self)

    def __len__(self) -> int:
        return len(self.name)

    def elastic(self) -> BoolArray:
        """Return which rows may have more pods than they state, or fewer: (n_jobs,)."""
        least, most = self.bounds()
        return least < most

    def bounds(self) -> tuple[IntArray, IntArray]:
        """Return how few and how many pods each row may have: (n_jobs,) each."""
        return (
            np.where(self.min_pods > 0, self.min_pods, self.pods),
            np.where(self.max_pods > 0, self.max_pods, self.pods),
        )

    @classmethod
    def of(cls, **columns: Any) -> Self:
        """Make a table from columns given by name; columns left out take their default.

        Parameters
        ----------
        **columns
            Sequences of ``n_jobs`` values.

        Raises
        ------
        TypeError
            A column is unknown, missing or of the wrong type.
        BadRow
            A row breaks a rule of the table.
        """
        return cls(**with_milli(filled(JOB_COLUMNS, columns)))


def columns_of(table: JobTable) -> dict[str, Any]:
    """Return the columns of a job table by name, in file order."""
    return {column.name: getattr(table, column.name) for column in JOB_COLUMNS}


def with_milli(values: dict[str, Any]) -> dict[str, Any]:
    """Return columns by name with ``gpu_milli`` 0 where a default of whole GPUs meets no GPUs.

    Parameters
    ----------
    values
        The columns of ``JOB_COLUMNS`` by name.
    """
    count, milli = values["gpu_count"], values["gpu_milli"]
    return values | {"gpu_milli": np.where((count == 0) & (milli == GPU_MILLI), 0, milli)}


def markdown() -> str:
    """Return the columns as a Markdown table, for the documentation."""
    return markdown_table(JOB_COLUMNS)


def roles(gang: tuple[str, ...]) -> Mapping[str, list[int]]:
    """Return the rows of every gang, gangs and rows in file order.

    Parameters
    ----------
    gang
        The ``gang`` column.
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(gang):
        if name:
            rows.setdefault(name, []).append(row)
    return rows


def _check_devices(jobs: JobTable) -> None:
    """Check the rules that tie the GPU columns to ``gpu_count``."""
    with_gpus = jobs.gpu_count > 0
    if (bad := with_gpus & (jobs.gpu_milli == 0)).any():
        record = int(bad.argmax())
        problem = f"gpu_milli is 0 for a job with gpu_count {jobs.gpu_count[record]}"
        raise BadRow(record, problem, f"write 1 to {GPU_MILLI} ({GPU_MILLI} = a whole GPU)")
    for name in ("gpu_milli", "gpu_memory_mib"):
        amounts: IntArray = getattr(jobs, name)
        if (bad := ~with_gpus & (amounts != 0)).any():
            record = int(bad.argmax())
            problem = f"{name} is {amounts[record]} for a job with gpu_count 0"
            raise BadRow(record, problem, "write 0, or a gpu_count of 1 or more")
    if not any(jobs.mig_profile):
        return
    has_profile = np.fromiter(map(bool, jobs.mig_profile), dtype=np.bool_, count=len(jobs))
    if (bad := ~with_gpus & has_profile).any():
        record = int(bad.argmax())
        problem = f"mig_profile is {jobs.mig_profile[record]!r} for a job with gpu_count 0"
        raise BadRow(record, problem, "write the number of instances as gpu_count")


def _check_bounds(jobs: JobTable) -> None:
    """Check that elastic jobs have GPUs, are no roles, and state work for a size that they have."""
    least, most = jobs.bounds()
    for name, bad in (("min_pods", least > jobs.pods), ("max_pods", most < jobs.pods)):
        if bad.any():
            record = int(bad.argmax())
            amount: int = getattr(jobs, name)[record]
            side = "above" if name == "min_pods" else "below"
            problem = f"{name} is {amount}, {side} pods {jobs.pods[record]}"
            raise BadRow(record, problem, "give bounds on both sides of pods, or 0 for none")
    elastic = jobs.elastic()
    if not elastic.any():
        return
    if (bad := elastic & (jobs.gpu_count == 0)).any():
        problem = "an elastic job has gpu_count 0"
        raise BadRow(int(bad.argmax()), problem, "give its pods GPUs, or leave out its bounds")
    if any(jobs.gang):
        in_gang = np.fromiter(map(bool, jobs.gang), np.bool_, len(jobs))
        if (bad := elastic & in_gang).any():
            problem = "an elastic job is a role of a gang"
            raise BadRow(int(bad.argmax()), problem, "leave out its bounds, or its gang")


def check_alike(
    gang: Sequence[str], columns: Mapping[str, Any], names: Sequence[str], what: str
) -> None:
    """Check that all rows of a gang have one value, as one job does.

    Parameters
    ----------
    gang
        The ``gang`` column, ``(n_rows,)``.
    columns
        Columns by name; not-a-number equals itself.
    names
        The columns to check.
    what
        What the rows are, in the plural.

    Raises
    ------
    BadRow
        A row has another value than the first of its gang.
    """
    heads: dict[str, int] = {}
    pairs = [(row, heads.setdefault(name, row)) for row, name in enumerate(gang) if name]
    for column in names:
        values = columns[column]
        listed = values if isinstance(values, tuple) else values.tolist()
        for row, head in pairs:
            mine, first = listed[row], listed[head]
            if mine != first and (mine == mine or first == first):
                problem = (
                    f"{column} is {_escaped(mine)} in gang {_escaped(gang[row])},"
                    f" {_escaped(first)} in row {{also}}"
                )
                raise BadRow(row, problem, f"give all {what} of a gang one {column}", also=head)


def _escaped(value: str | float) -> str:
    """Return a value for a message that is a format string."""
    if isinstance(value, str):
        return shown(value).replace("{", "{{").replace("}", "}}")
    return f"{value:.15g}" if value == value else "empty"


_ONE_OF_A_GANG = (
    "arrival_s", "work_s", "priority", "preemptible", "queue", "user", "cancel_s", "deadline_s",
    "estimate_s", "job_type",
)  # fmt: skip


def _check_gangs(jobs: JobTable) -> None:
    """Check that the rows of one gang are one job."""
    if not any(jobs.gang):
        return
    gangs = set(jobs.gang)
    for row, name in enumerate(jobs.name):
        if name in gangs and not jobs.gang[row]:
            problem = f"the job {shown(name)} is alone, and a gang is named so too"
            raise BadRow(row, problem, "rename one of them")
    check_alike(jobs.gang, columns_of(jobs), _ONE_OF_A_GANG, "rows")
