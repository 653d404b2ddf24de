"""Readers for the job lists of published simulators: Muri, Chronus, Tiresias and ElasticFlow.

References
----------
https://github.com/Rivendile/Muri; https://github.com/S-Lab-System-Group/ChronusArtifact;
https://github.com/SymbioticLab/Tiresias; https://github.com/microsoft/elasticflow-traces
(``elasticflow-traces.tar.gz``, columns in its README) and https://github.com/pkusys/ElasticFlow
(``ElasticFlow/traces_for_ElasticFlow/``), whose simulator has its own names for them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bayplan.traces.columns import Column, FloatArray, shown
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import gpus_column, pods_of
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT

JOB_ID = Column("job_id", "str", "", "the job's name", required=True, unique=True)
MODEL = Column("model_name", "str", "", "what is trained", required=True)
NUM_GPU = gpus_column("num_gpu")
MS_PER_S = 1000
S_PER_MIN = 60


def _time(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "float64", unit, meaning, required=True, minimum=0, maximum=MAX_AMOUNT)


ITERATIONS = Column(
    "iterations", "float64", "iterations", "how much there is to do",
    required=True, minimum=0, maximum=MAX_AMOUNT,
)  # fmt: skip

MURI_COLUMNS: tuple[Column, ...] = (
    JOB_ID,
    NUM_GPU,
    _time("submit_time", "milliseconds", "when it is submitted"),
    ITERATIONS,
    MODEL,
    _time("iteration_time", "milliseconds", "time of one iteration"),
)
"""What is read of a Muri list."""

CHRONUS_COLUMNS: tuple[Column, ...] = (
    JOB_ID,
    Column("user", "str", "", "the virtual cluster", default=""),
    NUM_GPU,
    _time("submit_time", "minutes", "when it is submitted"),
    MODEL,
    _time("duration", "minutes", "how long it runs"),
    Column("expect_time_list", "str", "minutes", "deadlines after the submission", required=True),
    Column(
        "best_effort", "int64", "", "1 = without a deadline", required=True, minimum=0, maximum=1
    ),
)
"""What is read of a Chronus list."""

TIRESIAS_COLUMNS: tuple[Column, ...] = (
    JOB_ID,
    NUM_GPU,
    _time("submit_time", "seconds", "when it is submitted"),
    MODEL,
    _time("duration", "seconds", "how long it runs"),
    Column("interval", "float64", "seconds", "time since the job before", required=True),
)
"""What is read of a Tiresias list."""

ELASTICFLOW_COLUMNS: tuple[Column, ...] = (
    JOB_ID,
    _time("submission_time", "seconds", "when it is submitted"),
    MODEL,
    _time("deadline", "seconds", "when it should be done"),
    NUM_GPU,
    _time("duration", "seconds", "how long it runs"),
)
"""What is read of an ElasticFlow list as it was published."""

ELASTICFLOW_SIMULATOR_COLUMNS: tuple[Column, ...] = (
    JOB_ID,
    _time("submit_time", "seconds", "when it is submitted"),
    MODEL,
    _time("ddl", "seconds", "when it should be done"),
    NUM_GPU,
    _time("duration", "seconds", "how long it runs"),
)
"""What is read of a list of ElasticFlow's simulator."""


def jobs_from_muri(file: TableFile) -> JobTable:
    """Read a Muri list; ``work_s`` is iterations × iteration time.

    Parameters
    ----------
    file
        A file with the columns of ``MURI_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = file.read(MURI_COLUMNS)
    return JobTable.of(
        name=columns["job_id"],
        arrival_s=columns["submit_time"] / MS_PER_S,
        work_s=columns["iterations"] * columns["iteration_time"] / MS_PER_S,
        job_type=columns["model_name"],
        **pods_of(columns["num_gpu"]),
    )


def jobs_from_chronus(file: TableFile) -> JobTable:
    """Read a Chronus list; of several deadlines the first, which has the full value, is kept.

    Parameters
    ----------
    file
        A file with the columns of ``CHRONUS_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = file.read(CHRONUS_COLUMNS)
    submitted: FloatArray = columns["submit_time"]
    expected = np.array(
        [_first_time(file, row, cell) for row, cell in enumerate(columns["expect_time_list"])]
    )
    deadline_min = np.where(columns["best_effort"] == 1, math.nan, submitted + expected)
    return JobTable.of(
        name=columns["job_id"],
        arrival_s=submitted * S_PER_MIN,
        work_s=columns["duration"] * S_PER_MIN,
        deadline_s=deadline_min * S_PER_MIN,
        job_type=columns["model_name"],
        queue=columns["user"],
        **pods_of(columns["num_gpu"]),
    )


def jobs_from_tiresias(file: TableFile) -> JobTable:
    """Read a Tiresias list; ``work_s`` is its duration.

    Parameters
    ----------
    file
        A file with the columns of ``TIRESIAS_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = file.read(TIRESIAS_COLUMNS)
    return JobTable.of(
        name=columns["job_id"],
        arrival_s=columns["submit_time"],
        work_s=columns["duration"],
        job_type=columns["model_name"],
        **pods_of(columns["num_gpu"]),
    )


def jobs_from_elasticflow(file: TableFile) -> JobTable:
    """Read an ElasticFlow list as it was published.

    Parameters
    ----------
    file
        A file with the columns of ``ELASTICFLOW_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    return _with_deadlines(file.read(ELASTICFLOW_COLUMNS), "submission_time", "deadline")


def jobs_from_elasticflow_simulator(file: TableFile) -> JobTable:
    """Read a list of ElasticFlow's simulator.

    Parameters
    ----------
    file
        A file with the columns of ``ELASTICFLOW_SIMULATOR_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    return _with_deadlines(file.read(ELASTICFLOW_SIMULATOR_COLUMNS), "submit_time", "ddl")


def _with_deadlines(columns: dict[str, Any], arrival: str, deadline: str) -> JobTable:
    """Return jobs whose deadlines are on the clock of their arrivals."""
    return JobTable.of(
        name=columns["job_id"],
        arrival_s=columns[arrival],
        work_s=columns["duration"],
        deadline_s=columns[deadline],
        job_type=columns["model_name"],
        **pods_of(columns["num_gpu"]),
    )


def _first_time(file: TableFile, record: int, cell: str) -> int:
    first = cell.partition("-")[0]
    if not (first.isascii() and first.isdigit() and len(first) < 13):
        problem = f"expect_time_list is {shown(cell)}, not whole minutes joined by hyphens"
        raise file.error(problem, "write it as 159-189-229", record=record)
    return int(first)
