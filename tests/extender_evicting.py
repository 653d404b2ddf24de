"""Gangs without room, and an evictor that helps them, for tests."""

from __future__ import annotations

from typing import Any

from bayplan.extender.evicting.help import Victim
from bayplan.extender.evicting.machine import Machine
from bayplan.extender.evicting.news import News
from bayplan.extender.evicting.searching import Verdict, judge, search
from bayplan.extender.evicting.settings import Evicting
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.scheduler.queues import QueueTree
from extender_things import gang_pod, listed, node, pod, pod_group

Object = dict[str, Any]

GROUPS = "PodGroup.scheduling.x-k8s.io"


def of_priority(thing: Object, priority: int, **spec: Any) -> Object:
    """Return a pod of a priority."""
    return {**thing, "spec": {**thing["spec"], "priority": priority, **spec}}


def runs(name: str, gpus: int, at: str, priority: int = 0, **more: Any) -> Object:
    """Return a pod that runs on a node."""
    return of_priority(pod(name, gpus, at=at, **more), priority)


def member(name: str, group: str, gpus: int, priority: int = 10, **more: Any) -> Object:
    """Return a member of a gang of scheduler-plugins."""
    return of_priority(gang_pod(name, group, gpus, **more), priority)


def budget(name: str, allowed: int, **labels: str) -> Object:
    """Return a disruption budget that lets so many pods go."""
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


def leaving(thing: Object) -> Object:
    """Return a pod that is being deleted."""
    said = {**thing["metadata"], "deletionTimestamp": "2026-11-29T00:00:00Z"}
    return {**thing, "metadata": said}


def uid(thing: Object) -> str:
    """Return how the engine knows a pod."""
    return f"default/{thing['metadata']['name']}"


class Scene:
    """A cluster that lives, with an evictor; ``things`` is what the API server has."""

    def __init__(
        self, *pods: Object, nodes: tuple[Object, ...] = (), groups: dict[str, int] | None = None,
        queues: QueueTree | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        self.now_s = 1000.0
        self.owner = Owner(Live(queues=queues))
        stated = [pod_group(name, least) for name, least in (groups or {"g": 2}).items()]
        self.things = {uid(each): each for each in pods}
        listed(self.owner, GROUPS, stated, self.now_s)
        listed(self.owner, "Node", nodes or (node("a"), node("b")), self.now_s)
        listed(self.owner, "PodDisruptionBudget", [], self.now_s)
        listed(self.owner, "Pod", pods, self.now_s)
        self.machine = Machine(self.owner, Evicting(**({"wait_s": 0.0} | settings)))
        self.owner.helper = self.machine

    def show(self, *things: Object, kind: str = "Pod") -> None:
        """Let the watch show objects."""
        for each in things:
            if kind == "Pod":
                self.things[uid(each)] = each
            self.owner.changed(kind, each, self.now_s)

    def gone(self, *names: str) -> None:
        """Let pods be gone."""
        for name in names:
            self.owner.deleted("Pod", self.things.pop(f"default/{name}"), self.now_s)

    def after(self, seconds: float) -> None:
        """Let time go by."""
        self.now_s += seconds
        self.owner.tick(self.now_s)

    def looked(self) -> News | None:
        """Look for a gang, and begin with it."""
        case = self.machine.look(self.now_s)
        return None if case is None else self.machine.begin(search(case), self.now_s)

    def judged(self) -> Verdict | None:
        """Ask whether the next unit has to leave."""
        doubt = self.machine.doubt(self.now_s)
        if doubt is None:
            return None
        judged = judge(doubt)
        self.machine.decided(doubt, judged, self.now_s)
        return judged.verdict

    def victims(self) -> list[str]:
        """Have all evicted who are due, without their leaving yet; return their names."""
        found = []
        while True:
            while (victim := self.machine.next_victim(self.now_s)) is not None:
                self.evict(victim)
                found.append(victim.uid.partition("/")[2])
            if self.judged() is None:
                return found

    def evict(self, victim: Victim) -> None:
        """Let the API server begin to delete a pod."""
        thing = self.things[victim.uid]
        assert thing["metadata"]["uid"] == victim.api_uid
        self.show(leaving(thing))
        self.machine.evicted(victim, self.now_s)

    def filtered(self, thing: Object, *, holds: bool = False) -> list[str]:
        """Return which nodes pass for a pod."""
        names = tuple(self.owner.mirror.cluster.nodes)
        return list(self.owner.filter(thing, names, self.now_s, holds=holds).passed)
