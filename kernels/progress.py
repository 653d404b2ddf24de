"""Work done at a rate that changes at times: settled up to a change, and predicted from there.

Arrays are (n_jobs,), indexed by ``jobs``. ``work`` and ``done`` are in seconds alone on a whole
reference GPU, ``rate`` without a unit, times in seconds. ``since`` is up to when ``done`` is
settled; no work is done before ``ready``. ``safe`` is what was done at the latest checkpoint:
they are ``checkpoint`` seconds apart, the first that long after ``ready``; 0: all is safe at once.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, IntArray


@kernel
def settle_one(
    job: int,
    now: float,
    checkpoint: float,
    work: FloatArray,
    done: FloatArray,
    safe: FloatArray,
    rate: FloatArray,
    since: FloatArray,
    ready: FloatArray,
) -> None:
    """Add what was done since the last time: the rate was constant, so the product is exact."""
    start = max(since[job], ready[job])
    if now > start:
        if checkpoint > 0.0:
            latest = ready[job] + checkpoint * np.floor((now - ready[job]) / checkpoint)
            if latest > start:
                safe[job] = min(work[job], done[job] + rate[job] * (latest - start))
        done[job] = min(work[job], done[job] + rate[job] * (now - start))
    if checkpoint == 0.0:
        safe[job] = done[job]
    since[job] = now


@kernel
def settle(
    jobs: IntArray,
    now: float,
    checkpoint: float,
    work: FloatArray,
    done: FloatArray,
    safe: FloatArray,
    rate: FloatArray,
    since: FloatArray,
    ready: FloatArray,
) -> None:
    """Settle jobs up to now."""
    for k in range(jobs.size):
        settle_one(jobs[k], now, checkpoint, work, done, safe, rate, since, ready)


@kernel
def expected_end(
    job: int,
    new: float,
    now: float,
    work: FloatArray,
    done: FloatArray,
    rate: FloatArray,
    ready: FloatArray,
) -> float:
    """Give a settled job a new rate, and return when it will be finished."""
    rate[job] = new
    left = work[job] - done[job]
    start: float = max(now, ready[job])
    if left <= 0.0:
        return start
    finish: float = start + left / new if new > 0.0 else np.inf
    return finish


@kernel
def change_rates(
    jobs: IntArray,
    rates: FloatArray,
    now: float,
    checkpoint: float,
    work: FloatArray,
    done: FloatArray,
    safe: FloatArray,
    rate: FloatArray,
    since: FloatArray,
    ready: FloatArray,
    finish: FloatArray,
) -> None:
    """Settle jobs, give them new rates (n,), and write when each will be finished (n,)."""
    for k in range(jobs.size):
        job = jobs[k]
        settle_one(job, now, checkpoint, work, done, safe, rate, since, ready)
        finish[k] = expected_end(job, rates[k], now, work, done, rate, ready)


@kernel
def settle_each(
    jobs: IntArray,
    now: float,
    checkpoints: FloatArray,
    work: FloatArray,
    done: FloatArray,
    safe: FloatArray,
    rate: FloatArray,
    since: FloatArray,
    ready: FloatArray,
) -> None:
    """Settle jobs up to now, each by its own of ``checkpoints`` (n_jobs,)."""
    for k in range(jobs.size):
        job = jobs[k]
        settle_one(job, now, checkpoints[job], work, done, safe, rate, since, ready)


@kernel
def change_rates_each(
    jobs: IntArray,
    rates: FloatArray,
    now: float,
    checkpoints: FloatArray,
    work: FloatArray,
    done: FloatArray,
    safe: FloatArray,
    rate: FloatArray,
    since: FloatArray,
    ready: FloatArray,
    finish: FloatArray,
) -> None:
    """Do the same as ``change_rates``, each by its own of ``checkpoints`` (n_jobs,)."""
    for k in range(jobs.size):
        job = jobs[k]
        settle_one(job, now, checkpoints[job], work, done, safe, rate, since, ready)
        finish[k] = expected_end(job, rates[k], now, work, done, rate, ready)
