"""Jobs that are held back until their hour has come."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bayplan.scheduler.arrays import FloatArray
from bayplan.scheduler.types import Decision
from bayplan.simulator.core.book import State
from bayplan.simulator.core.clock import Clock, Turn
from bayplan.simulator.core.deferral.room import Room
from bayplan.simulator.core.deferral.sites import Sites
from bayplan.simulator.core.deferral.windows import TIE, best_start
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.hourly import HOUR_S


class _Plan(NamedTuple):
    """When a job is to start and to end, where, and when it is to start at the latest."""

    start_s: float
    end_s: float
    places: tuple[int, ...]
    latest_s: float


class Holding:
    """Holds jobs with a deadline back until the window that costs least, while there is room.

    A job is held back when it would fit now, and when at some place a later window costs less than
    where it would go now. The window is as long as the job is estimated to run on the slowest GPUs
    of the cluster, and begins at the latest that run and ``margin`` of it before the deadline. Only
    windows count for which there is room at the place, beside those who run there and those who
    were promised it before. Held jobs are looked at when jobs arrive, when nodes change and at each
    full hour; those for whom ``Room`` sees none in time go to the queue at once. There a job has
    the place that it would have had.

    Source of the windows: Wiesner et al., Let's Wait Awhile, Middleware 2021. That carbon is to be
    weighed against waits is the subject of Hanafy et al., GAIA, ASPLOS 2024; ``least_saving`` and
    the metrics of deferral are for that.

    Attributes
    ----------
    n_deferred
        Jobs that were held back.
    """

    def __init__(self, floor: Floor, sites: Sites) -> None:
        self._floor, self._sites = floor, sites
        self._room = Room(floor, sites)
        settings = floor.settings.deferring
        self._margin, self._headroom = settings.margin, settings.headroom
        self._saving = settings.least_saving
        self._plans: dict[int, _Plan] = {}
        self._new: dict[int, _Plan] = {}
        self._ticks_s = math.inf
        self.n_deferred = 0
        self._held_s: FloatArray = np.zeros(floor.book.n_jobs)

    def held_s(self) -> FloatArray:
        """Return for how long each job was held back until now, 0 if it was not: (n_jobs,)."""
        found = self._held_s.copy()
        for job in self._plans:
            found[job] = self._floor.now_s - self._floor.book.arrival_s.item(job)
        return found

    def begin(self, clock: Clock, released: Callable[[int], None]) -> None:
        """Use a clock, and tell how many were released each time that an hour comes."""
        self._clock, self._released = clock, released

    def __len__(self) -> int:
        return len(self._plans)

    def arrive(self, job: int) -> None:
        """Let a job join the queue, or come to be held back at the next ``look``."""
        plan = self._plan(job)
        if plan is None:
            self._floor.arrive(job)
        else:
            self._new[job] = plan

    def forget(self, job: int) -> None:
        """Let a job go that was withdrawn."""
        self._new.pop(job, None)
        if self._plans.pop(job, None) is not None:
            self._count(job)

    def look(self) -> int:
        """Release whom there may be no room for in time; return how many."""
        if not (self._plans or self._new):
            return 0
        plans = self._plans | self._new
        jobs = sorted(plans, key=lambda job: (plans[job].latest_s, job))
        latest_s = np.array([plans[job].latest_s for job in jobs])
        late = {jobs[k] for k in self._room.late(jobs, latest_s, self._headroom)}
        self._keep(late)
        early = [job for job in jobs if job in late and job in self._plans]
        for job in early:
            self._release(job, "early")
        return len(early)

    def _plan(self, job: int) -> _Plan | None:
        """Return when a job that comes now is to start, None: now."""
        floor, book = self._floor, self._floor.book
        deadline_s = book.deadline_s.item(job)
        if math.isnan(deadline_s) or deadline_s <= floor.now_s:
            return None
        decisions = floor.decide(job)
        if decisions is None:
            return None
        run_s = floor.estimated_run_s(job, decisions) * self._slower(job, decisions)
        latest_s = latest_start(deadline_s, run_s * (1.0 + self._margin))
        here = [decision.placement.node for decision in decisions if decision.placement]
        _, now = best_start(self._sites.costs_of(here), floor.now_s, floor.now_s, run_s)
        offers = []
        for places, costs in self._sites.options(job):
            start_s, cost = best_start(costs, floor.now_s, latest_s, run_s)
            is_less = now - cost > TIE * abs(now) and now - cost >= self._saving * abs(now)
            if start_s > floor.now_s and is_less:
                offers.append((cost, start_s, places))
        for _, start_s, places in sorted(offers):
            plan = _Plan(start_s, start_s + run_s, places, latest_s)
            if self._room.has(job, places, start_s, self._beside(plan), self._headroom):
                return plan
        return None

    def _beside(self, plan: _Plan) -> list[int]:
        """Return the jobs held back that are to run where and when a plan is, in part."""
        return [
            job
            for job, other in (*self._plans.items(), *self._new.items())
            if other.start_s < plan.end_s
            and plan.start_s < other.end_s
            and other.places == plan.places
        ]

    def _slower(self, job: int, decisions: Sequence[Decision]) -> float:
        """Return how many times longer a job runs at the worst place than where it was decided."""
        floor, job_type = self._floor, self._floor.book.job_type[job]
        here = floor.places.speed(
            job_type, [each.placement for each in decisions if each.placement]
        )
        apart = floor.settings.locality
        worst = floor.places.slowest(job_type)
        if len(decisions) > 1:
            worst *= min(apart.across_nodes, apart.across_racks)
        return max(1.0, here / worst)

    def _keep(self, late: set[int]) -> None:
        """Hold the new ones back, but for those who would be late: they arrive."""
        floor = self._floor
        for job, plan in self._new.items():
            if job in late:
                floor.arrive(job)
                continue
            self._plans[job] = plan
            self.n_deferred += 1
            floor.book.state[job] = State.AWAY
            floor.note("arrive", job)
            floor.note("defer", job, f"until {plan.start_s:.15g}")
            self._clock.at(plan.start_s, partial(self._due, job), Turn.RETURN)
        self._new.clear()
        self._arm()

    def _arm(self) -> None:
        """Look again at the next full hour, as long as somebody is held back."""
        next_s = HOUR_S * (math.floor(self._floor.now_s / HOUR_S) + 1)
        if self._plans and not self._floor.now_s < self._ticks_s <= next_s:
            self._ticks_s = next_s
            self._clock.at(next_s, self._tick, Turn.CHANGE)

    def _tick(self, _: Any) -> None:
        self._ticks_s = math.inf
        if not self._plans:
            return
        self._floor.now_s = self._clock.now
        if released := self.look():
            self._released(released)
        self._arm()

    def _due(self, job: int, _: Any) -> None:
        if job not in self._plans:
            return  # released early, or withdrawn
        self._floor.now_s = self._clock.now
        self._release(job, "")
        self._released(1)

    def _release(self, job: int, how: str) -> None:
        del self._plans[job]
        self._count(job)
        self._floor.release(job, how)

    def _count(self, job: int) -> None:
        self._held_s[job] = self._floor.now_s - self._floor.book.arrival_s.item(job)


def latest_start(deadline_s: float, run_s: float) -> float:
    """Return the last start from which a run is over by a deadline, as floats add up."""
    latest_s = deadline_s - run_s
    while latest_s + run_s > deadline_s:
        latest_s = math.nextafter(latest_s, -math.inf)
    return latest_s
