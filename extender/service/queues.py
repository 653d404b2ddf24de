"""Serves the queues: rounds beside the calls, each worked out on a copy, and what they write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from bayplan.extender.aside import aside
from bayplan.extender.live.lifting import serve
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.quota import Quota
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.rounds import Claim, Queueing, Reclaim, Round
from bayplan.extender.live.turns import Turns
from bayplan.extender.service.calls import CallFailed, Calls, PodName, pod_of
from bayplan.extender.service.evictions import Eviction, evict
from bayplan.extender.service.owners import learn_sizes
from bayplan.extender.service.queue_numbers import QueueNumbers
from bayplan.traces.kubernetes import keys

LOG = logging.getLogger("bayplan.extender.queues")

QUEUED, RECLAIM, RECLAIMED = "BayplanQueued", "BayplanReclaim", "BayplanReclaimed"
"""Reasons of Events."""

EVERY_S = 1.0
"""How often it is looked whether a round is due."""

APART = 20.0
"""Calls wait while a round looks: so many times as long passes until the next one does."""

MOST_NAMED = 5
"""Victims that an Event names."""


class QueueCalls(Calls, Protocol):
    """What is asked of the API server besides; each raises ``CallFailed``."""

    async def lift(self, pod: PodName, gate: str) -> None:
        """Take a scheduling gate from a pod whose only one it is."""


class Queues:
    """Lifts gates in their turn, and takes back what queues are guaranteed.

    Parameters
    ----------
    owner, quota
        The state, and its queues.
    settings
        How they are served.
    calls
        The API server.
    clock
        The time of the owner.
    numbers
        The metrics.
    leads
        Whether this process is the one that acts.

    Attributes
    ----------
    turns
        Whose turn it is.
    """

    def __init__(
        self,
        owner: Owner,
        quota: Quota,
        settings: Queueing,
        calls: QueueCalls,
        clock: Callable[[], float],
        numbers: QueueNumbers,
        *,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self.turns = Turns(owner, quota, settings)
        owner.turn = self.turns.why
        self._owner, self._quota, self._settings = owner, quota, settings
        self._calls, self._clock, self._numbers, self._leads = calls, clock, numbers, leads
        self._running: asyncio.Task[None] | None = None
        self._next_s = 0.0

    def look_after(self) -> None:
        """Begin a round where one is due and none is under way."""
        now_s = self._clock()
        if now_s < self._next_s or not (self._running is None or self._running.done()):
            return
        self._next_s = now_s + EVERY_S
        self._running = asyncio.get_running_loop().create_task(self._safely())

    async def round(self) -> None:
        """Look, work out, settle, write."""
        if not self._leads():
            if self._owner.mirror.started:
                self._numbers.look_at(self._quota, self.turns)
            return
        round_ = await self._looked()
        if self._owner.mirror.started:
            self._numbers.look_at(self._quota, self.turns)
        if round_ is None:
            return
        await learn_sizes(self._calls, self._owner, self.turns.unsized)  # no call shows gated pods
        outcome = await aside(serve, round_)
        if not self._leads():
            return
        actions = self.turns.settle(outcome, self._clock())
        for seen, why in actions.told:
            self._calls.tell(_name(seen), QUEUED, f"waits: {why}", warning=False)
        for unit in actions.lifts:
            await asyncio.gather(*(self._lift(seen) for seen in unit))
        evicts = self._settings.reclaim is Reclaim.EVICT
        for claim in actions.claims:
            # The API server may have taken its time for the others.
            if evicts and not self.turns.claims.stands(claim, self._clock()):
                self.turns.claims.withdraw(claim)
            else:
                await self._take_back(claim)

    async def _looked(self) -> Round | None:
        """Look for what a round goes by; calls are answered in the pauses."""
        busy_s, begun_s = 0.0, self._clock()
        looking = self.turns.looking(begun_s)
        while True:
            step_s = self._clock()
            try:
                next(looking)
            except StopIteration as found:
                now_s = self._clock()
                busy_s += now_s - step_s
                self._next_s = max(self._next_s, now_s + APART * busy_s)
                round_: Round | None = found.value
                return round_
            busy_s += self._clock() - step_s
            await asyncio.sleep(0)

    async def _safely(self) -> None:
        try:
            await self.round()
        except Exception:  # the next one begins anew from what is seen
            LOG.exception("a round of the queues failed")

    async def _lift(self, seen: Seen) -> None:
        pod = _name(seen)
        try:
            await self._calls.lift(pod, keys.QUEUE)
        except CallFailed as failed:
            self.turns.again(seen.uid)
            self._numbers.lifted("failed")
            LOG.warning("gate not lifted", extra={"pod": pod.key, "why": str(failed)})
        else:
            self._numbers.lifted("lifted")
            LOG.info("gate lifted", extra={"pod": pod.key, "queue": seen.facts.queue})

    async def _take_back(self, claim: Claim) -> None:
        """Name the victims of a claim, or evict them one by one; the first failure ends it."""
        pods, evicts = self._owner.mirror.pods, self._settings.reclaim is Reclaim.EVICT
        waits = pods.get(claim.unit.requests[0].uid)
        victims = [seen for uid in claim.uids if (seen := pods.get(uid)) is not None]
        named = ", ".join(seen.uid for seen in victims[:MOST_NAMED])
        named += f" and {len(victims) - MOST_NAMED} more" if len(victims) > MOST_NAMED else ""
        extra = {"for": claim.unit.name, "queue": claim.unit.queue, "victims": list(claim.uids)}
        LOG.info("reclaims" if evicts else "could reclaim", extra=extra)
        if waits is not None:
            what = "evicted for it" if evicts else "evicting them would make room"
            note = f"queue {claim.unit.queue} is within its guarantee; {named}: {what}"
            self._calls.tell(_name(waits), RECLAIM, note[:1000], warning=False)
        for seen in victims:
            if not evicts:
                self._numbers.reclaimed(seen.facts.queue, "reported")
            elif not await self._evict(seen, claim):
                return

    async def _evict(self, seen: Seen, claim: Claim) -> bool:
        pod, queue = _name(seen), seen.facts.queue
        result, _ = await evict(self._calls, pod)
        if result is not Eviction.DONE:
            self._numbers.reclaimed(queue, "failed")
            return False
        self._numbers.reclaimed(queue, "evicted")
        note = f"evicted for {claim.unit.name} of queue {claim.unit.queue}, which is guaranteed it"
        self._calls.tell(pod, RECLAIMED, note, warning=True)
        return True


def _name(seen: Seen) -> PodName:
    return pod_of(seen.uid, seen.api_uid)
