"""Taints, affinity, anti-affinity and spread hold when others leave for a pod or a gang."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Taint,
    Toleration,
    TolerationOperator,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.preemption import preempt, preempt_gang
from bayplan.scheduler.types import Request

from ..support import bind, first_fit, node, whole  # noqa: TID252

WEB = Selector((Expression("app", Operator.IN, ("web",)),))
TAINT = Taint("dedicated", "training")


def labelled(**fields: Any) -> Constraints:
    return Constraints(labels=(("app", "web"),), **fields)


def full() -> Engine:
    """Three full nodes, each alone in its zone; c is tainted, and on a runs a web pod."""
    engine = first_fit(
        Cluster(
            [
                node("a", 2, labels=(("zone", "x"),)),
                node("b", 2, labels=(("zone", "y"),)),
                node("c", 2, labels=(("zone", "z"),), taints=(TAINT,)),
            ]
        )
    )
    bind(engine, whole("web", priority=9, constraints=labelled()))
    for uid in ("a1", "b1", "b2", "c1", "c2"):
        bind(engine, whole(uid, priority=1))
    return engine


def new(constraints: Constraints) -> Request:
    return whole("new", priority=5, constraints=constraints)


TOLERANT = (Toleration("dedicated", TolerationOperator.EXISTS),)
ZONE_Y = (NodeAffinityTerm((Expression("zone", Operator.IN, ("y",)),)),)
NEAR_WEB = (PodTerm("zone", WEB),)


@pytest.mark.parametrize(
    ("constraints", "nodes"),
    [
        (Constraints(), {"a", "b"}),
        (Constraints(tolerations=TOLERANT), {"a", "b", "c"}),
        (Constraints(node_affinity=ZONE_Y), {"b"}),
        (Constraints(pod_affinity=NEAR_WEB), {"a"}),
        (Constraints(pod_anti_affinity=NEAR_WEB), {"b"}),
        (labelled(spread=(Spread(1, "zone", WEB),)), {"b"}),
    ],
)
def test_only_nodes_that_suit_a_pod_lose_some(constraints: Constraints, nodes: set[str]) -> None:
    answer = preempt(full(), new(constraints), 100.0)
    assert {each.node for each in answer.nodes} == nodes
    assert all(len(each.uids) == 1 for each in answer.nodes)


def test_members_that_keep_apart_evict_on_different_nodes() -> None:
    engine = full()
    apart = labelled(pod_anti_affinity=(PodTerm("zone", WEB),), tolerations=TOLERANT)
    members = tuple(new(apart)._replace(uid=f"m{i}", gang="new") for i in range(2))
    answer = preempt_gang(engine, Gang("new", (Role("m", members),)), 100.0)
    assert answer.plan is not None
    placements = [decision.placement for decision in answer.plan.decisions]
    assert sorted(each.node for each in placements if each) == ["b", "c"]
    assert len(answer.uids) == 2


def test_nobody_leaves_for_a_pod_that_no_node_suits() -> None:
    nowhere = NodeAffinityTerm((Expression("zone", Operator.IN, ("none",)),))
    answer = preempt(full(), new(Constraints(node_affinity=(nowhere,))), 100.0)
    assert answer.nodes == ()
    assert answer.why
