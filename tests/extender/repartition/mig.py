"""Nodes that a MIG manager looks after and pods that wait, and the controller that sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bayplan.extender.health.settings import Judging
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.extender.repartition.controller import Controller
from bayplan.extender.repartition.settings import Repartition
from extender_things import listed, node, pod

Object = dict[str, Any]

SMALL, LARGE = "nvidia.com/mig-1g.10gb", "nvidia.com/mig-3g.40gb"
WAITS_SINCE = "1970-01-01T00:01:40Z"
"""Second 100."""


def mig_node(name: str, gpus: int = 8, shown: Mapping[str, int] | None = None, *,
             config: str = "all-disabled", state: str = "success", labels: Mapping[str, str] = {},
             **more: Any) -> Object:  # fmt: skip
    """Return a Node of A100s of 80 GB; ``shown`` are its MIG resources, without: whole GPUs."""
    amounts = None if shown is None else {key: str(n) for key, n in shown.items()}
    told = {
        "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
        "nvidia.com/gpu.count": str(gpus),
        "nvidia.com/mig.capable": "true",
        "nvidia.com/mig.strategy": "mixed",
        "nvidia.com/mig.config": config,
    }
    if state:
        told["nvidia.com/mig.config.state"] = state
    whole = gpus if amounts is None else 0
    made = node(name, whole, labels=told | dict(labels), amounts=amounts or {}, **more)
    return {**made, "metadata": made["metadata"] | {"resourceVersion": "1"}}


def waiting(name: str, asks: Mapping[str, int], since: str = WAITS_SINCE, **more: Any) -> Object:
    """Return a Pod for which kube-scheduler has found no node."""
    made = pod(name, asks={key: str(n) for key, n in asks.items()}, **more)
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                 "lastTransitionTime": since}  # fmt: skip
    return {**made, "status": made["status"] | {"conditions": [condition]}}


class Seeing:
    """Lets an owner and a controller see the same, at a time."""

    def __init__(self, owner: Owner, controller: Controller) -> None:
        self.owner, self.watched = owner, controller.watched
        self.now_s = 0.0

    def replacing(self, kind: str) -> None:
        self.owner.replacing(kind)
        self.watched.replacing(kind)

    def page(self, kind: str, things: list[Object]) -> None:
        self.owner.page(kind, things, self.now_s)
        self.watched.page(kind, things)

    def replaced(self, kind: str) -> None:
        self.owner.replaced(kind, self.now_s)
        self.watched.replaced(kind)

    def changed(self, kind: str, thing: Object) -> None:
        self.owner.changed(kind, thing, self.now_s)
        self.watched.changed(kind, thing)

    def deleted(self, kind: str, thing: Object) -> None:
        self.owner.deleted(kind, thing, self.now_s)
        self.watched.deleted(kind, thing)


def controller_of(
    nodes: Iterable[Object],
    pods: Iterable[Object] = (),
    settings: Repartition | None = None,
    health: Judging | None = None,
) -> tuple[Controller, Seeing]:
    """Return a controller that has seen a cluster, and what lets it see more."""
    owner = Owner(Live(health=health))
    controller = Controller(owner, settings or Repartition())
    seeing = Seeing(owner, controller)
    listed(seeing, "Node", nodes)
    listed(seeing, "Pod", pods)
    return controller, seeing


def merged(thing: Object, change: Mapping[str, Any]) -> Object:
    """Return an object with a merge patch (RFC 7386) in it."""
    found = dict(thing)
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            found[key] = merged(found.get(key) or {}, value)
        else:
            found[key] = value
    return found
