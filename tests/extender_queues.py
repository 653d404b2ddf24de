"""Owners with queues, and pods that wait in them, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bayplan.extender.live.lifting import serve
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.rounds import Queueing
from bayplan.extender.live.settings import Live
from bayplan.extender.live.turns import Actions, Turns
from bayplan.scheduler.queues import Queue, QueueTree
from extender_things import gang_pod, listed, node, pod, pod_group

Object = dict[str, Any]

GATE = {"name": "bayplan.io/queue"}
A100 = "A100-80GB"
GROUPS = "PodGroup.scheduling.x-k8s.io"


def tree(**queues: Mapping[str, Any]) -> QueueTree:
    """Return queues; amounts of GPUs are written as whole GPUs: ``limit=4``."""
    found = []
    for name, fields in queues.items():
        said = dict(fields)
        for what in ("guaranteed", "limit", "lending_limit"):
            if isinstance(said.get(what), int):
                said[what] = {"gpu": 1000 * said[what]}
        found.append(Queue(name, **said))
    return QueueTree(found)


def at(second: float) -> str:
    """Return a time as the API writes it."""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")


def waits(
    name: str,
    gpus: int = 1,
    queue: str = "",
    created_s: float = 0.0,
    gates: Iterable[str] = (GATE["name"],),
    **more: Any,
) -> Object:
    """Return a pod with gates, that was made at a time."""
    labels = {"bayplan.io/queue": queue} if queue else {}
    labels |= more.pop("labels", {})
    annotations = more.pop("annotations", {})
    if "run_time" in more:
        annotations = annotations | {"bayplan.io/run-time": more.pop("run_time")}
    spec: Object = {"schedulingGates": [{"name": gate} for gate in gates]}
    spec |= more.pop("spec", {})
    made = more.pop("made", pod)
    thing: Object = made(name, *more.pop("args", ()), gpus, labels=labels,
                         annotations=annotations, spec=spec, **more)  # fmt: skip
    thing["metadata"]["creationTimestamp"] = at(created_s)
    return thing


def member(name: str, group: str, gpus: int = 1, queue: str = "", **more: Any) -> Object:
    """Return a gated member of a gang."""
    return waits(name, gpus, queue, made=gang_pod, args=(group,), **more)


def runs(name: str, gpus: int, queue: str = "", where: str = "a", **more: Any) -> Object:
    """Return a pod that runs since second 0, in a queue."""
    labels = {"bayplan.io/queue": queue} if queue else {}
    thing = pod(name, gpus, at=where, labels=labels | more.pop("labels", {}), **more)
    thing["status"]["startTime"] = at(0.0)
    return thing


def owner_of(
    queues: QueueTree | None,
    *pods: Object,
    nodes: tuple[Object, ...] = (),
    groups: Mapping[str, int] | None = None,
    **live: Any,
) -> Owner:
    """Return an owner that has seen a cluster: one node of eight GPUs unless others are named."""
    owner = Owner(Live(queues=queues, **live))
    stated = [pod_group(name, least) for name, least in (groups or {}).items()]
    listed(owner, GROUPS, stated, 0.0)
    listed(owner, "Node", nodes or (node("a"),), 0.0)
    listed(owner, "PodDisruptionBudget", [], 0.0)
    listed(owner, "Pod", pods, 0.0)
    return owner


def turns_of(owner: Owner, **settings: Any) -> Turns:
    """Return the turns of an owner, whose gates are lifted."""
    assert owner.quota is not None
    return Turns(owner, owner.quota, Queueing(**({"lift": True} | settings)))


def round_of(turns: Turns, now_s: float = 100.0) -> Actions:
    """Make a round."""
    looked = turns.look(now_s)
    return Actions() if looked is None else turns.settle(serve(looked), now_s)


def lifted(actions: Actions) -> list[str]:
    """Return the names of the pods whose gate is lifted, in order."""
    return [seen.facts.member.name for unit in actions.lifts for seen in unit]


def ungated(thing: Object) -> Object:
    """Return a pod once its gates are gone."""
    return {**thing, "spec": {**thing["spec"], "schedulingGates": []}}
