"""Reader for job lists of two production clusters: Philly and ITP.

References
----------
https://github.com/msr-fiddle/philly-traces, in the form that the Pollux simulator uses;
https://github.com/microsoft/elasticflow-traces.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayplan.traces.columns import Column, FloatArray, shown
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import gpus_column, pods_of
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT

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

STAMP = "2017-10-09 07:01:55"
_DIGITS = np.array([mark.isdigit() for mark in STAMP])
_MARKS = np.frombuffer(STAMP.encode(), dtype=np.uint8)


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
    seconds = _seconds(file, columns["timestamp"])
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


def _seconds(file: TableFile, stamps: Sequence[str]) -> FloatArray:
    """Return seconds since 1970 of time stamps, which are taken as they stand."""
    try:
        raw = np.array(stamps, dtype=np.bytes_)
    except UnicodeEncodeError:
        raw = np.empty(0, dtype="S1")
    if raw.dtype.itemsize == len(STAMP):
        letters = raw.view(np.uint8).reshape(len(stamps), len(STAMP))
        digits = letters[:, _DIGITS]
        plain = (digits >= ord("0")) & (digits <= ord("9"))
        if plain.all() and (letters[:, ~_DIGITS] == _MARKS[~_DIGITS]).all():
            try:
                return np.asarray(raw.astype("U").astype("datetime64[s]").astype(np.float64))
            except ValueError:
                pass  # a month 13: found below
    for record, stamp in enumerate(stamps):
        if not _is_stamp(stamp):
            problem = f"timestamp is {shown(stamp)}, not a time"
            raise file.error(problem, f"write it as {STAMP}", record=record)
    raise AssertionError("no row is at fault")


def _is_stamp(text: str) -> bool:
    if len(text) != len(STAMP) or not text.isascii():
        return False
    if any(mark.isdigit() != each.isdigit() for mark, each in zip(STAMP, text, strict=True)):
        return False
    if any(mark != each for mark, each in zip(STAMP, text, strict=True) if not mark.isdigit()):
        return False
    try:
        np.datetime64(text, "s")
    except ValueError:
        return False
    return True
