"""The rates of the jobs on some GPUs, from who sits there and how each GPU is shared.

A *seat* is one pod's part of one GPU or MIG instance. Seat arrays are (n_seats,): ``seat_job``,
``seat_next`` (the next seat of the same job, -1 after the last), ``seat_compute`` and
``seat_memory`` (fractions of the GPU), ``seat_instance``, ``seat_slow`` (its slowdown). GPU
arrays are (n_gpus,): ``gpu_mode`` as below, ``gpu_count`` seats taken; ``gpu_seats`` (n_gpus,
most) are which. Job arrays are (n_jobs,): ``first_seat``, ``base`` (speed alone), ``rate``,
``job_demand`` (a row of ``demands``), ``mark`` (scratch, all zero between calls). ``demands``
(n_types, 8) has a column for each of ``busy``, ``bandwidth``, ``bottleneck``, ``power``, ``pcie``,
``weight``, ``pc``, ``pm`` (see ``kernels.speed``). ``settings`` (8,) are ``switch_cost``,
``collision``, ``pacing_overhead``, ``client_cost``, ``cache``, ``thrashing``, ``idle_power``,
``power_exponent``.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, FloatArray, FloatTable, IntArray, IntTable
from bayplan.kernels.speed import slow_mig, slow_mps, slow_timeslice

FEW = 20
ALONE = 0
TIMESLICE = 1
HAMI = 2
MPS = 3
MIG = 4


@kernel
def slow_gpu(
    mode: int,
    seats: IntArray,
    seat_job: IntArray,
    seat_compute: FloatArray,
    seat_memory: FloatArray,
    seat_instance: IntArray,
    job_demand: IntArray,
    demands: FloatTable,
    settings: FloatArray,
    seat_slow: FloatArray,
) -> None:
    """Write the slowdown of each seat (n,) of one GPU that is shared by ``mode``."""
    n = seats.size
    columns = np.empty((8, n), np.float64)
    compute = np.empty(n, np.float64)
    for i in range(n):
        row = job_demand[seat_job[seats[i]]]
        for c in range(8):
            columns[c, i] = demands[row, c]
        compute[i] = seat_compute[seats[i]]
    out = np.ones(n, np.float64)
    if mode == TIMESLICE:
        whole = np.ones(n, np.float64)
        slow_timeslice(columns[0], columns[4], whole, settings[0], settings[1], 0.0, out)
    elif mode == HAMI:
        slow_timeslice(columns[0], columns[4], compute, settings[0], settings[1], settings[2], out)
    elif mode == MPS:
        slow_mps(
            columns[1],
            columns[2],
            columns[3],
            columns[4],
            columns[5],
            columns[6],
            compute,
            settings[3],
            settings[4],
            settings[5],
            settings[6],
            settings[7],
            out,
        )
    elif mode == MIG:
        memory = np.empty(n, np.float64)
        instance = np.empty(n, np.int64)
        for i in range(n):
            memory[i] = seat_memory[seats[i]]
            instance[i] = seat_instance[seats[i]]
        slow_mig(
            columns[1],
            columns[2],
            columns[3],
            columns[4],
            columns[5],
            columns[6],
            columns[7],
            compute,
            memory,
            instance,
            settings[3],
            settings[4],
            settings[5],
            settings[6],
            settings[7],
            out,
        )
    for i in range(n):
        seat_slow[seats[i]] = out[i]


@kernel
def retime(
    gpus: IntArray,
    gpu_mode: IntArray,
    gpu_count: IntArray,
    gpu_seats: IntTable,
    seat_job: IntArray,
    seat_next: IntArray,
    seat_compute: FloatArray,
    seat_memory: FloatArray,
    seat_instance: IntArray,
    seat_slow: FloatArray,
    first_seat: IntArray,
    base: FloatArray,
    rate: FloatArray,
    job_demand: IntArray,
    demands: FloatTable,
    settings: FloatArray,
    changes: IntArray,
    mark: BoolArray,
    jobs: IntArray,
    rates: FloatArray,
) -> int:
    """Write the jobs whose rate changes, by number, and their new rates; return how many.

    A job of several seats goes as fast as the slowest of them. ``gpus`` are those on which
    somebody came or went; ``jobs`` and ``rates`` (n_jobs,) have room for all. ``changes``
    (n_jobs,) counts the changes of those that had a rate before.
    """
    n = 0
    for k in range(gpus.size):
        gpu = gpus[k]
        count = gpu_count[gpu]
        if count == 0:
            continue
        seats = gpu_seats[gpu, :count]
        if gpu_mode[gpu] != ALONE:
            slow_gpu(
                gpu_mode[gpu],
                seats,
                seat_job,
                seat_compute,
                seat_memory,
                seat_instance,
                job_demand,
                demands,
                settings,
                seat_slow,
            )
        for i in range(count):
            job = seat_job[seats[i]]
            if not mark[job]:
                mark[job] = True
                jobs[n] = job
                n += 1
    if n <= FEW:  # NumPy's way takes ten times as long
        for k in range(1, n):
            job = jobs[k]
            at = k - 1
            while at >= 0 and jobs[at] > job:
                jobs[at + 1] = jobs[at]
                at -= 1
            jobs[at + 1] = job
    else:
        jobs[:n].sort()
    kept = 0
    for k in range(n):
        job = jobs[k]
        mark[job] = False
        slowest = 1.0
        seat = first_seat[job]
        while seat >= 0:
            slowest = max(slowest, seat_slow[seat])
            seat = seat_next[seat]
        new = base[job] / slowest
        if new != rate[job]:
            if rate[job] > 0.0:
                changes[job] += 1
            jobs[kept] = job
            rates[kept] = new
            kept += 1
    return kept
