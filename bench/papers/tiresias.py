"""Tiresias as Muri's simulator has it: discretised 2D-LAS with three queues, on a count of GPUs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering import Pending
from bayplan.scheduler.types import Node
from bayplan.simulator.core.book import Book, State
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.traces.jobs import JobTable
from papers.muri import ChargedAtEveryEvent

N_GPUS = 64

LIMITS_GPU_S = (3_250.0, 7_200.0)
"""Attained GPU-seconds at which a job leaves the first and the second queue."""


class Tiresias(ChargedAtEveryEvent):
    """Progress, order and trigger in one: all three look at the service that jobs attained.

    Attained service is the time that a job ran × its GPUs. A job enters the first queue, and goes
    to the end of the next when it attained the limit of its own, which is looked at in order of
    arrival. Queues are served in turn; within each those that ran come first. There is a pass
    whenever a running job reaches its limit.
    """

    tolerance = 0.0

    def __init__(self, table: JobTable) -> None:
        super().__init__(table)
        self._gpus = (table.gpu_count * table.pods).tolist()
        self._ran_s = [0.0] * len(table)
        self._queue_of = [0] * len(table)
        self._queues: list[list[int]] = [[], [], []]
        self._running: list[int] = []
        self._known: set[int] = set()

    # --- progress -------------------------------------------------------------------------

    def settle(self, book: Book, jobs: IntArray, now_s: float) -> None:
        """Count the time that jobs ran beside the work that they did in it."""
        self._running = jobs.tolist()
        for job in self._running:
            # Not ran + (now - since): a limit that was predicted would be missed by a rounding.
            self._ran_s[job] = (self._ran_s[job] + now_s) - book.since_s.item(job)
        super().settle(book, jobs, now_s)

    # --- order ----------------------------------------------------------------------------

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows, queue by queue."""
        row_of = {int(job): row for row, job in enumerate(pending.key)}
        running = set(self._running)
        for k, queue in enumerate(self._queues):
            here = [job for job in queue if job in row_of]
            self._queues[k] = [job for job in here if job in running]
            self._queues[k] += [job for job in here if job not in running]
        came = sorted(row_of.keys() - self._known)
        self._known.update(came)
        self._queues[0] += came
        for job in sorted(running):
            self._demote(job)
        return np.array([row_of[job] for queue in self._queues for job in queue], np.int64)

    def _demote(self, job: int) -> None:
        k = self._queue_of[job]
        if k < 2 and self._ran_s[job] * self._gpus[job] >= LIMITS_GPU_S[k]:
            self._queues[k].remove(job)
            self._queues[k + 1].append(job)
            self._queue_of[job] = k + 1

    # --- trigger --------------------------------------------------------------------------

    def happened(self, book: Book, now_s: float) -> float:
        """Hold a pass at every event."""
        return now_s

    def passed(self, book: Book, now_s: float) -> float:
        """Return when the first running job reaches the limit of its queue."""
        return min(
            (
                now_s
                + (
                    math.ceil(LIMITS_GPU_S[self._queue_of[job]] / self._gpus[job])
                    - self._ran_s[job]
                )
                for job in np.flatnonzero(book.state == State.RUNNING).tolist()
                if self._queue_of[job] < 2
            ),
            default=math.inf,
        )


def simulate(jobs: JobTable, *, log: bool = False) -> Outcome:
    """Simulate on a count of GPUs: one node that has them all, on which each job is one pod."""
    gpus = jobs.gpu_count * jobs.pods
    jobs = replace(jobs, gpu_count=gpus, pods=np.ones_like(gpus))
    tiresias = Tiresias(jobs)
    return Simulation(
        [Node("cluster", gpu_count=N_GPUS)],
        jobs,
        Settings(placement="first-fit", preemption="repack", log=log),
        Parts(ordering=tiresias, progress=tiresias, trigger=tiresias),
    ).run()
