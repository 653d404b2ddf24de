"""Jobs and time series as Parquet files; Polars is imported when one is written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from bayplan.simulator.core.results import JobResults, Series, Status
from bayplan.traces.jobs import JobTable, columns_of

ROW_GROUP = 2**18
"""Rows that are packed together: stated, so that it does not follow the number of threads."""


def jobs_bytes(jobs: JobTable, results: JobResults) -> bytes:
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
    return _packed(columns_of(jobs) | found)


def series_bytes(series: Series) -> bytes:
    """Return a row a sample; what was not measured is null.

    Parameters
    ----------
    series
        The cluster over time.
    """
    return _packed(_arrays(series))


def _arrays(value: JobResults | Series) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _packed(columns: Mapping[str, Any]) -> bytes:
    """Return columns as a Parquet file: same values, same bytes, on any number of threads."""
    import polars as pl

    made = [
        pl.Series(name, values, dtype=pl.String)
        if isinstance(values, list | tuple)
        else pl.Series(name, values, nan_to_null=values.dtype.kind == "f")
        for name, values in columns.items()
    ]
    out = io.BytesIO()
    pl.DataFrame(made).write_parquet(
        out, compression="zstd", compression_level=3, statistics=True, row_group_size=ROW_GROUP
    )
    return out.getvalue()
