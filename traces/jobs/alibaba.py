"""Readers for two of Alibaba's GPU traces: spot GPUs (2026) and disaggregated DLRM (2025).

References
----------
https://github.com/alibaba/clusterdata: ``cluster-trace-v2026-spot-gpu/job_info_df.csv`` and
``cluster-trace-gpu-v2025/disaggregated_DLRM_trace.csv``. The columns and their units are those of
the two README files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayplan.traces.columns import Column, FloatArray
from bayplan.traces.jobs.leaving import LATER_END, kept_rows, read_logged
from bayplan.traces.jobs.models import models_named
from bayplan.traces.jobs.naming import distinct
from bayplan.traces.jobs.schema import MAX_JOB_PODS, JobTable
from bayplan.traces.jobs.shapes import MIB_PER_GIB, MILLI_PER_CORE, each_of, shares_of, taken
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT, MAX_NODE_GPUS, NAN

HIGH_PRIORITY, SPOT = "HP", "Spot"


def _number(name: str, unit: str, meaning: str, maximum: int = MAX_AMOUNT, **more: Any) -> Column:
    return Column(name, "float64", unit, meaning, minimum=0, maximum=maximum, **more)


SPOT_COLUMNS: tuple[Column, ...] = (
    Column("job_name", "str", "", "the job's name", required=True),
    Column("organization", "str", "", "who pays for it", required=True),
    Column("gpu_model", "str", "", "the GPU model that it asks for", required=True),
    _number(
        "cpu_request", "cores", "cores of a worker", MAX_AMOUNT // MILLI_PER_CORE, required=True
    ),
    _number("gpu_request", "GPUs", "GPUs of a worker", MAX_NODE_GPUS, required=True),
    _number("worker_num", "workers", "workers of the job", MAX_JOB_PODS, required=True),
    _number("submit_time", "seconds", "when it was submitted", required=True),
    _number("duration", "seconds", "how long it ran", required=True),
    Column("job_type", "str", "", "HP or Spot", required=True),
)
"""What is read of a list of spot and other jobs."""

_OF_A_JOB = (
    "job_name", "gpu_request", "worker_num", "submit_time", "duration", "job_type",
)  # fmt: skip

DLRM_COLUMNS: tuple[Column, ...] = (
    Column("instance_sn", "str", "", "the instance's name", required=True),
    Column("role", "str", "", "CN (CPU node) or HN (GPU node)", required=True),
    Column("app_name", "str", "", "the service that it is part of", required=True),
    _number("cpu_request", "cores", "cores", MAX_AMOUNT // MILLI_PER_CORE, required=True),
    _number("gpu_request", "GPUs", "GPUs", MAX_NODE_GPUS, required=True),
    _number("memory_request", "GiB", "memory", MAX_AMOUNT // MIB_PER_GIB, required=True),
    _number("creation_time", "seconds", "when it was made; empty = before the trace", default=NAN),
    _number("scheduled_time", "seconds", "when it started; empty = before the trace", default=NAN),
    _number("deletion_time", "seconds", "when it went; empty = after the trace", default=NAN),
)
"""What is read of a list of inference instances."""


def jobs_from_spot(file: TableFile) -> JobTable:
    """Read a list of spot and high-priority jobs, in the order of the file.

    Workers are pods, and amounts are per worker. High-priority jobs have priority 1 and are never
    preempted; spot jobs have priority 0. The organization is the queue.

    Parameters
    ----------
    file
        A file with the columns of ``SPOT_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = read_logged(file, SPOT_COLUMNS, _OF_A_JOB)
    kinds = columns["job_type"]
    for record, kind in enumerate(kinds):
        if kind not in (HIGH_PRIORITY, SPOT):
            fix = f"write {HIGH_PRIORITY} or {SPOT}"
            raise file.error(f"job_type is {kind!r}", fix, record=record)
    high = np.fromiter((kind == HIGH_PRIORITY for kind in kinds), np.int64, len(kinds))
    devices = shares_of(columns["gpu_request"])
    with_gpus = devices["gpu_count"] > 0
    models = columns["gpu_model"]
    ones = np.ones(len(kinds), dtype=np.int64)
    return JobTable.of(
        name=distinct(columns["job_name"]),
        arrival_s=columns["submit_time"],
        work_s=columns["duration"],
        pods=_whole(file, "worker_num", columns["worker_num"]),
        cpu_milli=each_of(columns["cpu_request"], ones, MILLI_PER_CORE),
        gpu_models=[
            models_named(model) if has else "" for model, has in zip(models, with_gpus, strict=True)
        ],
        priority=high,
        preemptible=1 - high,
        queue=columns["organization"],
        **devices,
    )


def jobs_from_dlrm(file: TableFile) -> JobTable:
    """Read a list of inference instances, in the order of the file: each is a job of its own.

    What was there before the trace arrives at 0, and what stayed runs to the last time that the
    file states: its work is then a lower bound. The service is the job type and the queue; all are
    services, and never preempted. How many of a service may share a node is not modelled. Instances
    that went before they started are left out, with a warning.

    Parameters
    ----------
    file
        A file with the columns of ``DLRM_COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns = read_logged(file, DLRM_COLUMNS, ("instance_sn",))
    made, started, gone = (
        columns[name] for name in ("creation_time", "scheduled_time", "deletion_time")
    )
    arrival = np.nan_to_num(made)
    start = np.where(np.isnan(started), arrival, started)
    end = np.where(np.isnan(gone), _last(made, started, gone), gone)
    rows = kept_rows(file, end >= start, LATER_END)
    one = np.ones(len(rows), dtype=np.int64)
    services = taken(columns["app_name"], rows)
    return JobTable.of(
        name=distinct(taken(columns["instance_sn"], rows)),
        arrival_s=arrival[rows],
        work_s=(end - start)[rows],
        cpu_milli=each_of(columns["cpu_request"][rows], one, MILLI_PER_CORE),
        memory_mib=each_of(columns["memory_request"][rows], one, MIB_PER_GIB),
        job_type=services,
        queue=services,
        preemptible=0 * one,
        **shares_of(columns["gpu_request"][rows]),
    )


def _last(*times: FloatArray) -> float:
    """Return the last time that is stated; 0 where none is."""
    return float(np.nan_to_num(np.concatenate(times)).max(initial=0.0))


def _whole(file: TableFile, name: str, values: FloatArray) -> Any:
    """Return whole numbers that a file writes as 1.0."""
    if (bad := values != np.floor(values)).any():
        record = int(bad.argmax())
        problem = f"{name} is {values[record]:.15g}, not a whole number"
        raise file.error(problem, "round it", record=record)
    return values.astype(np.int64)
