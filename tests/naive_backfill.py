"""Slow and obvious twins of the kernels that order and backfill, under the kernels' names.

A profile is a list of steps (time, free units). Jobs and whatever runs are plain lists. The twins
return values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

Steps = list[tuple[float, int]]


def queue_share(used: Sequence[float], capacity: Sequence[float], weight: float) -> float:
    return max([0.0, *(u / c for u, c in zip(used, capacity, strict=True) if c > 0)]) / weight


def serve_least_share(
    queues: Sequence[Sequence[int]],
    amounts: Sequence[Sequence[float]],
    capacity: Sequence[float],
    weight: Sequence[float],
    used: Sequence[Sequence[float]],
) -> list[int]:
    """``queues[q]`` are the jobs of queue q in its own order."""
    waiting = [list(jobs) for jobs in queues]
    used = [list(row) for row in used]
    order = []
    while any(waiting):
        shares = [
            (queue_share(used[q], capacity, weight[q]), q) for q in range(len(queues)) if waiting[q]
        ]
        queue = min(shares)[1]
        job = waiting[queue].pop(0)
        order.append(job)
        used[queue] = [u + a for u, a in zip(used[queue], amounts[job], strict=True)]
    return order


def gittins_indices(sizes: Sequence[int], attained: Sequence[int]) -> list[float]:
    """By the definition: every delta that ends at a size."""
    indices = []
    for a in attained:
        rest = [size - a for size in sizes if size > a]
        best = Fraction(0)
        for delta in rest:
            finished = sum(r <= delta for r in rest)
            best = max(best, Fraction(finished, sum(min(r, delta) for r in rest)))
        indices.append(float(best))
    return indices


def fill_profile(free_now: int, running: Sequence[tuple[float, int]], now_s: float) -> Steps:
    times = sorted({now_s, *(end for end, _ in running if end < math.inf)})
    return [(t, free_now + sum(held for end, held in running if end <= t)) for t in times]


def free_at(steps: Steps, time_s: float) -> int:
    return [free for time, free in steps if time <= time_s][-1]


def cut_profile(steps: Steps, time_s: float) -> Steps:
    if math.isinf(time_s) or any(time == time_s for time, _ in steps):
        return list(steps)
    return sorted([*steps, (time_s, free_at(steps, time_s))])


def change_profile(steps: Steps, start_s: float, end_s: float, units: int) -> Steps:
    return [(t, free + units if start_s <= t < end_s else free) for t, free in steps]


def earliest_in_profile(steps: Steps, need: int, run_s: float) -> float:
    for start, free in steps:
        window = [f for t, f in steps if start <= t < start + run_s]
        if free >= need and all(f >= need for f in window):
            return start
    return math.inf


def _reserve(steps: Steps, start_s: float, end_s: float, units: int) -> Steps:
    steps = cut_profile(cut_profile(steps, start_s), end_s)
    return change_profile(steps, start_s, end_s, -units)


def plan_conservative(
    free_now: int,
    running: Sequence[tuple[float, int]],
    jobs: Sequence[tuple[int, float]],
    promised_s: Sequence[float],
    now_s: float,
) -> tuple[list[float], bool]:
    """``jobs`` are (need, run time); the profile is made anew for each job."""
    kept = all(math.isnan(p) or now_s <= p < math.inf for p in promised_s)
    fresh = fill_profile(free_now, running, now_s)
    if kept:
        steps = fresh
        for (need, run_s), promise in zip(jobs, promised_s, strict=True):
            if not math.isnan(promise):
                steps = _reserve(steps, promise, promise + run_s, need)
        kept = all(free >= 0 for _, free in steps) or all(math.isnan(p) for p in promised_s)
    planned: list[float] = []
    for j, (need, run_s) in enumerate(jobs):
        steps = fresh
        for k, (other, other_run) in enumerate(jobs):
            start = planned[k] if k < j else promised_s[k] if kept and k > j else math.nan
            if start < math.inf:
                steps = _reserve(steps, start, start + other_run, other)
        planned.append(earliest_in_profile(steps, need, run_s))
    return planned, kept


def plan_easy(
    free_now: int,
    running: Sequence[tuple[float, int]],
    jobs: Sequence[tuple[int, float]],
    now_s: float,
) -> tuple[list[float], int, int, float]:
    """Return starts, the head, the spare units and the head's reservation."""
    total = free_now + sum(held for _, held in running)
    starts = [math.inf if need > total else math.nan for need, _ in jobs]
    running = list(running)
    able = [j for j, (need, _) in enumerate(jobs) if need <= total]
    while able and jobs[able[0]][0] <= free_now:
        need, run_s = jobs[able[0]]
        starts[able.pop(0)] = now_s
        running.append((now_s + run_s, need))
        free_now -= need
    if not able:
        return starts, -1, free_now, math.inf
    head, head_need = able[0], jobs[able[0]][0]
    steps = fill_profile(free_now, running, now_s)
    reservation = earliest_in_profile(steps, head_need, 0.0)
    starts[head] = reservation
    waits_for_overdue = reservation == math.nextafter(now_s, math.inf)
    is_unknown = math.isinf(reservation) or waits_for_overdue
    spare = 0 if is_unknown else free_at(steps, reservation) - head_need
    for j in able[1:]:
        need, run_s = jobs[j]
        is_over = reservation < math.inf and now_s + run_s <= reservation
        if need <= free_now and (is_over or need <= spare):
            starts[j] = now_s
            free_now -= need
            spare -= 0 if is_over else need
    return starts, head, spare, reservation
