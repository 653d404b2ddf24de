"""Elastic jobs as columns, and who gets how many pods of what there is: pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.timing import give_pods

SURE = 1e100
"""Pods worth as much or more are kept from whoever waits."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Elastic jobs that run, in the order of the queue: arrays (n,).

    Attributes
    ----------
    now_s
        The time.
    least, most, pods
        How many pods each may have, and has.
    milli
        Milli-GPU of a pod.
    gpus
        GPUs (shares as fractions) that the job's work is stated for.
    left_s
        Work left, in seconds on those, by its estimate.
    deadline_s
        NaN where there is none.
    first, speeds
        ``speeds[first[j] + k]`` is the speed with ``least[j] + k`` pods over that with the stated
        ones; ``first`` is (n + 1,).
    """

    now_s: float
    least: IntArray
    most: IntArray
    pods: IntArray
    milli: IntArray
    gpus: FloatArray
    left_s: FloatArray
    deadline_s: FloatArray
    first: IntArray
    speeds: FloatArray

    def with_fewer(self) -> FloatArray:
        """Return the speed with one pod fewer, where ``speeds`` has that with so many.

        NaN for the fewest pods.
        """
        before = np.roll(self.speeds, 1)
        before[self.first[:-1]] = np.nan
        return before

    def job_of(self) -> IntArray:
        """Return the job of each of ``speeds``."""
        return np.repeat(np.arange(self.pods.size), np.diff(self.first))

    def n_pods(self) -> IntArray:
        """Return the number of pods of each of ``speeds``."""
        job = self.job_of()
        return self.least[job] + np.arange(job.size) - self.first[job]


def targets(
    shares: Shares, worth: FloatArray, sure: IntArray, most: IntArray, free_milli: int
) -> IntArray:
    """Return how many pods each job is to have.

    Parameters
    ----------
    shares
        The jobs.
    worth
        Of the pod that makes a job one of so many, where ``Shares.speeds`` has the speed with so
        many; that of the fewest pods says nothing.
    sure, most
        (n,), pods that a job has in any case, and has at most.
    free_milli
        What there is to give beside those.
    """
    pods = sure.copy()
    # The pod that comes when a job has k is the one that makes it one of k + 1.
    first = shares.first[:-1] + 1 - shares.least
    give_pods(pods, most, shares.pods, shares.milli, first, worth, free_milli)
    return pods


def last_to_keep(shares: Shares, worth: FloatArray, pods: IntArray, fewest: IntArray) -> int:
    """Return who gives a pod back first for somebody who waits, or -1.

    That is whose last pod is worth least, of equal ones the last in the queue's order; those of a
    worth of ``SURE`` or more are kept.

    Parameters
    ----------
    shares, worth
        As for ``targets``.
    pods
        (n,), what each has.
    fewest
        (n,), what each keeps in any case.
    """
    chosen, least = -1, SURE
    for j in range(pods.size):
        if pods.item(j) <= fewest.item(j):
            continue
        mine = worth.item(shares.first.item(j) + pods.item(j) - shares.least.item(j))
        if mine <= least and mine < SURE:
            chosen, least = j, mine
    return chosen
