"""What the tests of plans share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.types import DeviceRequest, Node, Request, WholeGpus
from bayplan.simulator.plan.planning import make_plan
from bayplan.simulator.plan.results import Plan
from bayplan.simulator.plan.scene import Scene, Unit


def cluster_with(*nodes: int) -> Cluster:
    """Nodes n0, n1, ... with so many GPUs each."""
    return Cluster(Node(f"n{i}", 64_000, 64_000, gpus, "A", 8_000) for i, gpus in enumerate(nodes))


def whole(uid: str, count: int = 1, **fields: Any) -> Request:
    return Request(uid, 1000, devices=(DeviceRequest(WholeGpus(count)),), **fields)


def run(cluster: Cluster, request: Request, node: str = "n0") -> None:
    """Let a pod run on a node."""
    engine = Engine(cluster, FirstFit())
    here = [cluster.name(row) == node for row in range(cluster.view.n_rows)]
    decision = engine.decide(request, -100.0, np.array(here))
    assert decision.placement is not None
    cluster.apply(Bound(decision, -100.0))


def pods(*requests: Request) -> tuple[Unit, ...]:
    return tuple(Unit((request,)) for request in requests)


def gang(name: str, *members: Request, least: int | None = None) -> Unit:
    return Unit(members, Gang(name, (Role("", members, least),)))


def planned(
    cluster: Cluster, units: Sequence[Unit], preemption: str = "never", **scene: Any
) -> Plan:
    """The plan for some units; the cluster is checked afterwards."""
    engine = Engine(cluster, FirstFit())
    made = make_plan(Scene(cluster, tuple(units), **scene), engine, units, preemption)
    cluster.check()
    return made


def where(plan: Plan) -> dict[str, str]:
    """Node by pod."""
    return {each.request.uid: each.placement.node for each in plan.placed}


def why(plan: Plan) -> dict[str, str]:
    """Why each pod waits."""
    return {each.request.uid: each.why for each in plan.waiting}
