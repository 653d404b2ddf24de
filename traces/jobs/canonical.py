"""Bayplan's own job files, CSV or Parquet: the columns of the job table as they are."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bayplan.traces import parquet
from bayplan.traces.canonical import text_of
from bayplan.traces.columns import BadRow, Column
from bayplan.traces.files import PathLike, write_text
from bayplan.traces.jobs.schema import JOB_COLUMNS, JobTable, columns_of, with_milli
from bayplan.traces.reading import TableFile


def jobs_from_file(file: TableFile) -> JobTable:
    """Read the job table from an opened file.

    Parameters
    ----------
    file
        A file with the columns of ``JOB_COLUMNS``; optional ones may be left out.

    Raises
    ------
    InputError
        A column is missing or a cell breaks a rule.
    BadRow
        Columns of a row do not go together.
    """
    jobs = JobTable(**with_milli(file.read(JOB_COLUMNS)))
    _check_times(jobs)
    return jobs


def write_jobs(jobs: JobTable, path: PathLike) -> None:
    """Write the job table so that reading it gives the same table back, bit by bit.

    Parameters
    ----------
    jobs
        The table.
    path
        The file, written whole or not at all: Parquet when its name ends in ``.parquet``, else
        CSV, packed by gzip when the name ends in ``.gz``.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    if os.fspath(path).endswith(parquet.SUFFIX):
        values = columns_of(jobs)
        parquet.write_parquet(_written(values), values, path)
    else:
        write_text(path, csv_text(jobs))


def csv_text(jobs: JobTable) -> str:
    """Return the job table as the text of its CSV file.

    Parameters
    ----------
    jobs
        The table; an optional column in which every row has the default is left out.
    """
    values = columns_of(jobs)
    return text_of(_written(values), values)


def _check_times(jobs: JobTable) -> None:
    """Check that no job is withdrawn before it is there: a slip in a file."""
    if (bad := jobs.cancel_s < jobs.arrival_s).any():
        record = int(bad.argmax())
        cancelled, arrived = jobs.cancel_s[record], jobs.arrival_s[record]
        problem = f"cancel_s is {cancelled:.15g}, before arrival_s {arrived:.15g}"
        raise BadRow(record, problem, "write a later time, or leave it empty")


def _written(values: dict[str, Any]) -> list[Column]:
    return [each for each in JOB_COLUMNS if each.required or not _is_default(each, values)]


def _is_default(column: Column, values: dict[str, Any]) -> bool:
    value = values[column.name]
    if column.dtype == "str":
        return not any(value)
    if column.name == "gpu_milli":
        return bool((value == np.where(values["gpu_count"] > 0, column.default, 0)).all())
    if column.default != column.default:
        return bool(np.isnan(value).all())
    return bool((value == column.default).all())
