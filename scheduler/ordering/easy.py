"""EASY backfilling: only the head of the queue has a reservation."""

from __future__ import annotations

import numpy as np

from bayplan.kernels.backfill import plan_easy
from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering.pending import Pending
from bayplan.scheduler.ordering.pool import BackfillPlan, Pool, waiting


def easy(pool: Pool, pending: Pending, queue: IntArray, now_s: float) -> BackfillPlan:
    """Start jobs in turn; those behind the first that does not fit may not delay it.

    A job behind the head starts if it fits and is over when the head starts, or if it needs
    no more than what the head leaves over. One whose run time is unknown is never over. A job that
    needs more than the whole pool is passed over.

    Nobody passes a head whose start is not known, because too much is held by what has no known
    end: then the queue is first in first out. What runs longer than estimated is expected to end
    at once. While a head waits only for such jobs nobody passes it, because nobody knows which
    of them ends first. So a head starts at the latest when it was first promised plus the longest
    time by which anything that ran overran its estimate.

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

    Notes
    -----
    Lifka: The ANL/IBM SP scheduling system, JSSPP 1995; the rule for spare processors as in
    Mu'alem, Feitelson, IEEE TPDS 2001, section 2.
    """
    need, run = waiting(pending, queue)
    starts = np.empty(queue.size, np.float64)
    head = np.empty(2, np.int64)
    ends = pool.ends(now_s)
    reservation = plan_easy(
        pool.free_milli, ends, pool.held_milli, need, run, float(now_s), starts, head
    )
    start_s = np.full(pending.size, np.nan)
    start_s[queue] = starts
    first = int(head[0])
    return BackfillPlan(
        start_now=queue[starts == now_s],
        start_s=start_s,
        head=int(queue[first]) if first >= 0 else -1,
        head_start_s=float(reservation),
        spare_milli=int(head[1]),
    )
