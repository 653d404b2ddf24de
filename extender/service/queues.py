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
from bayplan.extender.live.rounds import Claim, Queueing, Reclaim
from bayplan.extender.live.turns import Turns
from bayplan.extender.service.calls import CallFailed, Calls, PodName, pod_of
from bayplan.extender.service.owners import size_of
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
    ) -> None:
        self.turns = Turns(owner, quota, settings)
        owner.turn = self.turns.why
        self._owner, self._quota, self._settings = owner, quota, settings
        self._calls, self._clock, self._numbers = calls, clock, numbers
        self._running: asyncio.Task[None] | None = None
        self._asking: set[str] = set()
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
        begun_s = self._clock()
        round_ = self.turns.look(begun_s)
        self._next_s = max(self._next_s, begun_s + APART * (self._clock() - begun_s))
        if self._owner.mirror.started:
            self._numbers.look_at(self._quota, self.turns)
        if round_ is None:
            return
        await self._learn_sizes()
        outcome = await aside(serve, round_)
        actions = self.turns.settle(outcome, self._clock())
        for seen, why in actions.told:
            self._calls.tell(_name(seen), QUEUED, f"waits: {why}", warning=False)
        for unit in actions.lifts:
            await asyncio.gather(*(self._lift(seen) for seen in unit))
        for claim in actions.claims:
            await self._take_back(claim)

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
        try:
            await self._calls.evict(pod)
        except CallFailed as failed:
            self._numbers.reclaimed(queue, "failed")
            LOG.warning("not evicted", extra={"pod": pod.key, "why": str(failed)})
            return False
        self._numbers.reclaimed(queue, "evicted")
        note = f"evicted for {claim.unit.name} of queue {claim.unit.queue}, which is guaranteed it"
        self._calls.tell(pod, RECLAIMED, note, warning=True)
        return True

    async def _learn_sizes(self) -> None:
        """Ask the owners of gated gangs for their sizes: no call shows such pods."""
        for seen in self.turns.unsized:
            pod, size = _name(seen), None
            try:
                thing = await self._calls.read(
                    f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
                )
                size = None if thing is None else await size_of(self._calls, thing)
            except CallFailed as failed:
                LOG.warning("the owner of a gang cannot be read", extra={"why": str(failed)})
            self._owner.plans.sizes[seen.group] = size


def _name(seen: Seen) -> PodName:
    return pod_of(seen.uid, seen.api_uid)
