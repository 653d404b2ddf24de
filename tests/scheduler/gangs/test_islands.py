"""Gangs that wish for islands of GPUs, against a plain search of all ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.explaining import explain_gang
from bayplan.scheduler.gangs import Gang, GangPlan, Role, Segment, Spread, stands
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Placement,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)
from naive_islands import ISLAND, Brute, gpus_of, in_one, islands

from ..support import A100, bind, node, snapshot, whole  # noqa: TID252

NEAR = Topology(ISLAND)
WISHED = Topology(ISLAND, required=False)
POLICIES = ("best-fit", "worst-fit", "first-fit")


def gang(n: int, gpus: int = 1, least: int | None = None, **wishes: Any) -> Gang:
    return Gang("g", (Role("w", tuple(whole(f"p{i}", gpus) for i in range(n)), least),), **wishes)


def engine_of(*sizes: tuple[int, int], name: str = "best-fit") -> Engine:
    """An engine for nodes of so many GPUs, in islands of so many."""
    nodes = [node(f"n{i}", gpus, gpu_island=size) for i, (gpus, size) in enumerate(sizes)]
    return Engine(Cluster(nodes), make_policy(name))


def placements(plan: GangPlan) -> dict[str, Placement]:
    return {d.request.uid: d.placement for d in plan.decisions if d.placement is not None}


def homes(cluster: Cluster, placed: Mapping[str, Placement]) -> set[tuple[str, int]]:
    """The islands that some pods are in; each pod is in one."""
    found = set()
    for placement in placed.values():
        there, gpus = cluster.nodes[placement.node], gpus_of(placement)
        if gpus:
            assert in_one(there, gpus)
            number = [i for i, each in enumerate(islands(there)) if set(gpus) & (each | {-1})]
            found.add((there.name, number[0]))
    return found


def check_wishes(cluster: Cluster, plan: GangPlan) -> None:
    asked, placed = plan.gang, placements(plan)
    for decision in plan.decisions:
        assert decision.request in [r for role in asked.roles for r in role.members]
        if decision.request.topology is not None and decision.placement is not None:
            gpus = gpus_of(decision.placement)
            assert len(gpus) < 2 or in_one(cluster.nodes[decision.placement.node], gpus)
    if any(wish.required and wish.level is ISLAND for wish in asked.topology):
        assert len(homes(cluster, placed)) <= 1
        assert len({placement.node for placement in placed.values()}) <= 1
    if asked.segment:
        for role in asked.roles:
            uids = [request.uid for request in role.members]
            for first in range(0, len(uids), asked.segment.size):
                some = uids[first : first + asked.segment.size]
                assert len(homes(cluster, {u: placed[u] for u in some if u in placed})) <= 1


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Cluster, Gang]:
    """Up to three nodes with some pods on them, and a gang that wishes for islands."""
    cluster = Cluster(
        node(f"n{i}", draw(st.integers(1, 6)), gpu_island=draw(st.integers(1, 3)))
        for i in range(draw(st.integers(1, 3)))
    )
    engine = Engine(cluster, make_policy("random"), seed=draw(st.integers(0, 99)))
    for i in range(draw(st.integers(0, 5))):
        asks: list[WholeGpus | GpuShare] = [WholeGpus(1), GpuShare(500)]
        bind(engine, Request(f"old{i}", devices=(DeviceRequest(draw(st.sampled_from(asks))),)))
    for i in range(draw(st.integers(0, 3))):
        if f"old{i}" in cluster.pods:
            cluster.apply(Gone(f"old{i}"))
    member = st.tuples(
        st.sampled_from([None, WholeGpus(1), WholeGpus(1), WholeGpus(2), WholeGpus(3)])
        | st.sampled_from([GpuShare(500), GpuShare(300)]),
        st.sampled_from([0, 0, 4_000]),
        st.booleans(),
    )
    members = []
    for i, (wish, cpu, near) in enumerate(draw(st.lists(member, min_size=1, max_size=5))):
        devices = (DeviceRequest(wish),) if wish else ()
        members.append(Request(f"p{i}", cpu, 0, devices, topology=NEAR if near else None))
    wishes: dict[str, Any] = draw(
        st.sampled_from(
            [{}, {"topology": (NEAR,)}] + [{"segment": Segment(size, ISLAND)} for size in (1, 2, 3)]
        )
    )
    return cluster, Gang("g", (Role("w", tuple(members)),), **wishes)


@given(scenes(), st.sampled_from(POLICIES))
def test_a_plan_is_found_if_and_only_if_there_is_one(
    scene: tuple[Cluster, Gang], name: str
) -> None:
    cluster, asked = scene
    before = snapshot(cluster)
    plan = Engine(cluster, make_policy(name)).decide_gang(asked, 0.0)
    assert snapshot(cluster) == before
    assert bool(plan.decisions) == Brute(cluster, asked).exists()
    if not plan.decisions:
        assert plan.missing > 0
        assert plan.why
        return
    assert stands(cluster, plan)
    check_wishes(cluster, plan)
    for decision in plan.decisions:
        cluster.apply(Bound(decision, 0.0))
    cluster.check()


@given(scenes(), st.integers(1, 9))
def test_victims_of_a_gang_make_room_in_islands(scene: tuple[Cluster, Gang], rank: int) -> None:
    cluster, asked = scene
    engine = Engine(cluster, make_policy("best-fit"))
    found = engine.preempt_gang(_ranked(asked, rank), 0.0)
    if found.plan is None:
        assert found.why
        return
    with cluster.trial():
        for uid in found.uids:
            cluster.apply(Gone(uid))
        assert stands(cluster, found.plan)
        check_wishes(cluster, found.plan)


def _ranked(asked: Gang, rank: int) -> Gang:
    (role,) = asked.roles
    members = tuple(request._replace(priority=rank) for request in role.members)
    return replace(asked, roles=(replace(role, members=members),))


def test_all_members_go_to_one_island_of_one_node() -> None:
    engine = engine_of((8, 2), (8, 4))
    bind(engine, whole("o", 1))
    plan = engine.decide_gang(gang(4, topology=(NEAR,)), 0.0)
    assert homes(engine.cluster, placements(plan)) == {("n1", 0)}
    assert plan.domains == ((ISLAND, "n1/0"),)
    assert engine.decide_gang(gang(5, topology=(NEAR,)), 0.0).missing == 1
    why = engine.decide_gang(gang(5, topology=(NEAR,)), 0.0).why
    assert why.startswith("4 of 5 members fit in one GPU island of node n1; p4 does not")


def test_members_without_gpus_stay_on_the_node() -> None:
    engine = engine_of((4, 2), (4, 4))
    members = (Request("driver", 100), *(whole(f"p{i}") for i in range(4)))
    plan = engine.decide_gang(Gang("g", (Role("w", members),), (NEAR,)), 0.0)
    assert {placement.node for placement in placements(plan).values()} == {"n1"}


def test_a_preferred_island_is_given_up_first() -> None:
    engine = engine_of((4, 2), (4, 2))
    wishes = (WISHED, Topology(TopologyLevel.NODE, required=False))
    together = engine.decide_gang(gang(2, topology=wishes), 0.0)
    assert len(homes(engine.cluster, placements(together))) == 1
    apart = engine.decide_gang(gang(4, topology=wishes), 0.0)
    assert {placement.node for placement in placements(apart).values()} == {"n0"}
    assert dict(apart.domains) == {TopologyLevel.NODE: "n0"}


def test_segments_fill_islands_and_growth_stays_with_its_segment() -> None:
    engine = engine_of((8, 4), (4, 4))
    plan = engine.decide_gang(gang(6, 2, 4, segment=Segment(2, ISLAND)), 0.0)
    assert len(plan.decisions) == 6
    check_wishes(engine.cluster, plan)
    for decision in plan.decisions[:3]:
        engine.cluster.apply(Bound(decision, 0.0))
    again = engine.decide_gang(gang(6, 2, 4, segment=Segment(2, ISLAND)), 0.0)
    bound = {uid: engine.cluster.pods[uid].placement for uid in again.bound}
    placed = placements(again) | bound
    assert len(placed) == 6
    for some in (("p0", "p1"), ("p2", "p3"), ("p4", "p5")):
        assert len(homes(engine.cluster, {uid: placed[uid] for uid in some})) == 1


def test_members_that_are_apart_already_rule_a_common_island_out() -> None:
    engine = engine_of((4, 2))
    for i in range(3):
        bind(engine, whole(f"p{i}"))
    plan = engine.decide_gang(gang(4, topology=(NEAR,)), 0.0)
    assert plan.why == "p2 is placed already, and not with its segment"
    assert len(engine.decide_gang(gang(4, topology=(WISHED,)), 0.0).decisions) == 1


def test_anonymous_gpus_are_in_an_island_only_as_a_whole() -> None:
    nodes = [node("a", 4, gpu_island=2, anonymous_gpus=True)]
    engine = Engine(Cluster(nodes), make_policy("best-fit"))
    assert not engine.decide_gang(gang(2, topology=(NEAR,)), 0.0).decisions
    engine = Engine(Cluster([node("a", 4, anonymous_gpus=True, **A100)]), make_policy("best-fit"))
    assert len(engine.decide_gang(gang(2, 2, topology=(NEAR,)), 0.0).decisions) == 2


@pytest.mark.parametrize("wishes", [{"spread": Spread(ISLAND)}])
def test_a_spread_over_islands_is_refused_with_a_reason(wishes: dict[str, Any]) -> None:
    engine = engine_of((4, 2))
    plan = engine.decide_gang(gang(2, **wishes), 0.0)
    assert plan.missing == 2
    assert plan.why.startswith("a spread over GPU islands is not decided")
    assert engine.preempt_gang(gang(2, **wishes), 0.0).plan is None


def test_what_would_help_a_gang_is_said_of_islands_too() -> None:
    engine = engine_of((4, 2))
    said = explain_gang(engine, gang(4, topology=(NEAR,)), 0.0)
    assert said.missing == 2
    texts = [fix.text for fix in said.fixes]
    assert "stay within one node instead of one GPU island" in texts
    said = explain_gang(engine, gang(4, 1, segment=Segment(4, ISLAND)), 0.0)
    assert "drop the segments of 4 in one GPU island" in [fix.text for fix in said.fixes]
