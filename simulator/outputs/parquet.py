"""Jobs and time series as tables and as Parquet files; Polars is imported when one is made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from bayplan.simulator.core.results import JobResults, Series, Status
from bayplan.traces.jobs import JobTable, columns_of

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP = 2**18
"""Rows that are packed together: stated, so that it does not follow the number of threads."""


def job_frame(jobs: JobTable, results: JobResults) -> pl.DataFrame:
    """Return a row a row of the job table: its columns, then what became of it.

    ``status`` is a text in lower case; times that never came are null.

    Parameters
    ----------
    jobs
        The table.
    results
        What became of its rows.
    """
    found = _arrays(results)
    names = np.array([status.name.lower() for status in Status])
    found["status"] = names[results.status].tolist()
    return _framed(columns_of(jobs) | found)


def series_frame(series: Series) -> pl.DataFrame:
    """Return a row a sample; what was not measured is null.

    Parameters
    ----------
    series
        The cluster over time.
    """
    return _framed(_arrays(series))


def jobs_bytes(jobs: JobTable, results: JobResults) -> bytes:
    """Return ``job_frame`` as a Parquet file.

    Parameters
    ----------
    jobs
        The table.
    results
        What became of its rows.
    """
    return packed(job_frame(jobs, results))


def series_bytes(series: Series) -> bytes:
    """Return ``series_frame`` as a Parquet file.

    Parameters
    ----------
    series
        The cluster over time.
    """
    return packed(series_frame(series))


def packed(frame: pl.DataFrame) -> bytes:
    """Return a table as a Parquet file: same values, same bytes, on any number of threads.

    Parameters
    ----------
    frame
        The table.
    """
    out = io.BytesIO()
    frame.write_parquet(
        out, compression="zstd", compression_level=3, statistics=True, row_group_size=ROW_GROUP
    )
    return out.getvalue()


def _arrays(value: JobResults | Series) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _framed(columns: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        [
            pl.Series(name, values, dtype=pl.String)
            if isinstance(values, list | tuple)
            else pl.Series(name, values, nan_to_null=values.dtype.kind == "f")
            for name, values in columns.items()
        ]
    )
