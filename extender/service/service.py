"""The service: calls of kube-scheduler and events of watches meet the owner, on one event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from bayplan.extender.aside import aside
from bayplan.extender.leading.runner import Runner as Leading
from bayplan.extender.live.intake import NEEDED, POD
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.plans import SIZED_BY_OWNER, Plan
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.extender.live.settings import Rollback
from bayplan.extender.service.answering import Answering
from bayplan.extender.service.binder import Binder
from bayplan.extender.service.calls import CallFailed, Calls, PodName, pod_of
from bayplan.extender.service.evictions import evict
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.owners import size_of
from bayplan.extender.service.pages import explained, overview
from bayplan.extender.service.queues import Queues
from bayplan.extender.service.quota_page import free_for
from bayplan.extender.service.reasons import summary
from bayplan.extender.service.settings import Service as Settings
from bayplan.extender.service.telling import Telling
from bayplan.extender.service.waiting import Waiting
from bayplan.extender.verbs import FilterAnswer, Scores, Victims
from bayplan.traces.kubernetes.objects import Object, metadata_of

LOG = logging.getLogger("bayplan.extender")

PARTIAL = "BayplanGangInPart"
"""The reason of Events about gangs that stay bound in part."""


class Service:
    """Answers kube-scheduler for one cluster. See ``extender.verbs`` and ``extender.watch``.

    All methods run on one event loop and are short; what takes long is done on a copy, elsewhere.

    Parameters
    ----------
    settings
        How it behaves.
    calls
        The API server.
    clock
        Seconds that never jump; only their differences count.
    numbers
        The metrics.

    Attributes
    ----------
    warm
        Whether kernels are compiled.
    lacks
        Returns why what is watched may be incomplete or old.
    waiting
        The pods that were refused.
    queues
        Serves the queues; None: there are none.
    leading
        Says whether this process acts by itself; None: it is alone, and does.
    """

    def __init__(
        self, settings: Settings, calls: Calls, clock: Callable[[], float], numbers: Numbers
    ) -> None:
        self.settings = settings
        self.owner = Owner(settings.live)
        self.owner.plans.timed = numbers.planning.time
        self.calls, self.clock, self.numbers = calls, clock, numbers
        self.binder = Binder(self.owner, calls, settings, clock)
        self.waiting = Waiting(self.owner, calls, clock)
        self.answering = Answering(self.owner, self.binder, self.waiting)
        self.telling = Telling(self.owner, calls, self.answering, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waking: asyncio.Task[None] | None = None
        self._asking: set[str] = set()
        self.warm = False
        self.lacks: Callable[[], list[str]] = list
        self.queues: Queues | None = None
        self.leading: Leading | None = None

    # --- the verbs ------------------------------------------------------------------------

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        """Say which nodes may take a pod."""
        answer = self.owner.filter(pod, names, self.clock(), holds=holds)
        self.numbers.filtered(answer)
        self._ask_for_size(pod)
        if holds:
            self._tell(pod, answer)
        return answer

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        """Return a score from 0 to 10 for each node."""
        return self.owner.prioritize(pod, names, self.clock())

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        """Say whom to evict for a pod."""
        found = self.owner.preempt(pod, victims, self.clock())
        self.numbers.preempted(found)
        for node, (uids, violated) in found.items():
            extra = {"pod": _pod_of(pod).key, "node": node, "victims": len(uids)}
            LOG.info("preempts", extra=extra | {"budgets_violated": violated})
        return found

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        """Bind a pod to a node; return what went wrong, empty when nothing did."""
        pod = PodName(namespace, name, uid)
        why = await self.binder.bind(pod, node)
        self.numbers.bound(why)
        if why:
            LOG.info("not bound", extra={"pod": pod.key, "node": node, "why": why})
        else:
            self._waits_no_longer(pod.key)
            LOG.info("bound", extra={"pod": pod.key, "node": node})
        return why

    async def explain(self, namespace: str, name: str) -> Object:
        """Say why a pod or a gang is where it is, or nowhere."""
        key = f"{namespace}/{name}"
        return await explained(self.owner, self.answering, key, self.clock())

    def state(self) -> Object:
        """Return what is known of the cluster, in short."""
        leading = {} if self.leading is None else {"leading": self.leading.page()}
        return overview(self.owner) | leading

    def quota(self, namespace: str) -> Object:
        """Return what is free for the pods of a namespace."""
        waiting = self.queues.turns.n_waiting if self.queues is not None else {}
        return free_for(self.owner, namespace, waiting)

    def not_ready(self) -> list[str]:
        """Return what is missing before calls can be answered."""
        found = [] if self.warm else ["kernels are being compiled"]
        found += [f"{kind}s are not listed yet" for kind in NEEDED if kind not in self.owner.synced]
        return found or self.lacks()

    async def wake(self, plan: Plan) -> None:
        """Wake the members of a gang that has just been planned, where that is wished."""
        if self.settings.nudge:
            await self.waiting.wake_members(plan)

    # --- the watches ----------------------------------------------------------------------

    def replacing(self, kind: str) -> None:
        """Note that a whole list of a kind begins."""
        self.owner.replacing(kind)

    def page(self, kind: str, things: Sequence[Object]) -> None:
        """Let a part of the list be as it is shown."""
        self.owner.page(kind, things, self.clock())

    def replaced(self, kind: str) -> None:
        """Let those be gone that were in no part of the list."""
        self.owner.replaced(kind, self.clock())
        if kind == POD:
            for key in {*self.waiting.keys, *self.telling.keys} - self.owner.mirror.pods.keys():
                self._waits_no_longer(key)

    def changed(self, kind: str, thing: Object) -> None:
        """Let an object be as it is shown."""
        self.owner.changed(kind, thing, self.clock())

    def deleted(self, kind: str, thing: Object) -> None:
        """Let an object be gone."""
        self.owner.deleted(kind, thing, self.clock())
        if kind == POD:
            self._waits_no_longer(_pod_of(thing).key)

    # --- by itself ------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after what was promised, until cancelled."""
        next_recompute_s = self.clock() + self.settings.recompute_s
        while True:
            await asyncio.sleep(self.settings.tick_s)
            try:
                await self._look_after(self.clock())
                due = self.settings.recompute_s and self.clock() >= next_recompute_s
                if due and self.owner.mirror.started:
                    await self.recompute()
                    next_recompute_s = self.clock() + self.settings.recompute_s
            except Exception:  # what was promised has an end, whatever went wrong once
                LOG.exception("a round of looking after what was promised failed")

    async def recompute(self) -> list[str]:
        """Work the state out anew, elsewhere, and say where it differs from the live one."""
        taken, now_s = snapshot(self.owner.mirror), self.clock()
        found = await aside(differences, taken, now_s)
        self.numbers.recomputed(len(found))
        for line in found:
            LOG.error("the live state differs from what was seen", extra={"what": line})
        return found

    async def _look_after(self, now_s: float) -> None:
        self.owner.tick(now_s)
        self.binder.barrier.end_all_but(self.owner.plans.plans)
        self.numbers.look_at(self.owner, len(self.binder.barrier))
        if self.queues is not None:
            self.queues.look_after()
        partial = self.owner.partial(now_s)
        if self.leading is not None and not self.leading.leads():
            return
        if self.settings.nudge and (self._waking is None or self._waking.done()):
            # Beside this round: a slow API server is not to make holds last.
            self._waking = self._spawn(self.waiting.wake())
        for group, uids in partial:
            await self._roll_back(group.name, uids)

    async def _roll_back(self, name: str, uids: Sequence[str]) -> None:
        """Let a gang that stays in part be told of, and evicted where that is wished."""
        evicts = self.settings.live.gangs.rollback is Rollback.EVICT
        self.numbers.partial(name)
        for uid in uids:
            seen = self.owner.mirror.pods.get(uid)
            if seen is None:
                continue
            pod = pod_of(uid, seen.api_uid)
            note = f"gang {name} has been bound in part for too long, and there is no room for it"
            self.calls.tell(pod, PARTIAL, note, warning=True)
            if evicts and not seen.leaving:
                await evict(self.calls, pod)

    # --- inside ---------------------------------------------------------------------------

    def _tell(self, thing: Object, answer: FilterAnswer) -> None:
        """Note how a pod was answered; write an Event when it waits for a new reason."""
        pod = _pod_of(thing)
        if answer.somewhere:
            self._waits_no_longer(pod.key)
            self._tell_members(pod.key)
            return
        note = summary(answer)
        self.telling.refused(pod, note, passing=bool(answer.error))
        if self.waiting.refused(pod.key, note):
            LOG.info("waits", extra={"pod": pod.key, "why": note})

    def _waits_no_longer(self, key: str) -> None:
        self.waiting.forget(key)
        self.telling.forget(key)

    def _tell_members(self, key: str) -> None:
        """Wake the others of a gang that has just been planned: binds wait for them."""
        seen = self.owner.mirror.pods.get(key)
        plan = self.owner.plans.plans.get(seen.group) if seen is not None else None
        if plan is not None and not plan.told:
            plan.told = True
            if self.settings.nudge:
                self._spawn(self.waiting.wake_members(plan))

    def _ask_for_size(self, thing: Object) -> None:
        """Find out how many members a gang has whose pods do not say."""
        seen = self.owner.mirror.pods.get(_pod_of(thing).key)
        if seen is None or seen.grouped_by not in SIZED_BY_OWNER:
            return
        group = seen.group
        if group in self.owner.plans.sizes or group in self._asking:
            return
        self._asking.add(group)
        self._spawn(self._learn_size(group, thing))

    async def _learn_size(self, group: str, thing: Object) -> None:
        try:
            size = await size_of(self.calls, thing)
        except CallFailed as failed:
            LOG.warning("the owner of a gang cannot be read", extra={"why": str(failed)})
            size = None
        finally:
            self._asking.discard(group)
        self.owner.plans.learn(group, size)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _pod_of(thing: Object) -> PodName:
    metadata = metadata_of(thing)
    return PodName(
        str(metadata.get("namespace") or "default"),
        str(metadata.get("name") or ""),
        str(metadata.get("uid") or ""),
    )
