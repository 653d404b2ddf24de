"""What is decided, told to those who watch: kube-scheduler's calls and clients' room.

Nobody is waited for: a watch that is too slow misses events, and is told how many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np

from bayplan.extender.live.asking import BEST
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.rpc.rooms import Room
from bayplan.extender.service.reasons import summary
from bayplan.extender.verbs import FilterAnswer, Scores, Verbs, Victims
from bayplan.traces.kubernetes.objects import Object, name_of

MOST_KEPT = 1000
"""Events that are kept for a watch until it takes them."""


class Watch:
    """The events for one watch, until it takes them.

    Parameters
    ----------
    most
        How many are kept; a watch that is slower misses the oldest.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._events = deque[pb.DecisionEvent]()
        self._most = most
        self._missed = 0
        self._news = asyncio.Event()
        self.over = False

    def put(self, event: pb.DecisionEvent) -> None:
        """Add an event."""
        if len(self._events) >= self._most:
            self._events.popleft()
            self._missed += 1
        self._events.append(event)
        self._news.set()

    def take(self) -> list[pb.DecisionEvent]:
        """Return the events that are there, in their order; the first says how many were missed."""
        found = list(self._events)
        self._events.clear()
        self._news.clear()
        if found and self._missed:
            first = pb.DecisionEvent()
            first.CopyFrom(found[0])  # others have it, too
            first.missed = self._missed
            found[0], self._missed = first, 0
        return found

    def end(self) -> None:
        """Let the watch end once its events are taken."""
        self.over = True
        self._news.set()

    async def wait(self) -> None:
        """Wait for an event, or for the end."""
        if not self.over:
            await self._news.wait()


class Feed:
    """Tells all watches of what is decided.

    Parameters
    ----------
    clock
        The time of the owner.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watches: dict[Watch, None] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def tell(
        self,
        kind: pb.Kind,
        uid: str,
        node: str = "",
        why: str = "",
        victims: Sequence[str] = (),
        client: str = "",
    ) -> None:
        """Tell of a decision, if anybody watches."""
        if not self._watches:
            return
        event = pb.DecisionEvent(
            time_s=self._clock(), kind=kind, uid=uid, node=node, why=why, victims=victims,
            client=client,
        )  # fmt: skip
        for watch in self._watches:
            watch.put(event)

    def tell_room(self, kind: pb.Kind, room: Room) -> None:
        """Tell of a client's room."""
        self.tell(kind, room.uid, room.node, client=room.client)

    async def watch(self) -> AsyncIterator[pb.DecisionEvent]:
        """Return the decisions from now on."""
        watch = Watch()
        self._watches[watch] = None
        try:
            while True:
                await watch.wait()
                for event in watch.take():
                    yield event
                if watch.over:
                    return
        finally:
            del self._watches[watch]

    def end(self) -> None:
        """Let all watches end."""
        for watch in self._watches:
            watch.end()


class Told:
    """Answers kube-scheduler as others do, and tells of it. See ``extender.verbs.Verbs``.

    Parameters
    ----------
    verbs
        Who answers.
    feed
        Who is told.
    """

    def __init__(self, verbs: Verbs, feed: Feed) -> None:
        self._verbs, self._feed = verbs, feed

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        """Say which nodes may take a pod; where none may, or one is chosen, it is told."""
        answer = self._verbs.filter(pod, names, holds=holds)
        if holds and len(self._feed):
            if not answer.somewhere:
                self._feed.tell(pb.WAITS, name_of(pod), why=summary(answer))
            elif len(answer.names) == 1:
                self._feed.tell(pb.CHOSEN, name_of(pod), answer.names[0])
        return answer

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        """Return scores of nodes; the choice is told."""
        scores = self._verbs.prioritize(pod, names)
        if len(self._feed):
            for number in np.flatnonzero(scores.points == BEST).tolist():
                self._feed.tell(pb.CHOSEN, name_of(pod), scores.names[number])
        return scores

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        """Say whom to evict for a pod, and tell it."""
        found = self._verbs.preempt(pod, victims)
        for node, (uids, _) in found.items():
            self._feed.tell(pb.PREEMPTS, name_of(pod), node, victims=uids)
        return found

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        """Bind a pod to a node, and tell it."""
        why = await self._verbs.bind(namespace, name, uid, node)
        kind = pb.NOT_BOUND if why else pb.BOUND_TO
        self._feed.tell(kind, f"{namespace}/{name}", node, why)
        return why

    async def explain(self, namespace: str, name: str) -> Object:
        """Say why a pod is where it is, or nowhere."""
        return await self._verbs.explain(namespace, name)

    def state(self) -> Object:
        """Return what is known of the cluster, in short."""
        return self._verbs.state()

    def quota(self, namespace: str) -> Object:
        """Return what is free for the pods of a namespace."""
        return self._verbs.quota(namespace)

    def not_ready(self) -> list[str]:
        """Return what is missing before calls can be answered."""
        return self._verbs.not_ready()
