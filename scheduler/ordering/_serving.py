"""Serving queues in turn by their shares, which grow with what is served."""

from __future__ import annotations

import numpy as np

from bayplan.kernels.order import serve_least_share
from bayplan.scheduler.arrays import FloatArray, FloatTable, IntArray
from bayplan.scheduler.ordering.pending import Pending


def serve_queues(
    pending: Pending,
    inside: IntArray,
    amounts: FloatTable,
    used: FloatTable,
    capacity: FloatArray,
) -> IntArray:
    """Return the rows as the queue with the least share is served, again and again.

    ``inside`` are the rows in the order in which each queue wants its own. ``amounts`` (n_jobs,
    n_resources) is what a job adds to ``used`` (n_queues, n_resources), of ``capacity``.
    """
    queue = pending.queue[inside]
    jobs = inside[np.argsort(queue, kind="stable")]
    counts = np.bincount(queue, minlength=len(pending.queues.names))
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))
    out = np.empty(pending.size, np.int64)
    serve_least_share(first, jobs, amounts, capacity, pending.queues.weight, used.copy(), out)
    return out
