"""What stands in the bodies, field by field, as ``extender/v1/types.go`` has it."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from bayplan.extender.objects import Pod

MIN_SCORE, MAX_SCORE = 0, 10
"""``MinExtenderPriority`` and ``MaxExtenderPriority``."""


class NodeList(msgspec.Struct, gc=False):
    """``v1.NodeList``: each node stays as it was written, to be sent back unchanged."""

    items: list[Raw] | None = None


class ExtenderArgs(msgspec.Struct, rename="pascal", gc=False):
    """What filter and prioritize are asked: a pod, and its candidates in one of two forms.

    ``node_names`` are set where the extender is configured with ``nodeCacheCapable: true``, and
    null where it is not: then ``nodes`` are.
    """

    pod: Pod
    nodes: NodeList | None
    node_names: Raw


class NodeListOut(msgspec.Struct, gc=False):
    """``v1.NodeList``, as it is written."""

    items: list[Raw]
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class BindingArgs(msgspec.Struct, rename="pascal", gc=False):
    """``ExtenderBindingArgs``."""

    pod_name: str
    pod_namespace: str
    pod_uid: str = msgspec.field(name="PodUID")
    node: str


class BindingResult(msgspec.Struct, rename="pascal", gc=False):
    """``ExtenderBindingResult``; an empty error is success."""

    error: str


class Victims(msgspec.Struct, rename="pascal", gc=False):
    """``Victims``: the pods to be evicted from a node, whole."""

    pods: list[Pod] | None
    budgets_violated: int = msgspec.field(name="NumPDBViolations")


class MetaPod(msgspec.Struct, gc=False):
    """``MetaPod``: a pod by its UID."""

    uid: str = msgspec.field(name="UID")


class MetaVictims(msgspec.Struct, rename="pascal", gc=False):
    """``MetaVictims``: the pods to be evicted from a node, by UID."""

    pods: list[MetaPod] | None
    budgets_violated: int = msgspec.field(name="NumPDBViolations")


class PreemptionArgs(msgspec.Struct, rename="pascal", gc=False):
    """``ExtenderPreemptionArgs``: ``meta`` where the extender is ``nodeCacheCapable``."""

    pod: Pod
    victims: dict[str, Victims] | None = msgspec.field(name="NodeNameToVictims")
    meta: dict[str, MetaVictims] | None = msgspec.field(name="NodeNameToMetaVictims")


class PreemptionResult(msgspec.Struct, rename="pascal", gc=False):
    """``ExtenderPreemptionResult``: always victims by UID."""

    meta: dict[str, MetaVictims] = msgspec.field(name="NodeNameToMetaVictims")
