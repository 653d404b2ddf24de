"""Serving orders that are more than a sort: queues by their share, jobs by their Gittins index."""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, FloatTable, IntArray


@kernel
def queue_share(used: FloatTable, capacity: FloatArray, weight: float, queue: int) -> float:
    """Return the largest fraction of a resource that a queue uses, over its weight.

    Resources of which there is nothing do not count.
    """
    most = 0.0
    for r in range(capacity.size):
        if capacity[r] > 0.0:
            most = max(most, used[queue, r] / capacity[r])
    return most / weight


@kernel
def serve_least_share(
    first: IntArray,
    jobs: IntArray,
    amounts: FloatTable,
    capacity: FloatArray,
    weight: FloatArray,
    used: FloatTable,
    out: IntArray,
) -> None:
    """Serve, again and again, the next job of the queue with the least share.

    ``jobs[first[q]:first[q + 1]]`` are the jobs of queue ``q`` in the order in which it wants
    them served; ``first`` : (n_queues + 1,). ``amounts`` : (n_jobs, n_resources), what a job adds
    to its queue's row of ``used`` : (n_queues, n_resources), which is changed. ``capacity`` :
    (n_resources,) in the same units, ``weight`` : (n_queues,) > 0. ``out`` : as many as ``jobs``.
    Of equal shares the lowest queue is served.

    Notes
    -----
    Progressive filling of dominant resource fairness (Ghodsi et al., NSDI 2011, algorithm 1) for
    demands that differ. A binary heap holds the queues that have jobs left.
    """
    n_queues = weight.size
    share = np.empty(n_queues, np.float64)
    at = np.empty(n_queues, np.int64)
    heap = np.empty(n_queues, np.int64)
    size = 0
    for queue in range(n_queues):
        at[queue] = first[queue]
        if first[queue] == first[queue + 1]:
            continue
        share[queue] = queue_share(used, capacity, weight[queue], queue)
        hole = size
        size += 1
        while hole > 0 and share[queue] < share[heap[(hole - 1) // 2]]:
            heap[hole] = heap[(hole - 1) // 2]
            hole = (hole - 1) // 2
        heap[hole] = queue
    for served in range(out.size):
        queue = heap[0]
        job = jobs[at[queue]]
        out[served] = job
        at[queue] += 1
        if at[queue] == first[queue + 1]:
            size -= 1
            queue = heap[size]
        else:
            for r in range(capacity.size):
                used[queue, r] += amounts[job, r]
            share[queue] = queue_share(used, capacity, weight[queue], queue)
        hole = 0
        while 2 * hole + 1 < size:
            child = 2 * hole + 1
            right = child + 1
            if right < size and (
                share[heap[right]] < share[heap[child]]
                or (share[heap[right]] == share[heap[child]] and heap[right] < heap[child])
            ):
                child = right
            if share[heap[child]] > share[queue] or (
                share[heap[child]] == share[queue] and heap[child] > queue
            ):
                break
            heap[hole] = heap[child]
            hole = child
        heap[hole] = queue


@kernel
def gittins_indices(sizes: FloatArray, attained: FloatArray, out: FloatArray) -> None:
    """Fill ``out`` with the Gittins index of a job that attained so much service.

    ``sizes`` : (n_sizes,) service that finished jobs took, ascending, each as likely.
    ``attained`` : (n_jobs,) in descending order. ``out`` : (n_jobs,). For the size S of a job,
    the index at ``a`` is the maximum over delta of P(S - a <= delta | S > a) /
    E[min(S - a, delta) | S > a]; 0 where no size is greater than ``a``.

    Notes
    -----
    Only deltas that end at a size can be best. With ``C(k)`` the sum of ``min(size, sizes[k - 1])``
    over all sizes and ``i`` sizes up to ``a``, the ratio is ``(k - i) / (C(k) - C')``, ``C'`` the
    sum of ``min(size, a)``: the slope from the point (C', i) to (C(k), k). The best is a tangent to
    the upper hull of the points after ``i``, which grows from the right as ``a`` falls: a search
    by halves a job. Sums of whole numbers are exact.
    """
    n = sizes.size
    prefix = np.zeros(n + 1, np.float64)
    for k in range(n):
        prefix[k + 1] = prefix[k] + sizes[k]
    hull = np.empty(n, np.int64)
    depth = 0
    low = n
    for job in range(attained.size):
        a = attained[job]
        while low > 0 and sizes[low - 1] > a:
            x = prefix[low] + (n - low) * sizes[low - 1]
            # The top is the leftmost point: it goes when it lies on or below the new edge.
            while depth > 0:
                top = hull[depth - 1]
                top_x = prefix[top] + (n - top) * sizes[top - 1]
                if top_x == x:
                    # Sizes alike: the point with more of them is above.
                    break
                if depth == 1:
                    break
                under = hull[depth - 2]
                under_x = prefix[under] + (n - under) * sizes[under - 1]
                if (top - low) * (under_x - x) > (under - low) * (top_x - x):
                    break
                depth -= 1
            top = hull[depth - 1] if depth > 0 else 0
            if depth == 0 or prefix[top] + (n - top) * sizes[top - 1] != x:
                hull[depth] = low
                depth += 1
            low -= 1
        if depth == 0:
            out[job] = 0.0
            continue
        base = prefix[low] + (n - low) * a
        best = 0.0
        left, right = 0, depth - 1
        while left < right:
            middle = (left + right) // 2
            k, above = hull[middle], hull[middle + 1]
            one = (k - low) / (prefix[k] + (n - k) * sizes[k - 1] - base)
            two = (above - low) / (prefix[above] + (n - above) * sizes[above - 1] - base)
            if one >= two:
                right = middle
            else:
                left = middle + 1
        k = hull[left]
        best = (k - low) / (prefix[k] + (n - k) * sizes[k - 1] - base)
        out[job] = best
