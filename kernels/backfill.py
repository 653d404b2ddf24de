"""Backfilling on counts: which queued jobs start now, and when the others will.

A pool has units (GPUs, or thousandths) that are all alike. Jobs are in the order of the queue:
``need`` : (n_jobs,) int64 units, ``run_s`` : (n_jobs,) estimates > 0, infinite where unknown. Times
are seconds; what runs frees its ``held`` units at ``end_s``, later than ``now_s`` and infinite
where unknown.

The profile of a pool is its free units over time as steps: ``free`` from a step's time on until
the next, the last for ever. Steps stand in blocks that are chained, so that one step more moves
few others, and a search leaves blocks out by their least and most. ``times`` (float64) and
``free`` (int64) : (n_blocks, size). ``chain`` : (6, n_blocks), rows: steps in the block, the block
after it or -1, what to add to its ``free``, the least and the most of them with that added, and (in
column 0) how many blocks are in use and (in column 1) a block from which to look for a time,
where the last search ended. Block 0 is the first.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, FloatTable, IntArray, IntTable

COUNT, NEXT, ADD, LEAST, MOST, USED = range(6)
BLOCK = 128
"""Steps in a block: 64 to 256 are as fast, 32 is a fifth slower (``bench/ordering.py``)."""


@kernel
def fill_profile(
    free_now: int,
    end_s: FloatArray,
    held: IntArray,
    now_s: float,
    times: FloatTable,
    free: IntTable,
    chain: IntTable,
) -> None:
    """Make the profile of a pool with ``free_now`` units free; ``end_s`` ascending.

    There must be blocks for half as many steps each. What has no end frees nothing.
    """
    half = times.shape[1] // 2
    block, at = 0, 0
    chain[:, :] = 0
    chain[NEXT, 0] = -1
    times[0, 0] = now_s
    free[0, 0] = free_now
    for i in range(end_s.size):
        if end_s[i] == np.inf:
            break
        before = free[block, at]
        if end_s[i] == times[block, at]:
            free[block, at] = before + held[i]
            continue
        at += 1
        if at == half:
            chain[COUNT, block] = at
            chain[NEXT, block] = block + 1
            block += 1
            at = 0
            chain[NEXT, block] = -1
        times[block, at] = end_s[i]
        free[block, at] = before + held[i]
    chain[COUNT, block] = at + 1
    chain[USED, 0] = block + 1
    for b in range(block + 1):
        # Free units only grow along the ends.
        chain[LEAST, b] = free[b, 0]
        chain[MOST, b] = free[b, chain[COUNT, b] - 1]


@kernel
def cut_profile(times: FloatTable, free: IntTable, chain: IntTable, time_s: float) -> None:
    """Make a step begin at a time, which is not before the first; at infinity, none."""
    if time_s == np.inf:
        return
    block = chain[USED, 1]
    if times[block, 0] > time_s:
        block = 0
    after = chain[NEXT, block]
    while after >= 0 and times[after, 0] <= time_s:
        block = after
        after = chain[NEXT, block]
    count = chain[COUNT, block]
    if count == times.shape[1]:
        half = count // 2
        new = chain[USED, 0]
        chain[USED, 0] += 1
        chain[NEXT, new] = after
        chain[NEXT, block] = new
        chain[COUNT, block] = half
        chain[COUNT, new] = count - half
        chain[ADD, new] = chain[ADD, block]
        for i in range(half, count):
            times[new, i - half] = times[block, i]
            free[new, i - half] = free[block, i]
        for b in (block, new):
            least = free[b, 0]
            most = least
            for i in range(1, chain[COUNT, b]):
                least = min(least, free[b, i])
                most = max(most, free[b, i])
            chain[LEAST, b] = least + chain[ADD, b]
            chain[MOST, b] = most + chain[ADD, b]
        if times[new, 0] <= time_s:
            block = new
        count = chain[COUNT, block]
    at = count
    while times[block, at - 1] > time_s:
        at -= 1
    if times[block, at - 1] == time_s:
        return
    for i in range(count, at, -1):
        times[block, i] = times[block, i - 1]
        free[block, i] = free[block, i - 1]
    times[block, at] = time_s
    free[block, at] = free[block, at - 1]
    chain[COUNT, block] = count + 1


@kernel
def change_profile(
    times: FloatTable, free: IntTable, chain: IntTable, start_s: float, end_s: float, units: int
) -> None:
    """Add units to all steps in ``[start_s, end_s)``; steps begin at both."""
    block = chain[USED, 1]
    if times[block, 0] > start_s:
        block = 0
    after = chain[NEXT, block]
    while after >= 0 and times[after, 0] <= start_s:
        block = after
        after = chain[NEXT, block]
    chain[USED, 1] = block
    while block >= 0 and times[block, 0] < end_s:
        count = chain[COUNT, block]
        if times[block, 0] >= start_s and times[block, count - 1] < end_s:
            chain[ADD, block] += units
            chain[LEAST, block] += units
            chain[MOST, block] += units
        else:
            least = np.int64(2**62)
            most = -least
            for i in range(count):
                if start_s <= times[block, i] < end_s:
                    free[block, i] += units
                least = min(least, free[block, i])
                most = max(most, free[block, i])
            chain[LEAST, block] = least + chain[ADD, block]
            chain[MOST, block] = most + chain[ADD, block]
        block = chain[NEXT, block]


@kernel
def earliest_in_profile(
    times: FloatTable, free: IntTable, chain: IntTable, need: int, run_s: float
) -> float:
    """Return the first time from which ``need`` units are free for ``run_s``, or infinity.

    It is the beginning of a step: before, something is missing.
    """
    start = np.inf
    block = 0
    while block >= 0:
        is_open = start != np.inf
        if is_open and times[block, 0] >= start + run_s:
            return start
        if chain[MOST, block] < need:
            start = np.inf
        elif chain[LEAST, block] >= need:
            if not is_open:
                start = times[block, 0]
                chain[USED, 1] = block
        else:
            short = need - chain[ADD, block]
            for i in range(chain[COUNT, block]):
                if free[block, i] < short:
                    if is_open and times[block, i] >= start + run_s:
                        return start
                    is_open = False
                elif not is_open:
                    is_open = True
                    start = times[block, i]
                    chain[USED, 1] = block
            if not is_open:
                start = np.inf
        block = chain[NEXT, block]
    return start


@kernel
def plan_conservative(
    free_now: int,
    end_s: FloatArray,
    held: IntArray,
    need: IntArray,
    run_s: FloatArray,
    promised_s: FloatArray,
    now_s: float,
    start_s: FloatArray,
) -> bool:
    """Give each job in turn the earliest start that delays nobody before it, nor a promise.

    ``end_s`` ascending. ``promised_s`` : (n_jobs,) starts that were promised before, NaN where
    none was. Fills ``start_s``, infinite where a job can never start by what is known. Returns
    whether all promises could be kept; if not (something ran longer than it was to), all are
    forgotten and everything is planned afresh.
    """
    size = BLOCK
    steps = 2 + end_s.size + 3 * need.size
    n_blocks = 2 + 2 * steps // size
    times = np.empty((n_blocks, size), np.float64)
    free = np.empty((n_blocks, size), np.int64)
    chain = np.empty((6, n_blocks), np.int64)
    fill_profile(free_now, end_s, held, now_s, times, free, chain)
    kept = True
    promises = 0
    for job in range(need.size):
        promise = promised_s[job]
        if np.isnan(promise):
            continue
        if promise < now_s or promise == np.inf:
            kept = False
            break
        promises += 1
        cut_profile(times, free, chain, promise)
        cut_profile(times, free, chain, promise + run_s[job])
        change_profile(times, free, chain, promise, promise + run_s[job], -need[job])
    if promises > 0 and kept:
        for block in range(chain[USED, 0]):
            kept = kept and chain[LEAST, block] >= 0
    if not kept:
        fill_profile(free_now, end_s, held, now_s, times, free, chain)
    for job in range(need.size):
        promise = promised_s[job]
        if kept and not np.isnan(promise):
            change_profile(times, free, chain, promise, promise + run_s[job], need[job])
        start = earliest_in_profile(times, free, chain, need[job], run_s[job])
        start_s[job] = start
        if start == np.inf:
            continue
        end = start + run_s[job]
        cut_profile(times, free, chain, end)
        change_profile(times, free, chain, start, end, -need[job])
    return kept


@kernel
def plan_easy(
    free_now: int,
    end_s: FloatArray,
    held: IntArray,
    need: IntArray,
    run_s: FloatArray,
    now_s: float,
    start_s: FloatArray,
    head: IntArray,
) -> float:
    """Start the jobs that the queue's head is not delayed by; return the head's reservation.

    Jobs start in turn while they fit; the first that does not is the head. Its reservation is
    the first time at which enough will be free, infinite if that cannot be known. Those behind it
    start now if they fit and are over by then, or need no more than what the head will leave
    over (``spare``; nothing while it waits only for what is overdue, which ends one float after
    ``now_s``). Fills ``start_s``: ``now_s``, the head's reservation, NaN for those that wait,
    infinite for those that need more than the pool has, who are never head. ``head`` gets (head
    or -1, spare left).
    """
    n_running = end_s.size
    ends = np.empty(n_running + need.size, np.float64)
    units = np.empty(n_running + need.size, np.int64)
    total = free_now
    for i in range(n_running):
        ends[i] = end_s[i]
        units[i] = held[i]
        total += held[i]
    left = free_now
    head[0] = -1
    for job in range(need.size):
        if need[job] > total:
            start_s[job] = np.inf
            continue
        if need[job] > left:
            head[0] = job
            break
        start_s[job] = now_s
        left -= need[job]
        ends[n_running] = now_s + run_s[job]
        units[n_running] = need[job]
        n_running += 1
    if head[0] < 0:
        head[1] = left
        return np.inf
    then = left
    reservation = np.inf
    order = np.argsort(ends[:n_running])
    for i in order:
        if ends[i] == np.inf or (reservation != np.inf and ends[i] > reservation):
            break
        then += units[i]
        if reservation == np.inf and then >= need[head[0]]:
            reservation = ends[i]
    # Nobody passes a head of which nobody knows when it starts, or that waits only for what is
    # overdue (of which nobody knows what ends first), but those that need nothing.
    is_unknown = reservation == np.inf or reservation <= np.nextafter(now_s, np.inf)
    spare = np.int64(0) if is_unknown else then - need[head[0]]
    start_s[head[0]] = reservation
    for job in range(head[0] + 1, need.size):
        start_s[job] = np.inf if need[job] > total else np.nan
        if need[job] > left:
            continue
        if not (reservation != np.inf and now_s + run_s[job] <= reservation):
            if need[job] > spare:
                continue
            spare -= need[job]
        start_s[job] = now_s
        left -= need[job]
    head[1] = spare
    return reservation
