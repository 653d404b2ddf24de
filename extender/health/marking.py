"""What a node says of the health of its GPUs, and which of them take no new pods therefore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bayplan.extender.health.codes import code_of
from bayplan.extender.health.entries import QUARANTINED, RELEASE, Entry, read_entries
from bayplan.extender.health.settings import Judging
from bayplan.scheduler.types import Node
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.gpus import Gpus
from bayplan.traces.kubernetes.nodes import NodeFacts
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in
from bayplan.traces.kubernetes.types import Problem

COUNTED = (keys.MIG_PREFIX, keys.GPU_SHARED)
"""Resources of which the engine knows numbers only: the node is closed where they are."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a node says.

    Attributes
    ----------
    entries
        Its quarantined GPUs, and those that a person let go.
    reasons
        Its conditions and taints for which all of its GPUs are closed, such as ``GPUMissing``.
    release
        What a person wants to let go.
    boot, version, uid
        Its boot, and which Node object it is.
    """

    entries: tuple[Entry, ...] = ()
    reasons: tuple[str, ...] = ()
    release: str = ""
    boot: str = ""
    version: str = ""
    uid: str = ""

    @property
    def quarantined(self) -> tuple[Entry, ...]:
        """The entries that close GPUs."""
        return tuple(each for each in self.entries if not each.released)


class Marker:
    """Reads the marks of nodes, and lets nodes have the GPUs that are left.

    Parameters
    ----------
    judging
        What closes GPUs.

    Attributes
    ----------
    marks
        Of each node, by name.
    """

    def __init__(self, judging: Judging) -> None:
        self.judging = judging
        self.marks: dict[str, Marks] = {}

    def see(self, thing: Object, facts: NodeFacts, problems: list[Problem]) -> NodeFacts:
        """Return a node without the GPUs that take no new pods.

        Parameters
        ----------
        thing
            The Node object.
        facts
            What was read of it.
        problems
            Where problems go.
        """
        name = facts.node.name
        marks = self.marks[name] = read_marks(thing, name, self.judging, problems)
        node = closed(facts, marks, _withdrawn(thing), closes_nodes=self.judging.closes_nodes)
        return facts if node is facts.node else replace(facts, node=node)

    def forget(self, name: str) -> None:
        """Forget a node.

        Parameters
        ----------
        name
            The node.
        """
        self.marks.pop(name, None)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the node and a line for each reason why GPUs take no new pods, by node."""
        for name in sorted(self.marks):
            marks = self.marks[name]
            for each in marks.quarantined:
                code = code_of(each.code)
                text = f"{each.name} of node {name}: {code.text}, since {each.since}; {code.hint}"
                yield name, text
            for reason in marks.reasons:
                yield name, f"all GPUs of node {name}: {reason}"


def read_marks(thing: Object, name: str, judging: Judging, problems: list[Problem]) -> Marks:
    """Return what a node says of the health of its GPUs.

    Parameters
    ----------
    thing, name
        The Node object, and its name.
    judging
        What closes GPUs.
    problems
        Where problems go; an annotation that cannot be read counts as absent.
    """
    metadata, status = metadata_of(thing), dict_of(thing.get("status"))
    annotations = dict_of(metadata.get("annotations"))
    entries: tuple[Entry, ...] = ()
    try:
        entries = read_entries(str(annotations.get(QUARANTINED) or ""))
    except ValueError:
        problems.append(Problem("node", name, f"metadata.annotations.{QUARANTINED}",
                                "cannot be read; take it away"))  # fmt: skip
    return Marks(
        entries,
        tuple(sorted(_reasons(thing, judging))),
        str(annotations.get(RELEASE) or ""),
        str(dict_of(status.get("nodeInfo")).get("bootID") or ""),
        str(metadata.get("resourceVersion") or ""),
        str(metadata.get("uid") or ""),
    )


def closed(facts: NodeFacts, marks: Marks, withdrawn: int, *, closes_nodes: bool) -> Node:
    """Return a node some of whose GPUs take no new pods; who runs there stays.

    Where a GPU has an index, it is the one. NVIDIA's device plugin picks GPUs itself: it withdraws
    those of which it hears a critical Xid, and what is allocatable is less them already. While it
    has withdrawn fewer than are quarantined, it may give a sick one to whoever comes. Then nobody
    comes, or with ``closes_nodes`` off so many fewer.

    Parameters
    ----------
    facts
        The node as it was read.
    marks
        What it says.
    withdrawn
        How many of its GPUs or their replicas the device plugin keeps back.
    closes_nodes
        See ``Judging``.
    """
    node, every = facts.node, tuple(range(facts.node.gpu_count))
    if marks.reasons:
        return _none_left(node)
    sick = {each.uuid: each.gpu for each in marks.quarantined}
    if not sick:
        return node
    if not node.anonymous_gpus and every:
        found = {*node.unhealthy, *_indices(sick, facts.gpus)}
        return replace(node, unhealthy=tuple(sorted(found.intersection(every))))
    # How many instances of MIG a GPU has nobody shows: what is withdrawn says nothing of them.
    splits = "-MIG-" in node.gpu_model or any(
        name.startswith(keys.MIG_PREFIX) for name, _ in node.resources
    )
    n_missing = len(sick) * _replicas(node) - (0 if splits else withdrawn)
    if n_missing <= 0:
        return node
    return _none_left(node) if closes_nodes else replace(node, unhealthy=every[-n_missing:])


def has_gpus(node: Node) -> bool:
    """Whether a node has GPUs, or parts of them.

    Parameters
    ----------
    node
        The node.
    """
    return bool(node.gpu_count) or _has_counted(node)


def _has_counted(node: Node) -> bool:
    return any(name.startswith(COUNTED) for name, _ in node.resources)


def _none_left(node: Node) -> Node:
    unhealthy = tuple(range(node.gpu_count))
    schedulable = node.schedulable and not _has_counted(node)
    return replace(node, unhealthy=unhealthy, schedulable=schedulable)


def _indices(sick: dict[str, int], gpus: Gpus) -> set[int]:
    """Return which GPUs are sick: by uuid where a register has them, else by number."""
    if not gpus.registered:
        return set(sick.values())
    return {index for index, gpu in enumerate(gpus.registered) if gpu.uuid in sick}


def _replicas(node: Node) -> int:
    text = dict(node.labels).get(keys.REPLICAS, "")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 6 else 1


def _withdrawn(thing: Object) -> int:
    """Return how many GPUs or replicas the kubelet has and does not give out.

    Of a device plugin's unhealthy devices it goes on to state the capacity (``GetCapacity`` of its
    device manager).
    """
    status = dict_of(thing.get("status"))
    has, gives = dict_of(status.get("capacity")), dict_of(status.get("allocatable"))
    return sum(
        max(0, _count(has.get(key)) - _count(gives.get(key)))
        for key in (keys.GPU, keys.GPU_SHARED)
        if key in gives
    )


def _count(amount: object) -> int:
    text = str(amount or 0)
    return int(text) if text.isascii() and text.isdecimal() else 0


def _reasons(thing: Object, judging: Judging) -> Iterator[str]:
    for condition in objects_in(dict_of(thing.get("status")).get("conditions")):
        kind, status = str(condition.get("type")), str(condition.get("status"))
        if (kind, status) in judging.conditions:
            why = str(condition.get("message") or condition.get("reason") or "")
            yield f"condition {kind} is {status}" + (f" ({why})" if why else "")
    for taint in objects_in(dict_of(thing.get("spec")).get("taints")):
        if taint.get("key") in judging.taints:
            yield f"taint {taint.get('key')}"
