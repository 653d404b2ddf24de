"""Readers for Alibaba's PAI trace of 2020: its task table, and its instance table.

A job has one task a role (``ps``, ``worker``), and a task has so many instances alike. The tables
come without headers, in archives of one file each; both are read as they are, and with a header
too. Each table has a part of what a job is, so others are looked for in the same folder:
``pai_job_table`` for the submission and the user, where it is there, and ``pai_task_table`` for
what the instances ask for.

References
----------
https://github.com/alibaba/clusterdata, ``cluster-trace-gpu-v2020/README.md`` for the columns and
their units; ``plan_mem`` is a multiple of 1/1024 there, so its GB are 1024 MiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayplan.traces.columns import Column, FloatArray, IntArray
from bayplan.traces.files import PathLike, display
from bayplan.traces.jobs.leaving import LATER_END, kept_rows, read_logged
from bayplan.traces.jobs.naming import distinct
from bayplan.traces.jobs.schema import MAX_JOB_PODS, JobTable
from bayplan.traces.jobs.shapes import MIB_PER_GIB, each_of, shares_of, taken
from bayplan.traces.reading import TableFile, open_csv
from bayplan.traces.schema import MAX_AMOUNT, MAX_NODE_GPUS, NAN

JOB, TASK, INSTANCE = "pai_job_table", "pai_task_table", "pai_instance_table"
SUFFIXES = (".csv", ".csv.gz", ".tar.gz")
STATES = frozenset({"Terminated", "Failed", "Running", "Waiting", "Interrupted"})
HEADERS: dict[str, tuple[str, ...]] = {
    JOB: ("job_name", "inst_id", "user", "status", "start_time", "end_time"),
    TASK: (
        "job_name", "task_name", "inst_num", "status", "start_time", "end_time", "plan_cpu",
        "plan_mem", "plan_gpu", "gpu_type",
    ),
    INSTANCE: (
        "job_name", "task_name", "inst_name", "worker_name", "inst_id", "status", "start_time",
        "end_time", "machine",
    ),
}  # fmt: skip
"""The columns of the tables, which their files leave out."""

PERCENT = 100
MILLI_PER_PERCENT = 10


def _time(name: str, meaning: str) -> Column:
    return Column(
        name, "float64", "seconds", f"{meaning}; empty = not known",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    )  # fmt: skip


def _text(name: str, meaning: str) -> Column:
    return Column(name, "str", "", meaning, required=True)


def _number(name: str, unit: str, meaning: str, maximum: int) -> Column:
    return Column(name, "float64", unit, meaning, minimum=0, maximum=maximum)


_IDS = (_text("job_name", "the job's name"), _text("task_name", "the task's role"))
_NAMES = ("job_name", "task_name")

TASK_COLUMNS: tuple[Column, ...] = (
    *_IDS,
    Column(
        "inst_num", "float64", "instances", "instances of the task",
        required=True, minimum=0, maximum=MAX_JOB_PODS,
    ),
    _time("start_time", "when it started"),
    _time("end_time", "when it ended"),
    Column(
        "plan_cpu", "float64", "percent of a core", "CPU of an instance",
        required=True, default=0, minimum=0, maximum=MAX_AMOUNT // MILLI_PER_PERCENT,
    ),
    _number("plan_mem", "GB", "memory of an instance", MAX_AMOUNT // MIB_PER_GIB),
    _number("plan_gpu", "percent of a GPU", "GPUs of an instance", PERCENT * MAX_NODE_GPUS),
)  # fmt: skip
"""What is read of the task table. The GPU type is what it got, and so is not asked for."""

INSTANCE_COLUMNS: tuple[Column, ...] = (
    *_IDS,
    _text("worker_name", "the instance's name"),
    _time("start_time", "when it started"),
    _time("end_time", "when it ended"),
)
"""What is read of the instance table."""

JOB_TABLE_COLUMNS: tuple[Column, ...] = (
    _text("job_name", "the job's name"),
    _text("inst_id", "its other name"),
    Column("user", "str", "", "who submitted it", default=""),
    _time("start_time", "when it was submitted"),
)
"""What is read of the job table."""


@dataclass(frozen=True, slots=True)
class _Tasks:
    """Tasks that ran, one row each: what they are called, ask for, and when they ran."""

    job: Sequence[str]
    task: Sequence[str]
    pods: IntArray
    start_s: FloatArray
    end_s: FloatArray
    plans: dict[str, Any]


def header_of(cells: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns of a table without a header, by the cells of its first row.

    Parameters
    ----------
    cells
        The cells.
    """
    for header in HEADERS.values():
        if len(cells) == len(header) and cells[header.index("status")] in STATES:
            return header
    return None


def jobs_from_tasks(file: TableFile, path: PathLike) -> JobTable:
    """Read the task table: a job with several tasks is a gang with a row for each.

    A job arrives when it was submitted, by the job table if that is in the same folder, else when
    its first task started; arrivals count from the first. It runs from the start of its first task
    to the end of its last. Tasks without a start or an end are left out, with a warning.

    Parameters
    ----------
    file
        A file with the columns of ``TASK_COLUMNS``.
    path
        Where it is.

    Raises
    ------
    InputError
        A column is missing, a row breaks a rule, or no task ran.
    """
    columns = read_logged(file, TASK_COLUMNS, _NAMES)
    start, end = columns["start_time"], columns["end_time"]
    pods = columns["inst_num"]
    rows = kept_rows(file, (end >= start) & (pods >= 1), f"an instance, {LATER_END}")
    tasks = _Tasks(
        job=taken(columns["job_name"], rows),
        task=taken(columns["task_name"], rows),
        pods=np.ceil(pods[rows]).astype(np.int64),
        start_s=start[rows],
        end_s=end[rows],
        plans={name: columns[name][rows] for name in ("plan_cpu", "plan_mem", "plan_gpu")},
    )
    return _jobs(tasks, path, TASK)


def jobs_from_instances(file: TableFile, path: PathLike) -> JobTable:
    """Read the instance table, and the task table in the same folder for what instances ask for.

    As ``jobs_from_tasks``, but times and numbers are those of the instances that ran: a task has
    as many pods as instances with a start and an end.

    Parameters
    ----------
    file
        A file with the columns of ``INSTANCE_COLUMNS``.
    path
        Where it is.

    Raises
    ------
    InputError
        A column is missing, a row breaks a rule, no instance ran, or the task table is missing or
        lacks a task.
    """
    beside = _beside(path, INSTANCE, TASK)
    if beside is None:
        problem = f"what the instances ask for is in {TASK}.csv, which is not in the same folder"
        raise file.error(problem, "put it there")
    columns = read_logged(file, INSTANCE_COLUMNS, _NAMES)
    start, end = columns["start_time"], columns["end_time"]
    rows = kept_rows(file, end >= start, LATER_END)
    keys: dict[tuple[str, str], int] = {}
    pairs = zip(taken(columns["job_name"], rows), taken(columns["task_name"], rows), strict=True)
    codes = np.array([keys.setdefault(pair, len(keys)) for pair in pairs])
    first = np.full(len(keys), np.inf)
    last = np.full(len(keys), -np.inf)
    np.minimum.at(first, codes, start[rows])
    np.maximum.at(last, codes, end[rows])
    plans = _plans_of(beside, list(keys), file, dict(zip(keys, _firsts(codes, rows), strict=True)))
    job, task = zip(*keys, strict=True)
    return _jobs(_Tasks(job, task, np.bincount(codes), first, last, plans), path, INSTANCE)


def _firsts(codes: IntArray, rows: list[int]) -> list[int]:
    """Return the first row of the file of each code."""
    _, places = np.unique(codes, return_index=True)
    return [rows[place] for place in places.tolist()]


def _plans_of(
    beside: Path,
    keys: list[tuple[str, str]],
    file: TableFile,
    records: dict[tuple[str, str], int],
) -> dict[str, Any]:
    """Return what tasks ask for, by the task table."""
    columns = read_logged(open_csv(beside, header_of=header_of), TASK_COLUMNS, _NAMES)
    row_of = {
        pair: row
        for row, pair in enumerate(zip(columns["job_name"], columns["task_name"], strict=True))
    }
    for key in keys:
        if key not in row_of:
            problem = f"task {key[1]} of job {key[0]} is not in {display(beside)}"
            raise file.error(problem, "use the tables of one trace", record=records[key])
    rows = [row_of[key] for key in keys]
    return {name: columns[name][rows] for name in ("plan_cpu", "plan_mem", "plan_gpu")}


def _jobs(tasks: _Tasks, path: PathLike, table: str) -> JobTable:
    """Return the jobs, sorted by arrival, the tasks of one in the order of the file."""
    codes: dict[str, int] = {}
    of = np.array([codes.setdefault(job, len(codes)) for job in tasks.job])
    first = np.full(len(codes), np.inf)
    last = np.full(len(codes), -np.inf)
    np.minimum.at(first, of, tasks.start_s)
    np.maximum.at(last, of, tasks.end_s)
    arrival, users = _submissions(path, table, list(codes), first)
    sizes = np.bincount(of)
    order = np.lexsort((of, arrival[of]))
    rows = order.tolist()
    shares = shares_of(tasks.plans["plan_gpu"] / PERCENT)
    one = np.ones(len(of), dtype=np.int64)
    cores = each_of(tasks.plans["plan_cpu"], one, MILLI_PER_PERCENT)
    memory = each_of(tasks.plans["plan_mem"], one, MIB_PER_GIB)
    alone = (sizes[of] == 1).tolist()
    return JobTable.of(
        name=distinct(
            [
                tasks.job[row] if alone[row] else f"{tasks.job[row]}/{tasks.task[row]}"
                for row in rows
            ]
        ),
        gang=["" if alone[row] else tasks.job[row] for row in rows],
        arrival_s=(arrival - arrival.min())[of[order]],
        work_s=(last - first)[of[order]],
        pods=tasks.pods[order],
        cpu_milli=cores[order],
        memory_mib=memory[order],
        user=[users[of_row] for of_row in of[order].tolist()],
        **{name: values[order] for name, values in shares.items()},
    )


def _submissions(
    path: PathLike, table: str, jobs: list[str], first: FloatArray
) -> tuple[FloatArray, list[str]]:
    """Return when jobs were submitted, and by whom, as far as a job table says so."""
    beside = _beside(path, table, JOB)
    if beside is None:
        return first, [""] * len(jobs)
    columns = read_logged(open_csv(beside, header_of=header_of), JOB_TABLE_COLUMNS, _NAMES)
    row_of = {job: row for row, job in enumerate(columns["job_name"])}
    rows = np.array([row_of.get(job, -1) for job in jobs])
    submitted = np.where(rows >= 0, columns["start_time"][rows], np.nan)
    # What started before it was submitted was submitted then.
    arrival = np.fmin(submitted, first)
    return arrival, [columns["user"][row] if row >= 0 else "" for row in rows.tolist()]


def _beside(path: PathLike, table: str, other: str) -> Path | None:
    """Return another table of the trace in the folder of a file named like one of them."""
    here = Path(path)
    if table not in here.name:
        return None
    stem = here.name[: here.name.index(table)] + other
    folder = [here.with_name(stem + suffix) for suffix in SUFFIXES]
    return next((each for each in folder if each.is_file()), None)
