"""What foreign job files leave open: how many pods a number of GPUs is."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayplan.traces.columns import Column, IntArray
from bayplan.traces.jobs.schema import MAX_JOB_PODS

NODE_GPUS = 8
"""GPUs of a node in the clusters that the published job lists come from."""


def gpus_column(name: str) -> Column:
    """Return the column that counts the GPUs of a whole job."""
    return Column(
        name, "int64", "GPUs", "GPUs of the job", required=True,
        minimum=0, maximum=MAX_JOB_PODS * NODE_GPUS,
    )  # fmt: skip


def pods_of(gpus: IntArray) -> dict[str, Any]:
    """Split jobs into pods of at most a node's GPUs.

    A job of up to 8 GPUs is one pod. A larger one is ``ceil(gpus / 8)`` pods of 8, so that a job
    of 12 GPUs takes 16: the lists do not say how its processes were spread.

    Parameters
    ----------
    gpus : (n_jobs,), GPUs of each job

    Returns
    -------
    ``pods`` and ``gpu_count``, both ``(n_jobs,)``.
    """
    several = gpus > NODE_GPUS
    return {
        "pods": np.where(several, -(-gpus // NODE_GPUS), 1),
        "gpu_count": np.where(several, NODE_GPUS, gpus),
    }
