"""What metrics are made from: one row a job, whatever its rows, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.results import Outcome, Series, Status, Totals
from bayplan.simulator.core.services.outcome import ServiceTotals
from bayplan.simulator.metrics.fairness import mean_jobs, rho
from bayplan.simulator.metrics.spread import ratio
from bayplan.traces.jobs import JobTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SHORT_S = 10.0
"""Work below which a job's slowdown is that of a job of this length."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Figures of jobs, arrays (n_jobs,) with one row a job: the rows of a gang are one.

    ``finished`` tells whether a job came to its end; ``jct_s`` and ``slowdown`` are NaN where it
    did not, ``startup_s`` where pods start at once, ``rho`` also where it has no work or no GPU.
    ``n_gpus`` are the GPUs and instances of all its pods, shares too; ``gpus`` is what it held on
    average while it held anything, shares as fractions. ``missed`` is about jobs with a deadline
    only. ``arrived_s`` is the last arrival in the run, in seconds of simulated time. ``faults`` are
    those of GPUs by class. ``services`` are empty where there were none.
    """

    status: IntArray
    finished: BoolArray
    wait_s: FloatArray
    delay_s: FloatArray
    jct_s: FloatArray
    slowdown: FloatArray
    rho: FloatArray
    n_gpus: IntArray
    gpus: FloatArray
    gpu_s: FloatArray
    work_done_s: FloatArray
    work_lost_s: FloatArray
    overhead_s: FloatArray
    startup_s: FloatArray
    preemptions: IntArray
    oom_kills: IntArray
    failures: IntArray
    elastic: BoolArray
    resizes: IntArray
    has_deadline: BoolArray
    missed: BoolArray
    user: tuple[str, ...]
    queue: tuple[str, ...]
    arrived_s: float
    series: Series
    totals: Totals
    faults: Mapping[str, int]
    services: tuple[ServiceTotals, ...] = ()

    @property
    def span_s(self) -> float:
        """From the first arrival to the last end, in seconds."""
        return self.totals.end_s - self.totals.first_s

    @property
    def capacity_gpu_s(self) -> float:
        """GPU-seconds that the cluster had in that time."""
        return self.totals.there_gpu_s

    @property
    def capacity_milli(self) -> float:
        """Milli-GPU of the GPUs that were there, the mean over that time."""
        return GPU_MILLI * ratio(self.totals.there_gpu_s, self.span_s)


def figures_of(outcome: Outcome, jobs: JobTable) -> Figures:
    """Bring together what metrics are made from.

    Parameters
    ----------
    outcome
        What a simulation found.
    jobs
        The table that it was given.

    Raises
    ------
    ValueError
        The two are not of one length.
    """
    found = outcome.jobs
    if len(jobs) != found.status.size:
        raise ValueError(f"{len(jobs)} rows of jobs, {found.status.size} rows of results")
    rows, job = one_row_a_job(jobs.gang)
    finished = found.status[rows] == Status.FINISHED
    arrival_s, work_s = jobs.arrival_s[rows], jobs.work_s[rows]
    jct_s = np.where(finished, found.finish_s[rows] - arrival_s, np.nan)
    run_s = found.run_s[rows]
    gpus = np.where(run_s > 0, found.gpu_s[rows], 0.0) / np.where(run_s > 0, run_s, 1.0)
    n_gpus = np.zeros(rows.size, np.int64)
    np.add.at(n_gpus, job, jobs.pods * jobs.gpu_count)
    deadline_s = jobs.deadline_s[rows]
    return Figures(
        status=found.status[rows].astype(np.int64),
        finished=finished,
        wait_s=found.wait_s[rows],
        delay_s=found.start_s[rows] - arrival_s,
        jct_s=jct_s,
        slowdown=np.maximum(1.0, jct_s / np.maximum(work_s, SHORT_S)),
        rho=_rho(outcome, rows, arrival_s, jct_s, work_s, gpus, n_gpus > 0),
        n_gpus=n_gpus,
        gpus=gpus,
        gpu_s=found.gpu_s[rows],
        work_done_s=found.work_done_s[rows],
        work_lost_s=found.work_lost_s[rows],
        overhead_s=found.overhead_s[rows],
        startup_s=_or_nan(found.startup_s, found.status.size)[rows],
        preemptions=found.preemptions[rows].astype(np.int64),
        oom_kills=found.oom_kills[rows].astype(np.int64),
        failures=found.failures[rows].astype(np.int64),
        elastic=jobs.elastic()[rows],
        resizes=found.resizes[rows].astype(np.int64),
        has_deadline=~np.isnan(deadline_s),
        missed=_missed(outcome, rows, deadline_s),
        user=tuple(jobs.user[row] for row in rows),
        queue=tuple(jobs.queue[row] for row in rows),
        arrived_s=min(float(jobs.arrival_s.max(initial=-np.inf)), outcome.totals.end_s),
        series=outcome.series,
        totals=outcome.totals,
        faults=outcome.faults,
        services=() if outcome.services is None else outcome.services.totals,
    )


def one_row_a_job(gang: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    """Return each job's first row, (n_jobs,), and each row's job, (n_rows,).

    Parameters
    ----------
    gang
        The column; empty where a row is a job.
    """
    first: dict[str, int] = {}
    rows: list[int] = []
    job: list[int] = []
    for row, name in enumerate(gang):
        at = first.setdefault(name, len(rows)) if name else len(rows)
        if at == len(rows):
            rows.append(row)
        job.append(at)
    return np.array(rows, np.int64), np.array(job, np.int64)


def _or_nan(values: FloatArray | None, n: int) -> FloatArray:
    return np.full(n, np.nan) if values is None else values


def _rho(
    outcome: Outcome,
    rows: IntArray,
    arrival_s: FloatArray,
    jct_s: FloatArray,
    work_s: FloatArray,
    gpus: FloatArray,
    has_gpus: BoolArray,
) -> FloatArray:
    """Return rho where a job that wants GPUs finished; N is who wanted them in that time."""
    fair = np.full(rows.size, np.nan)
    totals = outcome.totals
    capacity = ratio(totals.there_gpu_s, totals.end_s - totals.first_s)  # the mean
    known = has_gpus & (work_s > 0) & (jct_s > 0)
    if capacity <= 0 or not known.any():
        return fair
    status, end_s = outcome.jobs.status[rows], outcome.jobs.finish_s[rows]
    there = has_gpus & (status != Status.REJECTED)
    stays = np.where(np.isnan(end_s), np.inf, end_s)
    from_s, until_s = arrival_s[known], arrival_s[known] + jct_s[known]
    sharers = mean_jobs(arrival_s[there], stays[there], from_s, until_s)
    fair[known] = rho(jct_s[known], work_s[known], gpus[known], sharers, capacity)
    return fair


def _missed(outcome: Outcome, rows: IntArray, deadline_s: FloatArray) -> BoolArray:
    """Return which jobs are known to have missed their deadline: (n_jobs,).

    One that failed or was rejected has; one that was cancelled before it has not; of one that is
    not over it is known once the last end of a job lies behind it.
    """
    status, end_s = outcome.jobs.status[rows], outcome.jobs.finish_s[rows]
    over_s = np.where(status == Status.UNFINISHED, outcome.totals.end_s, end_s)
    lost = (status == Status.FAILED) | (status == Status.REJECTED)
    missed: BoolArray = ~np.isnan(deadline_s) & (lost | (over_s > deadline_s))
    return missed
