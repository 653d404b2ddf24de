"""Slow and obvious twins of the kernels of running jobs, one function a kernel, by its name.

A heap is a list of items, a calendar a dict from items to times, a job and a seat are objects. The
twins return values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import naive_speed
from naive_speed import Rates, Tenant

# --- the calendar ------------------------------------------------------------------------------


def sift_up(at: int, times: Sequence[float], heap: Sequence[int]) -> tuple[int, list[int]]:
    """Where the item ends and the heap then: those on its way to the root, sorted."""
    way = [at]
    while way[-1] > 0:
        way.append((way[-1] - 1) // 2)
    ordered = sorted((heap[place] for place in way), key=lambda item: (times[item], item))
    after = list(heap)
    for place, item in zip(sorted(way), ordered, strict=True):
        after[place] = item
    return after.index(heap[at]), after


def sift_down(at: int, times: Sequence[float], heap: Sequence[int]) -> list[int]:
    """The heap after the item changed places with its first child as long as that is before."""
    after = list(heap)
    below = [place for place in (2 * at + 1, 2 * at + 2) if place < len(heap)]
    first = min([at, *below], key=lambda place: (times[after[place]], after[place]))
    if first == at:
        return after
    after[at], after[first] = after[first], after[at]
    return sift_down(first, times, after)


def set_times(
    expected: Mapping[int, float], items: Sequence[int], new: Sequence[float]
) -> dict[int, float]:
    """What is expected after items got new times; never is out."""
    after = {**expected, **dict(zip(items, new, strict=True))}
    return {item: time for item, time in after.items() if time < math.inf}


def take_due(expected: Mapping[int, float], until: float) -> list[int]:
    """The items that are due, the earliest first."""
    due = [(time, item) for item, time in expected.items() if time <= until]
    return [item for _, item in sorted(due)]


# --- progress ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """The state of a job, in exact numbers."""

    work: Fraction
    done: Fraction
    safe: Fraction
    rate: Fraction
    since: Fraction
    ready: Fraction


def settle_one(job: Job, now: Fraction, checkpoint: Fraction) -> Job:
    """Go from checkpoint to checkpoint."""

    def done_at(time: Fraction) -> Fraction:
        worked = max(Fraction(0), time - max(job.since, job.ready))
        return min(job.work, job.done + worked * job.rate)

    safe = job.safe
    if checkpoint:
        at = job.ready + checkpoint
        while at <= now:
            if at > job.since:
                safe = done_at(at)
            at += checkpoint
    else:
        safe = done_at(now)
    return replace(job, done=done_at(now), safe=safe, since=now)


def settle(jobs: Sequence[Job], now: Fraction, checkpoint: Fraction) -> list[Job]:
    """Each by itself."""
    return [settle_one(job, now, checkpoint) for job in jobs]


def change_rates(
    jobs: Sequence[Job], rates: Sequence[Fraction], now: Fraction, checkpoint: Fraction
) -> tuple[list[Job], list[Fraction | float]]:
    """The jobs with their new rates, and when each is finished."""
    after = [
        replace(job, rate=rate)
        for job, rate in zip(settle(jobs, now, checkpoint), rates, strict=True)
    ]
    return after, [expected_end(job) for job in after]


def settle_each(jobs: Sequence[Job], now: Fraction, checkpoints: Sequence[Fraction]) -> list[Job]:
    """Each by its own checkpoints."""
    return [settle_one(job, now, own) for job, own in zip(jobs, checkpoints, strict=True)]


def change_rates_each(
    jobs: Sequence[Job], rates: Sequence[Fraction], now: Fraction, checkpoints: Sequence[Fraction]
) -> tuple[list[Job], list[Fraction | float]]:
    """The jobs with their new rates, and when each is finished."""
    settled = zip(settle_each(jobs, now, checkpoints), rates, strict=True)
    after = [replace(job, rate=rate) for job, rate in settled]
    return after, [expected_end(job) for job in after]


def expected_end(job: Job) -> Fraction | float:
    """When a job that is settled will be finished."""
    start = max(job.since, job.ready)
    if job.done == job.work:
        return start
    return start + (job.work - job.done) / job.rate if job.rate else math.inf


# --- tenants -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seat:
    """A pod's part of one GPU; ``demand`` is what its job asks for."""

    job: int
    demand: Tenant
    compute: float = 1.0
    memory: float = 1.0
    instance: int = 0

    @property
    def tenant(self) -> Tenant:
        """The tenant that the speed models see."""
        return replace(
            self.demand, compute=self.compute, memory=self.memory, instance=self.instance
        )


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, how it is shared, and who sits there."""

    mode: str
    seats: tuple[Seat, ...]


def slow_gpu(mode: str, seats: Sequence[Seat], rates: Rates) -> list[float]:
    """The slowdown of each seat of one GPU."""
    tenants = [seat.tenant for seat in seats]
    if mode == "mps":
        return naive_speed.slow_mps(tenants, rates)
    if mode == "mig":
        return naive_speed.slow_mig(tenants, rates)
    if mode == "hami":
        return naive_speed.slow_timeslice(tenants, rates)
    if mode == "timeslice":
        whole = [replace(tenant, compute=1.0) for tenant in tenants]
        return naive_speed.slow_timeslice(whole, replace(rates, overhead=0.0))
    return [1.0] * len(tenants)


def retime(
    gpus: Sequence[Gpu], changed: Sequence[int], base: Sequence[float], rates: Rates
) -> dict[int, float]:
    """The rate of each job that has a seat on a changed GPU: as its slowest seat lets it."""
    slowest: dict[int, float] = {}
    for gpu in gpus:
        slow = slow_gpu(gpu.mode, gpu.seats, rates)
        for seat, by in zip(gpu.seats, slow, strict=True):
            slowest[seat.job] = max(slowest.get(seat.job, 1.0), by)
    jobs = {seat.job for number in changed for seat in gpus[number].seats}
    return {job: base[job] / slowest[job] for job in sorted(jobs)}


# --- all three at once -------------------------------------------------------------------------


Advanced = tuple[dict[int, Job], dict[int, float]]
"""Jobs as they are once they have their new rates, and when they are to finish."""


def advance(
    gpus: Sequence[Gpu],
    base: Sequence[float],
    rates: Rates,
    jobs: Sequence[Job],
    now: Fraction,
    checkpoint: Fraction,
) -> Advanced:
    """The jobs that get a rate on any of the GPUs."""
    return expect(retime(gpus, range(len(gpus)), base, rates), jobs, now, checkpoint)


def advance_alone(
    alone: Sequence[int],
    base: Sequence[float],
    jobs: Sequence[Job],
    now: Fraction,
    checkpoint: Fraction,
) -> Advanced:
    """The jobs that run alone."""
    return expect({job: base[job] for job in alone}, jobs, now, checkpoint)


def expect(
    new: Mapping[int, float], jobs: Sequence[Job], now: Fraction, checkpoint: Fraction
) -> Advanced:
    """Some jobs with new rates."""
    before = [jobs[job] for job in new]
    fractions = [Fraction(rate) for rate in new.values()]
    after, ends = change_rates(before, fractions, now, checkpoint)
    expected = set_times({}, list(new), [float(end) for end in ends])
    return dict(zip(new, after, strict=True)), expected
