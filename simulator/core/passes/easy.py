"""EASY backfilling on nodes, not on sums: the reservation of the first is a place."""

from __future__ import annotations

import math

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.types import Decision
from bayplan.simulator.core.floor import Floor


class Easy:
    """The first of the queue that does not fit gets a reservation; others pass if it holds.

    The reservation is the earliest time at which the job fits when all that run end as estimated,
    found on a copy of the cluster from which they leave one by one. A job behind it may start now
    if it is estimated to end by then, or if beside it, where it would run, the first one
    still fits at that time. What runs longer than estimated is expected to end at once. With exact
    estimates, and where jobs do not slow each other down, no reserved start is missed. Source:
    Lifka: The ANL/IBM SP scheduling system, JSSPP 1995; on nodes instead of a count of processors.
    """

    settled = True

    def is_idle(self, floor: Floor) -> bool:
        """Whether all who wait are known not to fit."""
        return not floor.waiting.has_open

    def run(self, floor: Floor) -> None:
        """Start from the front, then backfill behind the first that does not fit."""
        shadow: Shadow | None = None
        for job in floor.waiting.in_order(floor.now_s).tolist():
            if floor.waiting.is_blocked(job):
                if shadow is None:
                    shadow = Shadow(floor, job)
                continue
            decisions = floor.decide(job)
            if decisions is None:
                floor.waiting.block(floor.book.class_of.item(job))
                if shadow is None:
                    shadow = Shadow(floor, job)
            elif shadow is None or shadow.allows(job, decisions):
                floor.start(job, decisions)


class Shadow:
    """The cluster at the time for which the first of the queue has a reservation.

    It is worked out when somebody wants to pass.
    """

    def __init__(self, floor: Floor, head: int) -> None:
        self._floor = floor
        self.head = head
        self.at_s = math.nan

    def allows(self, job: int, decisions: tuple[Decision, ...]) -> bool:
        """Whether a job may start now where it was decided; if so it is counted with."""
        floor = self._floor
        if math.isnan(self.at_s):
            self._look_ahead()
        if floor.now_s + floor.estimated_run_s(job, decisions) <= self.at_s:
            return True
        with self._cluster.trial() as trial:
            for decision in decisions:
                self._cluster.apply(Bound(decision, floor.now_s))
            if not self._fits():
                return False
            trial.keep()
        return True

    def _look_ahead(self) -> None:
        floor = self._floor
        self._cluster: Cluster = floor.cluster.copy()
        self._engine = Engine(
            self._cluster,
            floor.engine.policy,
            seed=floor.engine.seed,
            places=floor.engine.places,
        )
        need = floor.least_milli(self.head)
        free = floor.free_milli()
        self.at_s = math.inf
        ends = floor.expected_ends()
        for k, (end_s, job) in enumerate(ends):
            for uid in floor.pods.uids(job):
                self._cluster.apply(Gone(uid))
            free += floor.book.held_milli.item(job)
            at_once = k + 1 < len(ends) and ends[k + 1][0] == end_s
            if not at_once and free >= need and self._fits():
                self.at_s = end_s
                return

    def _fits(self) -> bool:
        return self._floor.decide(self.head, self._engine) is not None
