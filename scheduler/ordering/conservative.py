"""Conservative backfilling: every job has a reservation that none behind it may delay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.kernels.backfill import plan_conservative
from bayplan.scheduler.arrays import BoolArray, FloatArray, IntArray
from bayplan.scheduler.ordering.pending import Pending
from bayplan.scheduler.ordering.pool import BackfillPlan, Pool, waiting


def conservative(
    pool: Pool,
    pending: Pending,
    queue: IntArray,
    now_s: float,
    depth: int | None = None,
    promised_s: FloatArray | None = None,
) -> BackfillPlan:
    """Give each job in turn the earliest start that delays no job before it.

    A job whose run time is unknown holds its GPUs for ever once it starts. A job that nothing
    known makes room for gets no reservation (infinite), and does not block others.

    Plans are made afresh at each call. When something ended early, a job that moves up can take
    the room that a later one was to have; ``promised_s`` rules that out: jobs keep at least
    the starts that they were given before, and move up one by one.

    What runs longer than estimated is expected to end at once. Behind a job that waits only for
    such ones nobody starts who has no promise, because nobody knows which of them ends first. Where
    an overrun breaks a promise (a start that has
    passed, or GPUs promised twice) all promises are forgotten, everything is planned afresh in
    the order of the queue, and ``kept`` of the plan is False.

    Parameters
    ----------
    pool
        What is free and what runs.
    pending
        The jobs.
    queue
        Rows of ``pending``, first served first: those of an ordering policy, or some of them.
    now_s
        The time.
    depth
        How many rows of the queue get a plan, beside those with a promise; None: all.
    promised_s
        (n_jobs,) by row, the ``start_s`` of an earlier plan; NaN or infinite: none.

    Notes
    -----
    Mu'alem, Feitelson: Utilization, predictability, workloads, and user runtime estimates in
    scheduling the IBM SP2 with backfilling, IEEE TPDS 2001; the promises are the compression of
    their section 2.
    """
    promises = np.full(queue.size, np.nan) if promised_s is None else promised_s[queue]
    promises = np.where(np.isinf(promises), np.nan, promises)
    planned = _planned(promises, depth)
    rows = queue[planned]
    need, run = waiting(pending, rows)
    starts = np.empty(rows.size, np.float64)
    ends = pool.ends(now_s)
    by_end = np.argsort(ends, kind="stable")
    kept = plan_conservative(
        pool.free_milli,
        ends[by_end],
        pool.held_milli[by_end],
        need,
        run,
        promises[planned],
        float(now_s),
        starts,
    )
    _hold_back(starts, (need > 0) & np.isnan(promises[planned]), now_s)
    start_s = np.full(pending.size, np.nan)
    start_s[rows] = starts
    later = np.flatnonzero((starts > now_s) & np.isfinite(starts))
    first = int(later[0]) if later.size else -1
    return BackfillPlan(
        start_now=rows[starts == now_s],
        start_s=start_s,
        head=int(rows[first]) if first >= 0 else -1,
        head_start_s=float(starts[first]) if first >= 0 else np.inf,
        kept=bool(kept),
    )


def _hold_back(starts: FloatArray, may_wait: BoolArray, now_s: float) -> None:
    """Let nobody start now who is behind a job that waits only for what is overdue."""
    at_once = np.nextafter(now_s, np.inf)
    behind = np.logical_or.accumulate(starts == at_once)
    starts[behind & may_wait & (starts == now_s)] = at_once


def _planned(promises: FloatArray, depth: int | None) -> BoolArray:
    within = np.arange(promises.size) < (promises.size if depth is None else depth)
    planned: BoolArray = within | ~np.isnan(promises)
    return planned


@dataclass(frozen=True, slots=True)
class Conservative:
    """Conservative backfilling as deep as ``depth`` jobs, without promises."""

    depth: int | None = None

    def __call__(self, pool: Pool, pending: Pending, queue: IntArray, now_s: float) -> BackfillPlan:
        """Return the plan for the rows ``queue``, first served first."""
        return conservative(pool, pending, queue, now_s, self.depth)
