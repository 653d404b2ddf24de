"""Jobs, time series, stints and nodes as tables and Parquet files; Polars is imported for one."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from bayplan.scheduler.sharing import sharing_of
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.simulator.core.results import Absence, JobResults, Series, Status
from bayplan.simulator.core.services.outcome import ServiceOutcome, ServiceSeries
from bayplan.simulator.core.stints import Stints
from bayplan.traces.jobs import JobTable, columns_of

if TYPE_CHECKING:
    import polars as pl

_OF_ELASTIC = ("min_pods", "max_pods", "resizes")

ROW_GROUP = 2**18
"""Rows that are packed together: stated, so that it does not follow the number of threads."""


def job_frame(jobs: JobTable, results: JobResults) -> pl.DataFrame:
    """Return a row a row of the job table: its columns, then what became of it.

    ``status`` is a text in lower case; times that never came are null. What is about elastic jobs
    alone is there only if there are any.

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
    columns = columns_of(jobs) | found
    if not jobs.elastic().any():
        columns = {name: each for name, each in columns.items() if name not in _OF_ELASTIC}
    return _framed(columns)


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


def stints_bytes(stints: Stints, jobs: JobTable) -> bytes:
    """Return a row a stint, by start; the end of what still ran is null.

    Parameters
    ----------
    stints
        Who was on which GPU.
    jobs
        The table that its rows are of.
    """
    rows = stints.row.tolist()
    return packed(
        _framed(
            {
                "job": [jobs.gang[row] or jobs.name[row] for row in rows],
                "row": stints.row.astype(np.int32),
                "node": [stints.names[node] for node in stints.node.tolist()],
                "gpu": stints.gpu.astype(np.int32),
                "slice_start": stints.slice_start.astype(np.int32),
                "slice_size": stints.slice_size.astype(np.int32),
                "profile": [stints.profiles[profile] for profile in stints.profile.tolist()],
                "milli": stints.milli.astype(np.int32),
                "start_s": stints.start_s,
                "end_s": stints.end_s,
            }
        )
    )


def nodes_bytes(nodes: Sequence[Node]) -> bytes:
    """Return a row a node; ``gpu_capacity_milli`` is what its GPUs hand out in all.

    Parameters
    ----------
    nodes
        The cluster.
    """
    return packed(
        _framed(
            {
                "name": [node.name for node in nodes],
                "cpu_milli": np.array([node.cpu_milli for node in nodes], np.int64),
                "memory_mib": np.array([node.memory_mib for node in nodes], np.int64),
                "gpu_count": np.array([node.gpu_count for node in nodes], np.int32),
                "gpu_model": [node.gpu_model for node in nodes],
                "gpu_memory_mib": np.array([node.gpu_memory_mib for node in nodes], np.int64),
                "gpu_capacity_milli": np.array([_capacity_milli(node) for node in nodes], np.int64),
            }
        )
    )


def away_bytes(absences: Sequence[Absence]) -> bytes:
    """Return a row for each time that a node was not there.

    Parameters
    ----------
    absences
        Those of a run.
    """
    return packed(
        _framed(
            {
                "node": [each.node for each in absences],
                "from_s": np.array([each.from_s for each in absences], np.float64),
                "until_s": np.array([each.until_s for each in absences], np.float64),
            }
        )
    )


def service_frame(services: ServiceOutcome) -> pl.DataFrame:
    """Return a row a service and sample, the service by its name; what says nothing is null.

    Parameters
    ----------
    services
        Those of a run.
    """
    columns = _arrays(services.series)
    named = [each.name for each in services.totals]
    columns["service"] = [named[number] for number in services.series.service.tolist()]
    return _framed(columns)


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


def _capacity_milli(node: Node) -> int:
    each = (sharing_of(node.sharing, gpu) for gpu in range(node.gpu_count))
    return sum(getattr(sharing, "capacity_milli", GPU_MILLI) for sharing in each)


def _arrays(value: JobResults | Series | ServiceSeries) -> dict[str, Any]:
    every = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: array for name, array in every if array is not None}


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
