"""Everything that can happen to a cluster. ``Cluster.apply`` takes one; nothing else writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bayplan.scheduler.sharing import Sharing
from bayplan.scheduler.types import Decision, Node


@dataclass(frozen=True, slots=True)
class NodeUp:
    """A node joins."""

    node: Node


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """A node's capacity, labels, images or schedulability changed; its pods stay.

    Its GPUs (count, model, memory, anonymity, sharing) may change only while none is in use.
    Which of them are unhealthy, and which have a uuid, may change at any time. CPU, memory and
    other resources may shrink below what is used: then nothing new fits.
    """

    node: Node


@dataclass(frozen=True, slots=True)
class Repartitioned:
    """One GPU of a node is shared in another way from now on.

    Only while nothing is on it; a MIG layout may also give way to one that keeps every instance
    in use where it is: running instances never move.
    """

    node: str
    gpu: int
    sharing: Sharing


@dataclass(frozen=True, slots=True)
class ImagesChanged:
    """The container images on a node are others from now on: names and MiB."""

    node: str
    images: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class NodeGone:
    """A node leaves, and the pods on it with it."""

    name: str


class Bound(NamedTuple):
    """A decision takes effect: the pod starts at ``start_s``. Ends a hold of the same pod."""

    decision: Decision
    start_s: float
    expected_end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Room is kept for a pod until ``until_s``; a later hold of the same pod replaces it.

    To a decision the room is taken, also for the pod that holds it: an owner who asks again for a
    pod with a hold does so in a trial in which the hold has expired.
    """

    decision: Decision
    until_s: float


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """The owner's clock says that the hold until ``until_s`` is over.

    Refused when a newer hold has replaced it: a timer that fires late must not end that one.
    """

    uid: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A pod's work is safe up to ``at_s``."""

    uid: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Gone:
    """A pod left: finished, deleted, evicted."""

    uid: str


@dataclass(frozen=True, slots=True)
class Returned:
    """A pod that the open trial took away is back where it was, as if it had never left.

    Its node, and its GPUs, need take no new pods. Refused when others may have its room by now, or
    it uses a claim.
    """

    uid: str


Event = (
    NodeUp
    | NodeChanged
    | ImagesChanged
    | Repartitioned
    | NodeGone
    | Bound
    | Held
    | HoldExpired
    | Checkpointed
    | Gone
    | Returned
)
