"""Gangs whose members have constraints of Kubernetes, which they respect among themselves too."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    Operator,
    PodTerm,
    Selector,
    Spread,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs import Gang, GangPlan, Role
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.types import Topology, TopologyLevel

from ..support import node, snapshot, whole  # noqa: TID252
from .cases import RACK, ZONE

HOST = "kubernetes.io/hostname"
OURS = Selector((Expression("app", Operator.IN, ("train",)),))
APART = (PodTerm(HOST, OURS),)


def engine_of(*places: str) -> Engine:
    """An engine for nodes n0, n1, ... of four GPUs, each in a zone and a rack of the same name."""
    return Engine(
        Cluster(
            node(f"n{i}", 4, labels=((HOST, f"n{i}"), (RACK, place), (ZONE, place)))
            for i, place in enumerate(places)
        ),
        BestFit(),
    )


def trainers(n: int, gpus: int = 1, **constraints: Any) -> Role:
    own = Constraints(labels=(("app", "train"),), **constraints)
    return Role("train", tuple(whole(f"p{i}", gpus, constraints=own) for i in range(n)))


def where(plan: GangPlan) -> list[str]:
    return [d.placement.node if d.placement else "" for d in plan.decisions]


def follows(engine: Engine, plan: GangPlan) -> bool:
    """Whether each member may go where the plan has it, those before it being there."""
    with engine.cluster.trial():
        for decision in plan.decisions:
            assert decision.placement is not None
            row = engine.cluster.row(decision.placement.node)
            if not engine.feasible(decision.request)[row]:
                return False
            engine.cluster.apply(Bound(decision, 0.0))
    return True


def test_members_that_keep_apart_are_on_different_hosts() -> None:
    engine = engine_of("a", "a", "b")
    before = snapshot(engine.cluster)
    plan = engine.decide_gang(Gang("g", (trainers(3, pod_anti_affinity=APART),)), 0.0)
    assert snapshot(engine.cluster) == before
    assert sorted(where(plan)) == ["n0", "n1", "n2"]
    assert follows(engine, plan)


def test_one_more_member_than_hosts_finds_no_place() -> None:
    plan = engine_of("a", "a", "b").decide_gang(
        Gang("g", (trainers(4, pod_anti_affinity=APART),)), 0.0
    )
    assert (plan.decisions, plan.missing, plan.first_left) == ((), 1, "p3")
    assert "keep apart" in plan.why


def test_members_that_keep_apart_stay_in_one_rack() -> None:
    engine = engine_of("a", "b", "b", "a", "b")
    wish = (Topology(TopologyLevel.RACK),)
    plan = engine.decide_gang(Gang("g", (trainers(3, pod_anti_affinity=APART),), wish), 0.0)
    assert sorted(where(plan)) == ["n1", "n2", "n4"]
    assert not engine.decide_gang(
        Gang("g", (trainers(4, pod_anti_affinity=APART),), wish), 0.0
    ).decisions


def test_members_are_spread_over_zones_with_the_skew_that_they_allow() -> None:
    engine = engine_of("a", "a", "b", "c")
    plan = engine.decide_gang(Gang("g", (trainers(6, spread=(Spread(1, ZONE, OURS),)),)), 0.0)
    zones = dict(zip(("n0", "n1", "n2", "n3"), "aabc", strict=True))
    assert Counter(zones[name] for name in where(plan)) == {"a": 2, "b": 2, "c": 2}
    assert follows(engine, plan)


def test_a_full_zone_limits_how_many_the_others_take() -> None:
    engine = engine_of("a", "b")
    spread = (Spread(1, ZONE, OURS),)
    engine.cluster.apply(Bound(engine.decide(whole("x", 3), 0.0), 0.0))
    assert len(engine.decide_gang(Gang("g", (trainers(3, spread=spread),)), 0.0).decisions) == 3
    # One in the zone of x, so two in the other.
    plan = engine.decide_gang(Gang("g", (trainers(4, spread=spread),)), 0.0)
    assert (plan.decisions, plan.missing) == ((), 1)


def test_a_member_that_must_be_near_another_waits_for_it() -> None:
    engine = engine_of("a", "b")
    near = Constraints(pod_affinity=(PodTerm(ZONE, OURS),))
    helper = Role("helper", (whole("h", constraints=near),))
    plan = engine.decide_gang(Gang("g", (trainers(1), helper)), 0.0)
    assert len(set(where(plan))) == 1
    # Named first, it comes after the larger trainer all the same.
    plan = engine.decide_gang(Gang("g", (helper, trainers(1, 2))), 0.0)
    assert len(plan.decisions) == 2
    assert len(set(where(plan))) == 1
