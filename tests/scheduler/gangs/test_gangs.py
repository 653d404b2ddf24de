"""Cases made by hand, with exact expectations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Bound, Gone, Held, NodeChanged
from bayplan.scheduler.gangs import Gang, GangPlan, Role, Segment, Spread, stands
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.types import (
    DeviceRequest,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)

from ..support import (  # noqa: TID252
    bind,
    instances,
    mig_node,
    node,
    sharer,
    snapshot,
    whole,
)
from .cases import RACK, ZONE

NODE, RACKS, ZONES = TopologyLevel.NODE, TopologyLevel.RACK, TopologyLevel.ZONE


def racks(*gpus: tuple[int, ...]) -> Engine:
    """An engine for racks r0, r1, ... two to a zone, with nodes of so many GPUs."""
    nodes = [
        node(f"n{r}{i}", count, labels=((RACK, f"r{r}"), (ZONE, f"z{r // 2}")))
        for r, rack in enumerate(gpus)
        for i, count in enumerate(rack)
    ]
    return Engine(Cluster(nodes), BestFit())


def gang(n: int, gpus: int = 1, least: int | None = None, **wishes: Any) -> Gang:
    return Gang("g", (Role("w", tuple(whole(f"p{i}", gpus) for i in range(n)), least),), **wishes)


def where(plan: GangPlan) -> list[str]:
    return [d.placement.node if d.placement else "" for d in plan.decisions]


def test_the_smallest_rack_that_holds_the_gang_is_taken() -> None:
    engine = racks((8,), (2, 2), (3,), (1,))
    plan = engine.decide_gang(gang(3, topology=(Topology(RACKS),)), 0.0)
    assert where(plan) == ["n20"] * 3
    assert plan.domains == ((RACKS, "z1/r2"),)
    assert plan.rests_on == (("n20", int(engine.cluster.view.version[3])),)


def test_of_equal_racks_the_first_by_name_is_taken() -> None:
    engine = racks((4,), (4,))
    assert where(engine.decide_gang(gang(2, topology=(Topology(RACKS),)), 0.0)) == ["n00"] * 2


def test_preferred_levels_are_given_up_from_the_nearest_outward() -> None:
    engine = racks((2,), (2,), (2,), (1,))
    wishes = (Topology(ZONES, required=False), Topology(RACKS, required=False))
    assert engine.decide_gang(gang(2, topology=wishes), 0.0).domains == (
        (RACKS, "z0/r0"),
        (ZONES, "z0"),
    )
    assert engine.decide_gang(gang(3, topology=wishes), 0.0).domains == ((ZONES, "z1"),)
    plan = engine.decide_gang(gang(5, topology=wishes), 0.0)
    assert plan.domains == ()
    assert len(plan.decisions) == 5


def test_a_plan_that_fails_says_how_near_it_came() -> None:
    engine = racks((3,), (5,))
    plan = engine.decide_gang(gang(7, topology=(Topology(RACKS),)), 0.0)
    assert plan.decisions == ()
    assert (plan.missing, plan.first_left) == (2, "p5")
    assert plan.why == (
        "5 of 7 members fit in rack z0/r1; p5 does not: 1 × too few GPUs with enough free"
    )


def test_a_gang_grows_past_its_minimum_as_far_as_it_fits() -> None:
    engine = racks((3,), (5,))
    plan = engine.decide_gang(gang(9, least=2, topology=(Topology(RACKS),)), 0.0)
    assert where(plan) == ["n10"] * 5
    assert len(engine.decide_gang(gang(9, least=2), 0.0).decisions) == 8
    assert not engine.decide_gang(gang(9, least=9), 0.0).decisions


def test_every_role_has_its_minimum_before_any_grows() -> None:
    engine = racks((4,))
    roles = (
        Role("leader", tuple(whole(f"l{i}") for i in range(4)), 1),
        Role("worker", tuple(whole(f"w{i}", 2) for i in range(2)), 1),
    )
    plan = engine.decide_gang(Gang("g", roles), 0.0)
    assert [d.request.uid for d in plan.decisions] == ["l0", "l1", "w0"]


def test_members_in_the_cluster_stay_and_count() -> None:
    engine = racks((4,), (8,))
    wish = (Topology(RACKS),)
    bind(engine, whole("p1"))
    first = engine.cluster.pods["p1"].placement.node
    assert first == "n00"
    plan = engine.decide_gang(gang(4, topology=wish), 0.0)
    assert (plan.bound, where(plan)) == (("p1",), ["n00"] * 3)
    assert [d.request.uid for d in plan.decisions] == ["p0", "p2", "p3"]
    plan = engine.decide_gang(gang(5, topology=wish), 0.0)
    assert (plan.missing, plan.first_left, plan.bound) == (1, "p4", ("p1",))
    other = engine.decide(whole("p2"), 0.0, np.array([False, True]))
    engine.cluster.apply(Held(other, 5.0))
    plan = engine.decide_gang(gang(4, topology=wish), 0.0)
    assert plan.why == "members that are placed already are not in one rack"
    assert (plan.missing, plan.first_left) == (2, "p0")


def test_a_gang_that_is_all_there_needs_nothing() -> None:
    engine = racks((4,))
    bind(engine, whole("p0"))
    plan = engine.decide_gang(gang(1), 0.0)
    assert (plan.decisions, plan.missing, plan.why, plan.bound) == ((), 0, "", ("p0",))
    assert stands(engine.cluster, plan)


def test_segments_are_each_in_one_domain() -> None:
    engine = racks((3,), (3,), (4,))
    wish = Segment(2, RACKS)
    plan = engine.decide_gang(gang(8, segment=wish), 0.0)
    assert len(plan.decisions) == 8
    assert all(where(plan)[i] == where(plan)[i + 1] for i in range(0, 8, 2))
    # Ten GPUs, but three, three and four hold one, one and two pairs.
    assert not engine.decide_gang(gang(10, segment=wish), 0.0).decisions


def test_segments_do_not_cross_roles() -> None:
    engine = racks((3,), (2,))
    roles = tuple(
        Role(r, tuple(whole(f"{r}{i}") for i in range(n))) for r, n in (("a", 3), ("b", 2))
    )
    plan = engine.decide_gang(Gang("g", roles, segment=Segment(3, RACKS)), 0.0)
    assert where(plan) == ["n00"] * 3 + ["n10"] * 2


def test_members_are_spread_over_domains() -> None:
    engine = racks((8, 8), (8,))
    plan = engine.decide_gang(gang(4, spread=Spread(RACKS, 2)), 0.0)
    assert sorted(name[:2] for name in where(plan)) == ["n0", "n0", "n1", "n1"]
    plan = engine.decide_gang(gang(5, spread=Spread(RACKS, 2)), 0.0)
    assert (plan.missing, plan.first_left) == (1, "p4")
    assert "wishes" in plan.why


def test_nodes_without_a_label_hold_no_gang_that_asks_for_the_level() -> None:
    engine = Engine(Cluster([node("n0", 4), node("n1", 4, labels=((ZONE, "z"),))]), BestFit())
    assert where(engine.decide_gang(gang(2, topology=(Topology(ZONES),)), 0.0)) == ["n1"] * 2
    plan = engine.decide_gang(gang(2, topology=(Topology(RACKS),)), 0.0)
    assert plan.why == "no candidate node is in a rack"
    assert len(engine.decide_gang(gang(8), 0.0).decisions) == 8


def test_only_candidates_are_used() -> None:
    engine = racks((4,), (4,))
    mask = np.array([False, True])
    assert where(engine.decide_gang(gang(2), 0.0, mask)) == ["n10"] * 2
    assert mask.tolist() == [False, True]
    with pytest.raises(ValueError, match="nodes"):
        engine.decide_gang(gang(2), 0.0, np.array([True]))


@pytest.mark.parametrize(
    "wrong",
    [
        Gang("g", ()),
        Gang("g", (Role("a", (whole("p"),)), Role("b", (whole("p"),)))),
        gang(2, least=3),
        gang(2, least=-1),
        gang(2, segment=Segment(0, RACKS)),
        gang(2, spread=Spread(RACKS, 0)),
        Gang("g", (Role("a", (Request("p", cpu_milli=-1),)),)),
    ],
)
def test_gangs_that_make_no_sense_are_refused(wrong: Gang) -> None:
    with pytest.raises(InvalidRequest):
        racks((4,)).decide_gang(wrong, 0.0)


def test_instances_of_different_sizes_find_their_places() -> None:
    engine = Engine(Cluster([mig_node("m", 2)]), BestFit())
    profiles = ("1g.10gb", "3g.40gb", "2g.20gb", "4g.40gb", "3g.40gb", "1g.10gb")
    pods = tuple(instances(f"p{i}", name) for i, name in enumerate(profiles))
    plan = engine.decide_gang(Gang("g", (Role("a", pods),)), 0.0)
    assert len(plan.decisions) == 6
    for decision in plan.decisions:
        engine.cluster.apply(Bound(decision, 0.0))
    engine.cluster.check()


def test_an_alternative_is_taken_where_the_first_wish_cannot_be_had() -> None:
    device = DeviceRequest(WholeGpus(2), alternatives=(DeviceRequest(WholeGpus(1)),))
    pods = tuple(Request(f"p{i}", devices=(device,)) for i in range(3))
    plan = racks((5,)).decide_gang(Gang("g", (Role("a", pods),)), 0.0)
    assert [d.placement.chosen for d in plan.decisions if d.placement] == [(0,), (0,), (1,)]


def test_members_that_share_a_claim_are_on_one_node() -> None:
    engine = racks((1, 2))
    pods = (sharer("a", "c", cpu_milli=6_000), sharer("b", "c", cpu_milli=4_000), whole("w"))
    before = snapshot(engine.cluster)
    plan = engine.decide_gang(Gang("g", (Role("a", pods),)), 0.0)
    assert snapshot(engine.cluster) == before
    assert where(plan)[0] == where(plan)[1]
    for decision in plan.decisions:
        engine.cluster.apply(Bound(decision, 0.0))
    assert engine.cluster.claims["c"].users == {"a", "b"}


def test_a_plan_falls_when_a_placement_no_longer_fits() -> None:
    engine = racks((4,), (4,))
    cluster = engine.cluster
    plan = engine.decide_gang(gang(3), 0.0)
    assert where(plan) == ["n00"] * 3
    cluster.apply(Bound(plan.decisions[0], 0.0))
    assert stands(cluster, plan)  # members that follow the plan
    cluster.apply(Gone("p0"))
    mask = np.array([True, False])
    cluster.apply(Bound(engine.decide(whole("x", cpu_milli=10_000), 0.0, ~mask), 0.0))
    assert stands(cluster, plan)  # another node
    elsewhere = engine.decide(whole("p1"), 0.0, ~mask)
    with cluster.trial():
        cluster.apply(Bound(elsewhere, 0.0))
        assert not stands(cluster, plan)  # a member that went its own way
    with cluster.trial():
        cluster.apply(NodeChanged(node("n00", 4, schedulable=False)))
        assert not stands(cluster, plan)
    cluster.apply(Bound(engine.decide(whole("y", 2), 0.0, mask), 0.0))
    assert not stands(cluster, plan)
    cluster.apply(Gone("y"))
    assert stands(cluster, plan)


def test_a_plan_falls_with_a_member_that_it_found_in_the_cluster() -> None:
    engine = racks((4,))
    bind(engine, whole("p0"))
    plan = engine.decide_gang(gang(2), 0.0)
    assert stands(engine.cluster, plan)
    engine.cluster.apply(Gone("p0"))
    assert not stands(engine.cluster, plan)
