"""The jobs of a file cut, drawn anew by the seed, and spread over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.errors import InputError
from bayplan.traces import NodeTable
from bayplan.traces.draws import Draws
from bayplan.traces.jobs import JobTable, columns_of
from bayplan.traces.jobs.amounts import gpus_of
from bayplan.traces.schema import MAX_AMOUNT

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def first_jobs(jobs: JobTable, limit: int) -> JobTable:
    """Return the first jobs to arrive, rows in their order; a gang is one job.

    Parameters
    ----------
    jobs
        The table.
    limit
        How many; all if there are no more.
    """
    rows, starts = _by_arrival(jobs)
    if limit >= len(starts) - 1:
        return jobs
    return JobTable(**_taken(jobs, np.sort(rows[: starts[limit]])))


def resampled(jobs: JobTable, how: str, seed: int) -> JobTable:
    """Return the same arrivals with other jobs: another day like this one.

    The k-th arrival gets the job of another arrival, all of it but its time: every job comes once
    under ``permute``, and each is drawn anew from all under ``bootstrap``. Names get ``#k``.
    Deadlines and cancellations keep their distance from the arrival.

    Parameters
    ----------
    jobs
        The table.
    how
        ``permute`` or ``bootstrap``.
    seed
        Of the draw.

    Raises
    ------
    InputError
        A deadline or cancellation gets too late.
    """
    rows, starts = _by_arrival(jobs)
    n = len(starts) - 1
    uniform = Draws(seed).uniform(n)
    if how == "permute":
        drawn = np.argsort(uniform, kind="stable")
    else:
        drawn = np.minimum((uniform * n).astype(np.int64), n - 1)
    lengths = np.diff(starts)[drawn]
    slots = np.repeat(np.arange(n), lengths)
    within = np.arange(len(slots)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    columns = _taken(jobs, rows[starts[drawn][slots] + within])
    _move(columns, jobs.arrival_s[rows[starts[:-1]]][slots], "leave jobs.resample out")
    for name in ("name", "gang"):
        numbered = zip(columns[name], slots.tolist(), strict=True)
        columns[name] = tuple(text and f"{text}#{slot}" for text, slot in numbered)
    return JobTable(**columns)


def scaled(jobs: JobTable, scale: float) -> JobTable:
    """Return the jobs with ``scale`` times as many arrivals per second.

    The first arrival stays where it is; deadlines and cancellations keep their distance.

    Raises
    ------
    InputError
        Times get too long.
    """
    columns = columns_of(jobs)
    first = jobs.arrival_s.min()
    arrivals = first + (jobs.arrival_s - first) / scale
    _move(columns, arrivals, "scale them less")
    return JobTable(**columns)


def scale_for(jobs: JobTable, nodes: NodeTable, load: float) -> float:
    """Return the scale at which jobs ask for ``load`` times the GPU-seconds of the arrivals.

    Raises
    ------
    InputError
        All arrive at once, no job asks for a GPU, or no node has one.
    """
    span = float(np.ptp(jobs.arrival_s))
    asked, capacity = gpu_seconds(jobs), float(nodes.gpu_count.sum())
    for what, amount in (
        ("all jobs arrive at once", span),
        ("no job asks for GPU time", asked),
        ("no node has a GPU", capacity),
    ):
        if not amount:
            raise InputError(f"{what}, so there is no load", fix="leave it out")
    return load * capacity * span / asked


def gpu_seconds(jobs: JobTable) -> float:
    """Return the GPU-seconds that jobs ask for: GPUs (or parts of them) of all pods × work."""
    return float((gpus_of(jobs) * jobs.work_s).sum())


_ENDS = {
    "arrival_s": "the arrivals end",
    "deadline_s": "a deadline is",
    "cancel_s": "a cancellation is",
}


def _move(columns: dict[str, Any], arrivals: FloatArray, fix: str) -> None:
    shift = arrivals - columns["arrival_s"]
    moved = {"arrival_s": arrivals}
    for name, least in (("deadline_s", 0.0), ("cancel_s", arrivals)):  # rounding may go below
        moved[name] = np.maximum(columns[name] + shift, least)  # NaN stays NaN
    for name, times in moved.items():
        if np.nanmax(times, initial=0.0) > MAX_AMOUNT:
            raise InputError(f"{_ENDS[name]} after 10^12 seconds", fix=fix)
    columns.update(moved)


def _taken(jobs: JobTable, rows: IntArray) -> dict[str, Any]:
    """Return the columns of some rows; a row may come twice, and is then no table yet."""
    listed = rows.tolist()
    columns: dict[str, Any] = {}
    for name, column in columns_of(jobs).items():
        if isinstance(column, tuple):
            columns[name] = tuple(column[row] for row in listed)
        else:
            columns[name] = column[rows]
    return columns


def _by_arrival(jobs: JobTable) -> tuple[IntArray, IntArray]:
    """Return the rows job by job in order of arrival, ties as in the table, and where jobs start.

    Returns
    -------
    Rows, (n_rows,), and starts, (n_jobs + 1,): the rows of job k are ``starts[k]:starts[k + 1]``.
    """
    order = np.argsort(jobs.arrival_s, kind="stable").astype(np.int64)
    if not any(jobs.gang):
        return order, np.arange(len(order) + 1)
    units: dict[object, list[int]] = {}
    for row in order.tolist():
        units.setdefault(jobs.gang[row] or row, []).append(row)
    rows = [row for unit in units.values() for row in unit]
    starts = np.cumsum([0, *map(len, units.values())])
    return np.array(rows, dtype=np.int64), starts.astype(np.int64)
