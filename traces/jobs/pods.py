"""Jobs from pods whose run time is known: pod tables, openb lists, the built-in trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayplan.traces import openb
from bayplan.traces.builtin import builtin_pods
from bayplan.traces.columns import BadRow, Column
from bayplan.traces.jobs.schema import (
    MAX_JOB_PODS,
    MAX_PRIORITY,
    MIN_PRIORITY,
    JobTable,
    check_alike,
)
from bayplan.traces.jobs.shapes import taken
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import (
    MAX_AMOUNT,
    MAX_NODE_GPUS,
    NAN,
    POD_COLUMNS,
    PodTable,
    columns_of,
)

TABLE_COLUMNS: tuple[Column, ...] = tuple(
    replace(each, required=True) if each.name == "duration_s" else each for each in POD_COLUMNS
)
"""The pod table as a job list: run times are required."""

OPENB_COLUMNS: tuple[Column, ...] = (
    *(
        replace(each, required=True, default=0) if each.name == "deletion_time" else each
        for each in openb.POD_COLUMNS
    ),
    Column(
        "scheduled_time", "float64", "seconds", "when it starts",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    ),
)  # fmt: skip
"""What is read of an openb pod list."""

_ONE_OF_A_GANG = ("arrival_s", "duration_s", "priority", "queue", "user")

_SHAPE = (
    "cpu_milli", "memory_mib", "gpu_count", "gpu_milli", "gpu_memory_mib", "gpu_models",
    "mig_profile",
)  # fmt: skip


def builtin_jobs() -> JobTable:
    """Return the jobs of the built-in trace."""
    return jobs_from_pods(builtin_pods())


def jobs_from_pods(pods: PodTable) -> JobTable:
    """Turn pods into jobs, in the order of the table.

    Pods of one gang that ask for the same become one row, named after the first of them, with
    ``pods`` of their number; those that ask for something else become another row of the gang.
    Nodes that pods run on are passed over.

    Parameters
    ----------
    pods
        The pods; all with a run time, and those of a gang with one arrival, run time, priority,
        queue and user.

    Raises
    ------
    BadRow
        A pod's run time is unknown, its priority is none of a job, or the pods of a gang differ
        in what they have in common.
    """
    columns = columns_of(pods)
    _check(pods)
    first, counts = _grouped(columns)
    work = columns.pop("duration_s")
    del columns["node"]
    values = {name: taken(column, first) for name, column in columns.items()}
    return JobTable.of(**values, work_s=work[first], pods=np.array(counts, dtype=np.int64))


def jobs_from_table(file: TableFile) -> JobTable:
    """Read a pod table as jobs.

    Parameters
    ----------
    file
        A file with the columns of the pod table, run times among them.

    Raises
    ------
    InputError
        A column is missing or a cell breaks a rule.
    BadRow
        As ``jobs_from_pods``.
    """
    return jobs_from_pods(PodTable(**file.read(TABLE_COLUMNS)))


def jobs_from_openb(file: TableFile) -> JobTable:
    """Read an openb pod list in time: each pod is a job of its own.

    ``arrival_s`` is ``creation_time``; ``work_s`` runs from ``scheduled_time``, where there is one,
    else from ``creation_time``, to ``deletion_time``. Shapes are as ``read_pods`` has them.

    Parameters
    ----------
    file
        A file with the columns of ``OPENB_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = file.read(OPENB_COLUMNS)
    openb.check_pods(file, columns)
    scheduled, created = columns["scheduled_time"], columns["creation_time"]
    start = np.where(np.isnan(scheduled), created, scheduled)
    work = columns["deletion_time"] - start
    if (bad := work < 0).any():
        record = int(bad.argmax())
        gone = columns["deletion_time"][record]
        problem = f"deletion_time {gone:.15g} is before scheduled_time {start[record]:.15g}"
        raise file.error(problem, "correct one of them", record=record)
    return JobTable.of(**openb.shapes_of(columns), arrival_s=created, work_s=work)


def _check(pods: PodTable) -> None:
    if (bad := np.isnan(pods.duration_s)).any():
        fix = "write the seconds that it runs, or leave the pod out"
        raise BadRow(int(bad.argmax()), "duration_s is empty, so its work is unknown", fix)
    if (bad := pods.gpu_count > MAX_NODE_GPUS).any():
        record = int(bad.argmax())
        problem = f"gpu_count is {pods.gpu_count[record]}, above {MAX_NODE_GPUS}"
        raise BadRow(record, problem, "split it into pods of a gang")
    if (bad := (pods.priority < MIN_PRIORITY) | (pods.priority > MAX_PRIORITY)).any():
        record = int(bad.argmax())
        problem = f"priority is {pods.priority[record]}, no priority of a job"
        raise BadRow(record, problem, f"write {MIN_PRIORITY} to {MAX_PRIORITY}")
    check_alike(pods.gang, columns_of(pods), _ONE_OF_A_GANG, "pods")


def _grouped(columns: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Return the first pod of every row to be, and how many pods it stands for."""
    gangs = columns["gang"]
    if not any(gangs):
        return list(range(len(gangs))), [1] * len(gangs)
    shapes = zip(*(_listed(columns[name]) for name in _SHAPE), strict=True)
    rows: dict[Any, int] = {}
    first: list[int] = []
    counts: list[int] = []
    for record, (gang, shape) in enumerate(zip(gangs, shapes, strict=True)):
        # A pod without a gang is a job of its own, whatever it looks like.
        place = rows.setdefault((gang, shape) if gang else record, len(first))
        if place == len(first) or counts[place] == MAX_JOB_PODS:
            rows[(gang, shape) if gang else record] = len(first)
            first.append(record)
            counts.append(1)
        else:
            counts[place] += 1
    return first, counts


def _listed(column: Any) -> Any:
    return column if isinstance(column, tuple) else column.tolist()
