"""What the tests of GPU sharing have in common: nodes of A100s, and what came of a request."""

from __future__ import annotations

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.sharing import Mps, Sharing
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    Isolation,
    MigInstances,
    Node,
    Reason,
    Request,
)

from .support import bind

MODEL = "A100-80GB"
MEMORY = 81_920
BALANCED = ((0, "2g.20gb"), (2, "1g.10gb"), (3, "1g.10gb"), (4, "3g.40gb"))
ONES = tuple((start, "1g.10gb") for start in range(7))
INSIDE = [None, Mps(clients=14)]
"""What is inside the instances of a layout."""

Place = tuple[int, int, str]
"""A GPU, and start and profile of an instance on it."""


def a100s(name: str, *sharing: Sharing, gpus: int = 1, memory_mib: int = MEMORY) -> Node:
    """A node of A100s that are shared in one way, or each in its own."""
    return Node(name, 64_000, 64_000, gpus, MODEL, memory_mib, sharing=sharing)


def version(cluster: Cluster, name: str = "n") -> int:
    return int(cluster.view.version[cluster.row(name)])


def engine_of(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), FirstFit())


def instances(uid: str, profile: str, count: int = 1) -> Request:
    return Request(uid, devices=(DeviceRequest(MigInstances(profile, count)),))


def shares(
    uid: str, milli: int = 0, mib: int = 0, count: int = 1, accept: tuple[Isolation, ...] = ()
) -> Request:
    """A pod with shares of ``count`` GPUs that are isolated in an accepted way."""
    return Request(uid, devices=(DeviceRequest(GpuShare(milli, mib, count, accept)),))


def grants_of(decision: Decision) -> tuple[Grant, ...]:
    assert decision.placement is not None, decision.reasons
    return tuple(grant for grants in decision.placement.grants for grant in grants)


def amounts(decision: Decision) -> list[tuple[int, int]]:
    """The milli and MiB of each grant."""
    return [(grant.milli, grant.memory_mib) for grant in grants_of(decision)]


def places(decision: Decision) -> list[Place]:
    slots = [grant.slot for grant in grants_of(decision)]
    return [(slot.gpu, slot.start, slot.profile) for slot in slots]


def reasons(decision: Decision) -> list[Reason]:
    assert decision.placement is None
    return [reason for reason, _ in decision.reasons]


def bind_all(engine: Engine, *requests: Request) -> list[Decision]:
    """Decide and commit one after the other; all find a place."""
    decisions = [bind(engine, request) for request in requests]
    assert all(decision.placement for decision in decisions)
    engine.cluster.check()
    return decisions
