"""New rates, work done and expected ends of jobs that start or beside whom somebody came or went.

What ``kernels.tenants``, ``kernels.progress`` and ``kernels.calendar`` do one after the other: a
call from Python costs as much as the work, so the three are one. Tables have a row for each array
that these name: ``gpu_ints`` mode, count; ``seat_ints`` job, next, instance, GPU; ``seat_floats``
compute, memory, slow; ``job_ints`` first seat, demand, changes; ``progress`` work, done, safe,
rate, since, ready, base; ``heap_ints`` heap, place.
"""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, FloatArray, FloatTable, IntArray, IntTable
from bayplan.kernels.calendar import set_times
from bayplan.kernels.progress import change_rates
from bayplan.kernels.tenants import retime


@kernel
def expect(
    jobs: IntArray,
    rates: FloatArray,
    now: float,
    checkpoint: float,
    progress: FloatTable,
    finish: FloatArray,
    times: FloatArray,
    heap_ints: IntTable,
    size: IntArray,
) -> None:
    """Settle ``jobs`` (n,), give them their new ``rates`` and enter when they will be finished.

    ``rates`` and ``finish`` have room for at least as many.
    """
    n = jobs.size
    change_rates(
        jobs,
        rates[:n],
        now,
        checkpoint,
        progress[0],
        progress[1],
        progress[2],
        progress[3],
        progress[4],
        progress[5],
        finish[:n],
    )
    set_times(jobs, finish[:n], times, heap_ints[0], heap_ints[1], size)


@kernel
def advance(
    gpus: IntArray,
    n_gpus: int,
    now: float,
    checkpoint: float,
    gpu_ints: IntTable,
    gpu_seats: IntTable,
    seat_ints: IntTable,
    seat_floats: FloatTable,
    job_ints: IntTable,
    progress: FloatTable,
    demands: FloatTable,
    settings: FloatArray,
    mark: BoolArray,
    jobs: IntArray,
    rates: FloatArray,
    finish: FloatArray,
    times: FloatArray,
    heap_ints: IntTable,
    size: IntArray,
) -> int:
    """Give new rates to the jobs on the first ``n_gpus`` of ``gpus``; return how many changed.

    ``jobs``, ``rates`` and ``finish`` (n_jobs,) are written: whose rate changed, to what, and
    when each is to finish. A GPU may be named several times.
    """
    n = retime(
        gpus[:n_gpus],
        gpu_ints[0],
        gpu_ints[1],
        gpu_seats,
        seat_ints[0],
        seat_ints[1],
        seat_floats[0],
        seat_floats[1],
        seat_ints[2],
        seat_floats[2],
        job_ints[0],
        progress[6],
        progress[3],
        job_ints[1],
        demands,
        settings,
        job_ints[2],
        mark,
        jobs,
        rates,
    )
    if n > 0:
        expect(jobs[:n], rates, now, checkpoint, progress, finish, times, heap_ints, size)
    return n


@kernel
def advance_alone(
    jobs: IntArray,
    n: int,
    now: float,
    checkpoint: float,
    progress: FloatTable,
    rates: FloatArray,
    finish: FloatArray,
    times: FloatArray,
    heap_ints: IntTable,
    size: IntArray,
) -> None:
    """Let the first ``n`` of ``jobs`` run at their speeds alone.

    ``rates`` and ``finish`` are written; they have room for as many.
    """
    for k in range(n):
        rates[k] = progress[6, jobs[k]]
    expect(jobs[:n], rates, now, checkpoint, progress, finish, times, heap_ints, size)
