"""Conservative backfilling: a reservation for every job of the queue, by sums of GPUs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayplan.scheduler.ordering import Pool
from bayplan.scheduler.ordering.conservative import conservative
from bayplan.simulator.core.floor import Floor


class ConservativeBackfill:
    """Every job of the queue, up to a depth, has a start that none behind it may delay.

    Reservations are of GPUs as a sum over the cluster: a job whose time has come and that finds no
    node, because what is free is scattered, waits for the next pass. Nobody knows yet on which
    GPUs a job will run: it is planned for the slowest. Promises are kept from
    pass to pass while no estimate was too low.
    """

    settled = True

    def __init__(self, depth: int | None) -> None:
        self._depth = depth
        self._promised: dict[int, float] = {}

    def is_idle(self, floor: Floor) -> bool:
        """Look each time: who comes gets a reservation."""
        return False

    def run(self, floor: Floor) -> None:
        """Plan the queue, and start whose turn it is."""
        jobs = floor.waiting.jobs()
        if not jobs.size:
            self._promised.clear()
            return
        pending = floor.columns.of(jobs, floor.now_s)
        speed = np.array([floor.places.slowest(floor.book.job_type[job]) for job in jobs.tolist()])
        pending = replace(
            pending,
            run_time_s=pending.run_time_s / speed,
            remaining_s=pending.remaining_s / speed,
        )
        queue = floor.waiting.order_of(pending, floor.now_s)
        running = [(end_s, floor.book.held_milli.item(job)) for end_s, job in floor.expected_ends()]
        promised = np.array([self._promised.get(job, np.nan) for job in jobs.tolist()])
        pool = Pool.of(floor.free_milli(), running)
        plan = conservative(pool, pending, queue, floor.now_s, self._depth, promised)
        starts = plan.start_s.tolist()
        self._promised = dict(zip(jobs.tolist(), starts, strict=True))
        for row in plan.start_now.tolist():
            job = int(jobs[row])
            if not floor.waiting.is_blocked(job) and not floor.try_start(job):
                floor.waiting.block(floor.book.class_of.item(job))
