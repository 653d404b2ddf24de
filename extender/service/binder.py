"""From the call to bind to the Binding: the barrier of gangs, the room, the write."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine

from bayplan.extender.live.owner import Owner, Ready, Refused
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.writing import bound_at_s, chosen, is_allocating
from bayplan.extender.service.barrier import Barrier
from bayplan.extender.service.calls import CallFailed, Calls, PodName, Sure
from bayplan.extender.service.settings import Service

LOG = logging.getLogger("bayplan.extender.bind")

ALLOCATION_S = 300.0
"""How long a device plugin may take to give a pod its devices (HAMi's own lock lasts as long)."""

ASK_AGAIN_S = 2.0
"""How often it is asked where a pod is whose binding may have happened."""

IN_FLIGHT_S = 12.0
"""So long a request that was sent may arrive after nobody waits for it: a client's deadline."""

_LOOK_S = 0.05


class Binder:
    """Binds pods; one that has been refused has no room afterwards.

    Parameters
    ----------
    owner
        The state.
    calls
        The API server.
    settings
        How long to wait.
    clock
        The time of the owner.

    Attributes
    ----------
    giving
        The pod that the device plugin of HAMi or Volcano gives devices to, by node.
    fence
        Waits until pods may be bound here, and returns why they may not; None: they always may.
    """

    def __init__(
        self, owner: Owner, calls: Calls, settings: Service, clock: Callable[[], float]
    ) -> None:
        self._owner, self._calls, self._settings = owner, calls, settings
        self._clock = clock
        self.barrier = Barrier()
        self.giving: dict[str, str] = {}
        self.fence: Callable[[], Awaitable[str]] | None = None
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def bind(self, pod: PodName, node: str) -> str:
        """Bind a pod; return what went wrong, empty when nothing did."""
        came = self._owner.come(pod.key, pod.uid, node, self._clock())
        if isinstance(came, Refused):
            return came.why
        if isinstance(came, Plan) and (why := await self._pass(came, pod)):
            return why
        if self._owner.giver(pod.key, node) is not None:
            return await self._bind_in_turn(pod, node)
        return await self._bind(pod, node)

    async def _pass(self, plan: Plan, pod: PodName) -> str:
        """Wait for the other members of a gang; return why the pod may not pass."""
        if self._complete(plan):
            return ""
        try:
            if await self.barrier.wait(plan, self._settings.bind_wait_s):
                return ""
        except asyncio.CancelledError:  # the call was given up: its pod is there no longer
            plan.arrived.discard(pod.key)
            raise
        if self._owner.plans.plans.get(plan.name) is not plan:
            return f"gang {plan.name}: its plan is over; it is planned anew"
        if self._complete(plan):  # the last came at the moment when the time was over
            return ""
        n = self._owner.plans.there(plan)
        plan.arrived.discard(pod.key)
        return f"gang {plan.name}: waiting {n}/{plan.least}"

    def _complete(self, plan: Plan) -> bool:
        """Whether members may be bound, which lets those pass who wait.

        Once it is so it stays so: the others are bound, and nobody gains by waiting.
        """
        plans = self._owner.plans
        if not plan.passed and plans.there(plan) < plan.least and not plans.begun(plan):
            return False
        plan.passed = True
        self.barrier.open(plan)
        return True

    async def _bind_in_turn(self, pod: PodName, node: str) -> str:
        """Bind to a node whose device plugin takes any pod that is to be allocated."""
        lock = self._locks.setdefault(node, asyncio.Lock())
        if not await self._take_turn(pod, node, lock):
            return f"node {node} is giving devices to another pod"
        self.giving[node] = pod.key
        try:
            why = await self._bind(pod, node)
        except BaseException:
            self._release(node, lock)
            raise
        if why:
            self._release(node, lock)
        else:
            self._spawn(self._release_when_allocated(pod, node, lock))
        return why

    async def _take_turn(self, pod: PodName, node: str, lock: asyncio.Lock) -> bool:
        """Wait until no other pod is given devices on a node; return whether that was in time."""
        try:
            async with asyncio.timeout(self._settings.bind_wait_s):
                await lock.acquire()
                try:
                    while self._is_giving(pod, node):
                        await asyncio.sleep(_LOOK_S)
                except BaseException:
                    lock.release()
                    raise
        except TimeoutError:
            return False
        return True

    def _is_giving(self, pod: PodName, node: str) -> bool:
        """Whether a pod that was bound before we were started has still to get its devices."""
        since_s = time.time() - ALLOCATION_S
        return any(
            is_allocating(said) and bound_at_s(said) > since_s
            for seen in self._owner.mirror.there(node)
            if seen.uid != pod.key
            for said in [seen.facts.member.annotations]
        )

    async def _release_when_allocated(self, pod: PodName, node: str, lock: asyncio.Lock) -> None:
        until_s = self._clock() + ALLOCATION_S
        try:
            while self._clock() < until_s:
                seen = self._owner.mirror.pods.get(pod.key)
                if seen is None or (seen.node and not is_allocating(seen.facts.member.annotations)):
                    return
                await asyncio.sleep(_LOOK_S)
            LOG.warning("devices were not allocated", extra={"pod": pod.key})
        finally:
            self._release(node, lock)

    def _release(self, node: str, lock: asyncio.Lock) -> None:
        self.giving.pop(node, None)
        lock.release()

    async def _bind(self, pod: PodName, node: str) -> str:
        # Before the room is taken: meanwhile pods may be seen there that another extender bound.
        if self.fence is not None and (why := await self.fence()):
            return why
        ready = self._owner.reserve(pod.key, node, self._clock())
        if isinstance(ready, Refused):
            return ready.why
        seen = self._owner.mirror.pods[pod.key]
        if ready.already and seen.node:
            return ""
        try:
            await self._calls.bind(pod, node, self._annotations(pod, ready))
        except CallFailed as failed:
            return await self._after_failure(pod, node, failed)
        except asyncio.CancelledError:  # the call was given up; what was sent may arrive yet
            self._spawn(self._settle(pod, node, IN_FLIGHT_S))
            raise
        return ""

    def _annotations(self, pod: PodName, ready: Ready) -> dict[str, str]:
        placement = ready.decision.placement
        facts = None if placement is None else self._owner.mirror.reader.nodes.get(placement.node)
        if placement is None or facts is None:
            return {}
        seen = self._owner.mirror.pods[pod.key]
        giver = self._owner.giver(pod.key, placement.node)
        return chosen(seen, placement, facts.gpus, time.time(), giver=giver)

    async def _after_failure(self, pod: PodName, node: str, failed: CallFailed) -> str:
        """Find out whether a write that failed has happened, and take back what has not."""
        if failed.happened is Sure.MAYBE:
            at = await self._where(pod)
            if at == node:
                return ""
            if at is None:  # the room stays until somebody can tell
                self._spawn(self._settle(pod, node, ASK_AGAIN_S))
                return f"{failed}; whether the pod is bound is not known yet"
        self._owner.take_back(pod.key, self._clock())
        return str(failed)

    async def _settle(self, pod: PodName, node: str, first_s: float) -> None:
        """Ask until it is known where a pod is, unless the watch shows it before.

        ``first_s``: after how long it is asked first.
        """
        wait_s = first_s
        while pod.key in self._owner.mirror.assumed:
            await asyncio.sleep(wait_s)
            wait_s = ASK_AGAIN_S
            at = await self._where(pod)
            if at is not None:
                if at != node:
                    self._owner.take_back(pod.key, self._clock())
                return

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _where(self, pod: PodName) -> str | None:
        """Return the node of a pod, empty if it waits or is gone, None if nobody can tell."""
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        try:
            thing = await self._calls.read(path)
        except CallFailed:
            return None
        if thing is None or str((thing.get("metadata") or {}).get("uid") or "") != pod.uid:
            return ""
        return str((thing.get("spec") or {}).get("nodeName") or "")
