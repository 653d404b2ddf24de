"""What the controller sees of nodes and pods beside the live state: labels, cordons, who waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bayplan.extender.objects import node_of, uid_of, version_of
from bayplan.extender.repartition.mark import Mark, read_mark, read_time
from bayplan.extender.watch.kinds import NODES, PODS
from bayplan.extender.watch.sink import Sink
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, name_of, objects_in


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A node that MIG can split, or that is under way.

    ``version`` is its ``resourceVersion``. ``shown`` are the extended resources of GPUs that it can
    give, by name. ``cordoned``: it takes no new pods by ``spec.unschedulable``. ``ended_s`` is when
    its last repartition ended.
    """

    name: str
    uid: str
    version: str
    labels: Mapping[str, str]
    shown: Mapping[str, int]
    cordoned: bool
    mark: Mark | None
    ended_s: float | None

    @property
    def config(self) -> str:
        """The config that its MIG manager is told."""
        return self.labels.get(keys.MIG_CONFIG, "")

    @property
    def state(self) -> str:
        """What its MIG manager says of that."""
        return self.labels.get(keys.MIG_STATE, "")


@dataclass(slots=True)
class Watched:
    """A sink that keeps what the controller needs, and passes nothing on.

    Attributes
    ----------
    nodes
        By name, those that matter.
    waiting
        Since when pods wait that kube-scheduler has found no node for, by namespace/name.
    nominated
        The node that room is being made on for a pod.
    """

    nodes: dict[str, SeenNode] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    nominated: dict[str, str] = field(default_factory=dict)
    _listed: dict[str, set[str]] = field(default_factory=dict)

    def replacing(self, kind: str) -> None:
        """Note that a whole list of a kind begins."""
        self._listed[kind] = set()

    def page(self, kind: str, things: Sequence[Object]) -> None:
        """Let a part of the list be as it is shown."""
        for thing in things:
            self._listed[kind].add(name_of(thing) if kind == NODES else pod_key(thing))
            self.changed(kind, thing)

    def replaced(self, kind: str) -> None:
        """Let those be gone that were in no part of the list."""
        listed = self._listed.pop(kind, set())
        tables = (self.nodes,) if kind == NODES else (self.waiting, self.nominated)
        for table in tables if kind in (NODES, PODS) else ():
            for name in [name for name in table if name not in listed]:
                table.pop(name)

    def changed(self, kind: str, thing: Object) -> None:
        """Let an object be as it is shown."""
        if kind == NODES:
            self._see_node(thing)
        elif kind == PODS:
            self._see_pod(thing)

    def deleted(self, kind: str, thing: Object) -> None:
        """Let an object be gone."""
        if kind == NODES:
            self.nodes.pop(name_of(thing), None)
        elif kind == PODS:
            self.waiting.pop(pod_key(thing), None)
            self.nominated.pop(pod_key(thing), None)

    def under_way(self) -> Iterator[tuple[SeenNode, Mark]]:
        """Yield the nodes that are marked, by name."""
        for name in sorted(self.nodes):
            node = self.nodes.get(name)  # whoever takes them may let others in between
            if node is not None and node.mark is not None:
                yield node, node.mark

    def _see_node(self, thing: Object) -> None:
        node = seen_node(thing)
        if node.mark is None and node.labels.get(keys.MIG_CAPABLE) != "true":
            self.nodes.pop(node.name, None)
        else:
            self.nodes[node.name] = node

    def _see_pod(self, thing: Object) -> None:
        key, status = pod_key(thing), dict_of(thing.get("status"))
        since_s = None if node_of(thing) else _waits_since_s(status)
        if since_s is None:
            self.waiting.pop(key, None)
        else:
            self.waiting[key] = since_s
        nominated = "" if node_of(thing) else str(status.get("nominatedNodeName") or "")
        if nominated:
            self.nominated[key] = nominated
        else:
            self.nominated.pop(key, None)


class Both:
    """Passes what is watched to two sinks, in order.

    Parameters
    ----------
    first, then
        The sinks.
    """

    def __init__(self, first: Sink, then: Sink) -> None:
        self._sinks = first, then

    def replacing(self, kind: str) -> None:
        """See ``Sink``."""
        for sink in self._sinks:
            sink.replacing(kind)

    def page(self, kind: str, things: Sequence[Object]) -> None:
        """See ``Sink``."""
        for sink in self._sinks:
            sink.page(kind, things)

    def replaced(self, kind: str) -> None:
        """See ``Sink``."""
        for sink in self._sinks:
            sink.replaced(kind)

    def changed(self, kind: str, thing: Object) -> None:
        """See ``Sink``."""
        for sink in self._sinks:
            sink.changed(kind, thing)

    def deleted(self, kind: str, thing: Object) -> None:
        """See ``Sink``."""
        for sink in self._sinks:
            sink.deleted(kind, thing)


def seen_node(thing: Object) -> SeenNode:
    """Return what matters of a node.

    Parameters
    ----------
    thing
        The Node object.
    """
    metadata, status = metadata_of(thing), dict_of(thing.get("status"))
    annotations = dict_of(metadata.get("annotations"))
    return SeenNode(
        name_of(thing),
        uid_of(thing),
        version_of(thing),
        {key: str(value) for key, value in dict_of(metadata.get("labels")).items()},
        dict(_counts(dict_of(status.get("allocatable")).items())),
        bool(dict_of(thing.get("spec")).get("unschedulable")),
        read_mark(str(annotations.get(keys.REPARTITION) or "")),
        read_time(str(annotations.get(keys.REPARTITIONED) or "")),
    )


def pod_key(thing: Object) -> str:
    """Return namespace/name of a pod.

    Parameters
    ----------
    thing
        The Pod object.
    """
    metadata = metadata_of(thing)
    return f"{metadata.get('namespace') or 'default'}/{metadata.get('name') or ''}"


def _counts(amounts: Iterable[tuple[str, object]]) -> Iterator[tuple[str, int]]:
    for name, amount in amounts:
        if name == keys.GPU or name.startswith(keys.MIG_PREFIX):
            text = str(amount)
            if text.isascii() and text.isdecimal() and len(text) <= 6 and int(text):
                yield name, int(text)


def _waits_since_s(status: Object) -> float | None:
    """Return since when kube-scheduler finds no node for a pod; None where it has not said so.

    Source: the condition ``PodScheduled`` of core/v1, reason ``Unschedulable``.
    """
    for condition in objects_in(status.get("conditions")):
        if condition.get("type") == "PodScheduled":
            if condition.get("status") != "False" or condition.get("reason") != "Unschedulable":
                return None
            return read_time(str(condition.get("lastTransitionTime") or ""))
    return None
