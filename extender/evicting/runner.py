"""Carries out what the evictor decides: evictions, Events, metrics, log lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from bayplan.extender.aside import aside
from bayplan.extender.evicting.help import Victim
from bayplan.extender.evicting.machine import Machine
from bayplan.extender.evicting.news import News, Result
from bayplan.extender.evicting.numbers import EvictingNumbers
from bayplan.extender.evicting.searching import judge, search
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.plans import Plan
from bayplan.extender.service.calls import Calls, pod_of
from bayplan.extender.service.evictions import Eviction, evict
from bayplan.extender.service.owners import learn_sizes

LOG = logging.getLogger("bayplan.extender.evicting")

PREEMPTING, PREEMPTED = "BayplanPreempting", "BayplanPreempted"
"""Reasons of Events: of a gang, of who is evicted for it."""

ROUND_S = 1.0
"""How often it is looked how far a gang is."""
LOOK_S = 5.0
"""How often it is looked for one."""
APART = 20.0
"""The worker rests so many times as long as it looked: kube-scheduler's calls share the CPU."""


class Runner:
    """Runs the evictor on the event loop that owns the live state.

    Parameters
    ----------
    machine, owner
        What decides, and what it decides for.
    calls
        The API server.
    clock
        The time of the owner.
    numbers
        The metrics.
    lacks
        Returns why what is known may be incomplete or old; then nobody is evicted.
    wake
        Wakes the members of a gang that has a plan.
    leads
        Whether this process is the one that acts.
    """

    def __init__(
        self,
        machine: Machine,
        owner: Owner,
        calls: Calls,
        clock: Callable[[], float],
        numbers: EvictingNumbers,
        *,
        lacks: Callable[[], list[str]],
        wake: Callable[[Plan], Awaitable[None]],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self.machine = machine
        self._owner, self._calls, self._clock, self._numbers = owner, calls, clock, numbers
        self._lacks, self._wake, self._leads = lacks, wake, leads
        self._next_look_s = 0.0

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self.round()
            except Exception:  # the next round sees what there is, whatever went wrong once
                LOG.exception("a round of the evictor failed")

    async def round(self) -> None:
        """Take the gang that others leave for a step on; look for another one if there is none."""
        if not self._leads():
            self.machine.stop(self._clock())
        if self._may_act():
            await self._tell(self.machine.step(self._clock()))
            await self._go_on()
        if self._may_act() and self._clock() >= self._next_look_s:
            await self._look()
        self._numbers.look_at(self.machine)

    # --- one gang -------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Evict who is due, unit by unit, as long as the pace allows and nobody is refused."""
        while self._may_act() and await self._evict_begun():
            doubt = self.machine.doubt(self._clock())
            if doubt is None:
                return
            judged = await aside(judge, doubt)
            self.machine.decided(doubt, judged, self._clock())

    async def _evict_begun(self) -> bool:
        """Evict the rest of a unit; return whether nobody was refused."""
        while (victim := self.machine.next_victim(self._clock())) is not None:
            if not self._may_act():
                return False
            if not await self._evict(victim):
                return False
        return True

    async def _evict(self, victim: Victim) -> bool:
        helped = self.machine.helping(victim)
        assert helped is not None  # it is due
        pod = pod_of(victim.uid, victim.api_uid)
        result, why = await evict(self._calls, pod)
        self._numbers.evicted(result)
        if result is not Eviction.DONE:
            self.machine.refused(victim, why, self._clock())
            return False
        self.machine.evicted(victim, self._clock())
        LOG.info("evicted", extra={"pod": pod.key, "node": victim.node, "for": helped.name})
        note = f"evicted for gang {helped.name} of priority {helped.priority}, which finds no room"
        self._calls.tell(pod, PREEMPTED, note, warning=True)
        return True

    # --- the next -------------------------------------------------------------------------

    async def _look(self) -> None:
        self._next_look_s = self._clock() + LOOK_S
        case = self.machine.look(self._clock())
        await learn_sizes(self._calls, self._owner, self.machine.unsized)
        if case is None:
            return
        begun_s = perf_counter()
        found = await aside(search, case)
        took_s = perf_counter() - begun_s
        self._next_look_s = self._clock() + max(LOOK_S, APART * took_s)
        if self._may_act():
            await self._tell(self.machine.begin(found, self._clock()))

    def _may_act(self) -> bool:
        return self._leads() and not self._lacks()

    async def _tell(self, news: News | None) -> None:
        if news is None:
            return
        self._numbers.told(news.result)
        bad = news.result in (Result.GIVEN_UP, Result.KEPT_BACK)
        extra = {"gang": news.gang, "result": news.result.value, "why": news.why}
        LOG.log(logging.WARNING if bad else logging.INFO, "makes room", extra=extra)
        if news.first is not None:
            pod = pod_of(news.first.uid, news.first.api_uid)
            self._calls.tell(pod, PREEMPTING, news.why[:1000], warning=bad)
        if news.plan is not None and news.result is Result.MADE:
            news.plan.told = True
            await self._wake(news.plan)
