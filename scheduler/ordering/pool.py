"""What backfilling knows of the GPUs, and the plan that it makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering.pending import Pending

MIN_RUN_S = 1e-3
"""The least run time that is planned with: a job that takes no time holds its GPUs all the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """GPUs that are all alike, as amounts: milli-GPU free now, and who holds the rest.

    ``end_s`` and ``held_milli`` : (n_running,), when each is to end (NaN or infinite: unknown)
    and what it frees then. Only sums count: whether a job's nodes can hold it is for placement
    to say.
    """

    free_milli: int
    end_s: FloatArray
    held_milli: IntArray

    @classmethod
    def of(cls, free_milli: int, running: Iterable[tuple[float, int]]) -> Pool:
        """Return the pool of what is free and the (end, milli-GPU) of what runs.

        Raises
        ------
        ValueError
            An amount is negative.
        """
        rows = list(running)
        held = np.array([milli for _, milli in rows], np.int64)
        if free_milli < 0 or np.any(held < 0):
            raise ValueError("amounts of GPUs must not be negative")
        return cls(free_milli, np.array([end for end, _ in rows], np.float64), held)

    def ends(self, now_s: float) -> FloatArray:
        """Return when each is expected to end: unknown is never, overdue is at once.

        "At once" is the next moment that a float can state after ``now_s``.
        """
        known = np.where(np.isnan(self.end_s), np.inf, self.end_s)
        return np.maximum(known, np.nextafter(now_s, np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class BackfillPlan:
    """Which jobs start now, and when others are to.

    ``start_now`` are rows of ``Pending``, in the order of the queue. ``start_s`` : (n_jobs,) by
    row: ``now_s``, a reservation, infinite for a job that can never start by what is known,
    NaN for one without a plan. ``head`` is the first row of the queue that could start but for
    others (-1: none), ``head_start_s`` its reservation, and ``spare_milli`` what will be free
    beside it then (EASY alone). ``kept`` is False when promises could not be kept.
    """

    start_now: IntArray
    start_s: FloatArray
    head: int = -1
    head_start_s: float = np.inf
    spare_milli: int = 0
    kept: bool = True


class Backfill(Protocol):
    """Decides who of a queue may pass whom."""

    def __call__(self, pool: Pool, pending: Pending, queue: IntArray, now_s: float) -> BackfillPlan:
        """Return the plan for the rows ``queue``, first served first; others are left out."""


class Waiting(NamedTuple):
    """What the kernels take of a queue: needs in milli-GPU and run times, unknown is infinite."""

    need: IntArray
    run_s: FloatArray


def waiting(pending: Pending, queue: IntArray) -> Waiting:
    """Return what the kernels take of the rows of a queue."""
    run = pending.run_time_s[queue] if queue.size else np.empty(0, np.float64)
    left = np.where(np.isnan(pending.remaining_s[queue]), run, pending.remaining_s[queue])
    left = np.where(np.isnan(left), np.inf, left)
    return Waiting(pending.gpu_milli[queue], np.maximum(left, MIN_RUN_S))


def plan_pools(
    backfill: Backfill,
    pools: Mapping[int, Pool],
    pool_of: IntArray,
    pending: Pending,
    queue: IntArray,
    now_s: float,
) -> dict[int, BackfillPlan]:
    """Plan each pool (such as a GPU model) for itself; ``pool_of`` : (n_jobs,) numbers of pools."""
    return {
        number: backfill(pool, pending, queue[pool_of[queue] == number], now_s)
        for number, pool in sorted(pools.items())
    }
