"""Finish-time fairness: how a job fared beside a cluster of its own, an N-th of the size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def mean_jobs(
    start_s: FloatArray, end_s: FloatArray, from_s: FloatArray, until_s: FloatArray
) -> FloatArray:
    """Return how many jobs are there on average from ``from_s`` to ``until_s``: (n_asked,).

    Parameters
    ----------
    start_s, end_s : (n_jobs,), when each comes and goes; infinite where it stays
    from_s, until_s : (n_asked,), finite, ``from_s < until_s``
    """
    if not from_s.size:
        return np.zeros(0)
    origin = float(start_s.min()) if start_s.size else 0.0
    comes, goes = np.sort(start_s - origin), np.sort(end_s - origin)
    goes = goes[np.isfinite(goes)]
    so_far = _elapsed(comes, until_s - origin) - _elapsed(comes, from_s - origin)
    gone = _elapsed(goes, until_s - origin) - _elapsed(goes, from_s - origin)
    mean: FloatArray = (so_far - gone) / (until_s - from_s)
    return mean


def _elapsed(times: FloatArray, at: FloatArray) -> FloatArray:
    """Return the sum of ``at - time`` over the sorted times that are past: (n_asked,)."""
    past = np.searchsorted(times, at, side="right")
    sums = np.concatenate([[0.0], np.cumsum(times)])
    elapsed: FloatArray = past * at - sums[past]
    return elapsed


def rho(
    jct_s: FloatArray, work_s: FloatArray, gpus: FloatArray, sharers: FloatArray, capacity: float
) -> FloatArray:
    """Return the finish-time fairness of jobs: (n_jobs,), 1 and less is fair.

    rho = JCT / alone, where alone = work × max(1, GPUs × N / capacity): in a cluster of an N-th of
    the size a job that needs more than that runs as many times longer.

    Source: Mahajan et al., Themis, NSDI 2020, section 3.

    Parameters
    ----------
    jct_s, work_s : (n_jobs,), seconds, ``work_s > 0``
    gpus : (n_jobs,), GPUs that each held
    sharers : (n_jobs,), N of each
    capacity
        GPUs of the cluster, more than 0.
    """
    fair: FloatArray = jct_s / (work_s * np.maximum(1.0, gpus * sharers / capacity))
    return fair
