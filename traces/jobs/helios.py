"""Readers for the job logs of two data centres of one lab: Helios and Acme.

References
----------
https://github.com/S-Lab-System-Group/HeliosData (``data/*/cluster_log.csv``, April to September
2020); https://github.com/InternLM/AcmeTrace (``trace_seren.csv`` and ``trace_kalos.csv``, March to
August 2023). The columns and their units are those of the two README files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayplan.traces.columns import Column, FloatArray
from bayplan.traces.jobs.leaving import LATER_END, kept_rows, read_logged
from bayplan.traces.jobs.naming import distinct
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import (
    MIB_PER_GIB,
    MILLI_PER_CORE,
    each_of,
    gpus_column,
    pods_on,
    taken,
)
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT, NAN
from bayplan.traces.stamps import seconds_of

MAX_NODES = 10**5
NO_TIME = frozenset({"", "None", "NaT", "nan", "Unknown"})
"""What the logs write where there is no time."""


def _amount(name: str, unit: str, meaning: str, small: int = 1, **more: Any) -> Column:
    """Return a column of which ``small`` small units are one."""
    return Column(name, "float64", unit, meaning, minimum=0, maximum=MAX_AMOUNT // small, **more)


def _text(name: str, meaning: str) -> Column:
    return Column(name, "str", "", meaning, required=True)


_COMMON: tuple[Column, ...] = (
    Column("job_id", "str", "", "the job's name", required=True),
    _text("user", "who submitted it"),
    gpus_column("gpu_num"),
    _amount("cpu_num", "cores", "cores of the job", MILLI_PER_CORE, required=True),
    Column(
        "node_num", "int64", "nodes", "nodes that it ran on",
        required=True, minimum=0, maximum=MAX_NODES,
    ),
    _text("submit_time", "when it was submitted"),
)  # fmt: skip

_NEEDED = ("job_id", "gpu_num", "submit_time")

HELIOS_COLUMNS: tuple[Column, ...] = (
    *_COMMON,
    _text("vc", "the virtual cluster"),
    _text("state", "how it ended"),
    _amount("duration", "seconds", "how long it ran", required=True, default=NAN),
)
"""What is read of a Helios log."""

ACME_COLUMNS: tuple[Column, ...] = (
    *_COMMON,
    _text("type", "what kind of work it is"),
    _text("state", "how it ended"),
    Column("start_time", "str", "", "when it started", default=""),
    Column("end_time", "str", "", "when it ended", default=""),
    _amount("gpu_time", "GPU-seconds", "what it held", required=True),
    _amount("mem_per_pod_GB", "GB", "memory of a pod; Kalos only", MIB_PER_GIB),
)
"""What is read of an Acme log."""


def jobs_from_helios(file: TableFile) -> JobTable:
    """Read a Helios log: sorted by submission, equal times in the order of the file.

    ``arrival_s`` counts from the first submission; the virtual cluster is the queue. Each node of
    a job is a pod with its part of the GPUs and cores. Jobs without a duration are left out, with a
    warning.

    Parameters
    ----------
    file
        A file with the columns of ``HELIOS_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = read_logged(file, HELIOS_COLUMNS, _NEEDED)
    submitted = seconds_of(file, "submit_time", columns["submit_time"])
    work = columns["duration"]
    rows = kept_rows(file, ~np.isnan(work), "a duration")
    return _jobs(columns, submitted, work, rows, queue="vc")


def jobs_from_acme(file: TableFile) -> JobTable:
    """Read an Acme log: sorted by submission, equal times in the order of the file.

    ``arrival_s`` counts from the first submission; the workload type is the job type. ``work_s``
    is the end less the start: Kalos' ``duration`` has the time in the queue in it. Jobs that never
    started are left out, with a warning. A GB of memory counts as 1024 MiB.

    Parameters
    ----------
    file
        A file with the columns of ``ACME_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = read_logged(file, ACME_COLUMNS, _NEEDED)
    submitted, start, end = (
        seconds_of(file, name, columns[name], example="2023-03-01 00:18:22+08:00", unknown=unknown)
        for name, unknown in (
            ("submit_time", frozenset[str]()), ("start_time", NO_TIME), ("end_time", NO_TIME)
        )
    )  # fmt: skip
    work = end - start
    rows = kept_rows(file, work >= 0, LATER_END)
    return _jobs(columns, submitted, work, rows, job_type="type")


def _jobs(
    columns: dict[str, Any],
    submitted: FloatArray,
    work: FloatArray,
    rows: list[int],
    **texts: str,
) -> JobTable:
    """Return the jobs of some rows by submission; ``texts`` are columns by the table's names."""
    kept = np.asarray(rows, dtype=np.int64)
    kept = kept[np.argsort(submitted[kept], kind="stable")]
    order = kept.tolist()
    shape = pods_on(columns["gpu_num"], columns["node_num"])
    cores = each_of(columns["cpu_num"], shape["pods"], MILLI_PER_CORE)
    one = np.ones(len(submitted), dtype=np.int64)
    memory = each_of(columns.get("mem_per_pod_GB", 0.0 * submitted), one, MIB_PER_GIB)
    return JobTable.of(
        name=distinct(taken(columns["job_id"], order)),
        arrival_s=submitted[kept] - submitted[kept].min(),
        work_s=work[kept],
        cpu_milli=cores[kept],
        memory_mib=memory[kept],
        user=taken(columns["user"], order),
        **{name: values[kept] for name, values in shape.items()},
        **{name: taken(columns[column], order) for name, column in texts.items()},
    )
