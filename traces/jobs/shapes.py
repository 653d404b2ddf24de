"""What foreign job files leave open: how GPUs of a whole job are spread over pods."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import Column, FloatArray, IntArray
from bayplan.traces.jobs.schema import MAX_JOB_PODS
from bayplan.traces.schema import MAX_NODE_GPUS

NODE_GPUS = 8
"""GPUs of a node in the clusters that the published job lists come from."""

MIB_PER_GIB = 1024
MILLI_PER_CORE = 1000


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


def pods_on(gpus: IntArray, nodes: IntArray) -> dict[str, Any]:
    """Split jobs into one pod for each node that they ran on.

    Where the GPUs do not divide evenly among the nodes, or would be more than a node can have,
    the job is split as ``pods_of`` does.

    Parameters
    ----------
    gpus : (n_jobs,), GPUs of each job
    nodes : (n_jobs,), nodes of each job; 0 counts as 1

    Returns
    -------
    ``pods`` and ``gpu_count``, both ``(n_jobs,)``.
    """
    nodes = np.maximum(nodes, 1)
    evenly = (gpus % nodes == 0) & (gpus // nodes <= MAX_NODE_GPUS)
    other = pods_of(gpus)
    return {
        "pods": np.where(evenly, nodes, other["pods"]),
        "gpu_count": np.where(evenly, gpus // nodes, other["gpu_count"]),
    }


def each_of(amount: FloatArray, pods: IntArray, unit: int) -> IntArray:
    """Return what each pod has of an amount of the whole job, rounded up.

    Parameters
    ----------
    amount : (n_jobs,), such as cores
    pods : (n_jobs,)
    unit
        How many small units are one: 1000 millicores are a core.

    Returns
    -------
    ``(n_jobs,)``, in small units.
    """
    return np.ceil(np.round(amount * unit / pods, 6)).astype(np.int64)


def shares_of(gpus: FloatArray) -> dict[str, Any]:
    """Return the devices of pods that ask for parts of GPUs.

    A half is a share of 500 on one GPU, one and a half are shares of 750 on two.

    Parameters
    ----------
    gpus : (n_jobs,), GPUs of each pod

    Returns
    -------
    ``gpu_count`` and ``gpu_milli``, both ``(n_jobs,)``.
    """
    count = np.ceil(gpus).astype(np.int64)
    share = np.round(GPU_MILLI * gpus / np.maximum(count, 1)).astype(np.int64)
    return {
        "gpu_count": count,
        "gpu_milli": np.where(count > 0, np.clip(share, 1, GPU_MILLI), 0),
    }


def taken(column: Any, rows: list[int]) -> Any:
    """Return the values of some rows of a column.

    Parameters
    ----------
    column
        A ``(n,)`` array, or a tuple of ``n`` strings.
    rows
        Which ones, in order.
    """
    return [column[row] for row in rows] if isinstance(column, tuple) else column[rows]
