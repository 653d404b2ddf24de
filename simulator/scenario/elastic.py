"""Elastic jobs of lists that do not say how far a job may shrink or grow."""

from __future__ import annotations

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.jobs import JobTable, columns_of
from bayplan.traces.jobs.schema import MAX_JOB_PODS

_ROUNDING = 1e-9
"""0.1 × 30 is 3, and the float a little above."""


def made_elastic(jobs: JobTable, shrink_to: float, grow_to: float) -> JobTable:
    """Return the jobs with bounds on their GPUs, as parts and multiples of what they ask for.

    That is of jobs that ask for whole GPUs, are no gangs of several roles, and state no bounds
    themselves. Each GPU of theirs becomes a pod, with its part of CPU and memory, rounded up; its
    fewest are rounded up too, to 1 at least, its most down.

    Parameters
    ----------
    jobs
        The table.
    shrink_to, grow_to
        At most 1, at least 1; both 1 leave the table as it is.

    Raises
    ------
    InputError
        A job would have more pods than there may be.
    """
    if shrink_to == grow_to == 1.0:
        return jobs
    whole = (jobs.gpu_count > 0) & (jobs.gpu_milli == GPU_MILLI) & (jobs.gpu_memory_mib == 0)
    alone = np.array([not gang for gang in jobs.gang], np.bool_)
    plain = np.array([not profile for profile in jobs.mig_profile], np.bool_)
    rows = whole & alone & plain & (jobs.min_pods == 0) & (jobs.max_pods == 0)
    each = np.where(rows, jobs.gpu_count, 1)
    gpus = jobs.pods * each
    least = np.maximum(1, np.ceil(gpus * shrink_to - _ROUNDING)).astype(np.int64)
    most = np.floor(gpus * grow_to + _ROUNDING).astype(np.int64)
    if (bad := rows & (most > MAX_JOB_PODS)).any():
        name = jobs.name[int(bad.argmax())]
        raise InputError(
            f"jobs.grow_to: job {name!r} would have more than {MAX_JOB_PODS} pods", fix="lower it"
        )
    columns = columns_of(jobs) | {
        "pods": gpus,
        "min_pods": np.where(rows, least, jobs.min_pods),
        "max_pods": np.where(rows, most, jobs.max_pods),
        "gpu_count": np.where(rows, 1, jobs.gpu_count),
        "cpu_milli": -(-jobs.cpu_milli // each),
        "memory_mib": -(-jobs.memory_mib // each),
    }
    return JobTable(**columns)
