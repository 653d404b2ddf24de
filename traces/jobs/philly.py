"""Reader for job lists of two production clusters: Philly and ITP.

References
----------
https://github.com/msr-fiddle/philly-traces, in the form that the Pollux simulator uses;
https://github.com/microsoft/elasticflow-traces.
"""

from __future__ import annotations

import numpy as np

from bayplan.traces.columns import Column
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import gpus_column, pods_of
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT
from bayplan.traces.stamps import seconds_of

DURATION = Column(
    "duration", "float64", "seconds", "how long it ran",
    required=True, minimum=0, maximum=MAX_AMOUNT,
)  # fmt: skip

PHILLY_COLUMNS: tuple[Column, ...] = (
    Column("timestamp", "str", "", "when it was submitted", required=True),
    DURATION,
    gpus_column("num_gpus"),
    Column("cluster", "str", "", "the virtual cluster", default=""),
)
"""What is read of a Philly list."""

ITP_COLUMNS: tuple[Column, ...] = (
    Column("job_id", "str", "", "the job's name", required=True, unique=True),
    Column(
        "submission_time", "float64", "seconds", "when it was submitted",
        required=True, minimum=0, maximum=MAX_AMOUNT,
    ),
    DURATION,
    gpus_column("num_gpu"),
)  # fmt: skip
"""What is read of an ITP list."""


def jobs_from_philly(file: TableFile) -> JobTable:
    """Read a Philly list: sorted by time, equal times in the order of the file.

    ``arrival_s`` counts from the first submission. A job's name is ``philly-`` and its row in
    the file, counted from 0; its virtual cluster becomes the queue.

    Parameters
    ----------
    file
        A file with the columns of ``PHILLY_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = file.read(PHILLY_COLUMNS)
    seconds = seconds_of(file, "timestamp", columns["timestamp"])
    order = np.argsort(seconds, kind="stable")
    rows = order.tolist()
    clusters = columns["cluster"]
    return JobTable.of(
        name=[f"philly-{row}" for row in rows],
        arrival_s=(seconds - seconds.min())[order],
        work_s=columns["duration"][order],
        queue=[clusters[row] for row in rows],
        **pods_of(columns["num_gpus"][order]),
    )


def jobs_from_itp(file: TableFile) -> JobTable:
    """Read an ITP list, in the order of the file.

    Parameters
    ----------
    file
        A file with the columns of ``ITP_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = file.read(ITP_COLUMNS)
    return JobTable.of(
        name=columns["job_id"],
        arrival_s=columns["submission_time"],
        work_s=columns["duration"],
        **pods_of(columns["num_gpu"]),
    )
