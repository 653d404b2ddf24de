"""Gangs whose constraints look at nodes alone, and proofs that domains are too small."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Taint,
    Toleration,
    Unsatisfiable,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, NodeChanged
from bayplan.scheduler.gangs import Gang, GangPlan, Role, bulk, search
from bayplan.scheduler.gangs.frame import Frame, frame_of, ladder
from bayplan.scheduler.gangs.members import Party, muster
from bayplan.scheduler.gangs.proofs import may_hold
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.gangs.siblings import are_independent
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.types import Decision, Placement, Request, Topology, TopologyLevel

from ..support import node, sharer, whole  # noqa: TID252
from .brute import Brute
from .cases import ENGINES, RACK, ZONE, clusters, gangs

HOST = "kubernetes.io/hostname"
OURS = Selector((Expression("app", Operator.IN, ("ours",)),))
LABELS = (("app", "ours"),)
DEDICATED = Taint("dedicated", "ml", Effect.NO_SCHEDULE)
FREE = Constraints(labels=LABELS)
TOLERANT = Constraints(labels=LABELS, tolerations=(Toleration("dedicated", value="ml"),))
IN_ZONE = Constraints(
    labels=LABELS,
    node_affinity=(NodeAffinityTerm((Expression(ZONE, Operator.IN, ("a",)),)),),
)
BOOLEANS = st.booleans()
OF_NODES = (FREE, TOLERANT, IN_ZONE)
"""What looks at nodes alone."""
OF_PODS = (
    Constraints(labels=LABELS, pod_anti_affinity=(PodTerm(HOST, OURS),)),
    Constraints(labels=LABELS, pod_affinity=(PodTerm(ZONE, OURS),)),
    Constraints(labels=LABELS, spread=(Spread(1, ZONE, OURS),)),
)


def with_constraints(gang: Gang, among: tuple[Constraints, ...], draw: st.DataObject) -> Gang:
    """A gang each of whose roles has constraints."""
    roles = []
    for role in gang.roles:
        constraints = draw.draw(st.sampled_from(among))
        members = tuple(m._replace(constraints=constraints) for m in role.members)
        roles.append(Role(role.name, members, role.min_members))
    return Gang(gang.name, tuple(roles), gang.topology, gang.segment, gang.spread)


def tainted(cluster: Cluster, draw: st.DataObject) -> None:
    """Let some nodes be tainted, and one pod keep ours away from its node."""
    for name in sorted(cluster.nodes):
        machine = cluster.nodes[name]
        labels = (*machine.labels, (HOST, name))
        taints = (DEDICATED,) if draw.draw(BOOLEANS) else ()
        cluster.apply(NodeChanged(replace(machine, labels=labels, taints=taints)))
    open_ = sorted(name for name, machine in cluster.nodes.items() if machine.schedulable)
    keeps_off: bool = draw.draw(BOOLEANS)
    if open_ and keeps_off:
        keeper = Request("k", constraints=Constraints(pod_anti_affinity=(PodTerm(HOST, OURS),)))
        at = draw.draw(st.sampled_from(open_))
        cluster.apply(Bound(Decision(keeper, 0.0, Placement(at)), 0.0))


def said(plan: GangPlan) -> tuple[object, ...]:
    decided = [(d.request.uid, d.placement, d.score) for d in plan.decisions]
    return decided, plan.bound, plan.rests_on, plan.domains, plan.missing, plan.first_left


@given(st.data(), st.sampled_from(ENGINES))
def test_members_that_are_alike_go_where_they_would_without_constraints_among_rows_that_suit(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    tainted(cluster, data)
    free = data.draw(gangs(cluster, alike=True))
    constraints = data.draw(st.sampled_from(OF_NODES))
    gang = with_constraints(free, (constraints,), data)
    engine = Engine(cluster, policy)
    if not bulk.applies(muster(engine, gang)):
        return
    first = gang.roles[0].members[0]
    suits = constraint_reasons(cluster, first) == 0
    plan, other = engine.decide_gang(gang, 0.0), engine.decide_gang(free, 0.0, suits)
    assert said(plan) == said(other)
    for decision in plan.decisions:
        assert decision.request.constraints is constraints


@given(st.data(), st.sampled_from(ENGINES))
def test_one_mask_for_the_whole_plan_decides_as_each_member_by_itself(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    tainted(cluster, data)
    gang = with_constraints(data.draw(gangs(cluster)), OF_NODES, data)
    engine = Engine(cluster, policy)
    party, frame = framed(engine, gang)
    if frame is None or not party.needed:
        return
    quick = Search(engine, party, frame, 0.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "are_independent", lambda requests: False)
        slow = Search(engine, party, frame, 0.0)
    for domain in range(quick.bounds.table.shape[1]):
        found = [each.greedy(domain, Budget(1000)) for each in (quick, slow)]
        assert [None if each is None else placed(each) for each in found[:1]] == [
            None if each is None else placed(each) for each in found[1:]
        ]
        (a, left, why), (b, also_left, also_why) = quick.place_most(domain), slow.place_most(domain)
        assert (placed(a), left) == (placed(b), also_left)
        assert (why and why.reasons) == (also_why and also_why.reasons)


@given(st.data(), st.sampled_from(ENGINES))
def test_who_is_left_of_members_that_are_alike_is_said_as_one_by_one(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    tainted(cluster, data)
    gang = with_constraints(data.draw(gangs(cluster, 6, alike=True)), (FREE,), data)
    engine = Engine(cluster, policy)
    party, frame = framed(engine, gang)
    if frame is None or not party.needed or frame.spreads.size or gang.segment:
        return
    if not bulk.applies(party):
        return
    for domain in range(bulk.counted(engine, party, frame)[1].size):
        at_once, left, why = bulk.place_most(engine, party, frame, domain, 0.0)
        singly, also_left, also_why = Search(engine, party, frame, 0.0).place_most(domain)
        if left is None:  # those beyond the minimum are no matter here
            assert also_left is None
            continue
        assert (len(at_once), left) == (len(singly), also_left)
        assert (why and why.reasons) == (also_why and also_why.reasons)


@given(st.data(), st.sampled_from(ENGINES))
def test_no_domain_is_ruled_out_that_holds_the_gang(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    tainted(cluster, data)
    gang = with_constraints(data.draw(gangs(cluster)), (*OF_NODES, *OF_PODS), data)
    engine = Engine(cluster, policy)
    party, frame = framed(engine, gang)
    if frame is None or not party.needed:
        return
    may = may_hold(engine, party, frame)
    assert may is not None
    one_by_one = Search(engine, party, frame, 0.0)
    for domain in range(one_by_one.bounds.table.shape[1]):
        if one_by_one.greedy(domain, Budget(1000)) is not None:
            assert may[domain]


@given(st.data())
def test_no_gang_is_ruled_out_that_a_plain_search_places(data: st.DataObject) -> None:
    cluster = data.draw(clusters())
    gang = with_constraints(data.draw(gangs(cluster)), (FREE,), data)
    engine = Engine(cluster, BestFit())
    party, frame = framed(engine, gang)
    if frame is None or not party.needed:
        return
    may = may_hold(engine, party, frame)
    assert may is not None
    levels = sorted({wish.level for wish in gang.topology})
    if Brute(cluster, gang, *levels).exists():
        assert may.any()


def framed(engine: Engine, gang: Gang) -> tuple[Party, Frame | None]:
    """The party and the frame of a gang's required wishes; None: they cannot be had."""
    rung = ladder(gang)[-1]
    party = muster(engine, gang).on(rung)
    frame = frame_of(engine, party, rung, None)
    return party, None if isinstance(frame, str) else frame


def placed(decisions: list[Decision]) -> list[tuple[str, Placement | None, float]]:
    return [(d.request.uid, d.placement, d.score) for d in decisions]


def machines(n: int, gpus: int = 8) -> Cluster:
    return Cluster(
        node(f"n{i}", gpus, cpu_milli=96_000, labels=((HOST, f"n{i}"), (RACK, f"r{i % 2}")))
        for i in range(n)
    )


def test_a_gang_of_two_kinds_that_counts_rule_out_is_not_searched_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(machines(9), BestFit())
    workers = tuple(whole(f"w{i}", 8, constraints=FREE) for i in range(9))
    first = whole("m", 8, cpu_milli=2_000, constraints=FREE)
    gang = Gang("g", (Role("master", (first,)), Role("worker", workers)))
    monkeypatch.setattr(Search, "greedy", None)  # whoever calls it is told that it is not callable
    plan = engine.decide_gang(gang, 0.0)
    assert (plan.missing, plan.first_left) == (1, "w8")
    assert plan.why == (
        "9 of 10 members fit in the cluster; w8 does not: 9 × too few GPUs with enough free"
    )


def test_the_domain_that_comes_nearest_is_named_of_members_with_constraints_too() -> None:
    # Of the racks r0 (n0, n2, n4) and r1 (n1, n3) the former holds more; by name both would do.
    cluster = machines(5)
    cluster.apply(Bound(Decision(Request("x", 96_000), 0.0, Placement("n0")), 0.0))
    cluster.apply(Bound(Decision(Request("y", 96_000), 0.0, Placement("n2")), 0.0))
    members = tuple(whole(f"p{i}", 8, cpu_milli=1_000, constraints=FREE) for i in range(4))
    wish = (Topology(TopologyLevel.RACK),)
    plan = Engine(cluster, BestFit()).decide_gang(Gang("g", (Role("", members),), wish), 0.0)
    assert (plan.missing, plan.first_left) == (2, "p2")
    assert plan.why.startswith("2 of 4 members fit in rack r1; p2 does not: ")


@pytest.mark.parametrize(
    ("members", "independent"),
    [
        ([whole("a"), whole("b", constraints=TOLERANT)], True),
        ([whole("a", constraints=IN_ZONE)], True),
        ([whole("a", constraints=OF_PODS[0])], False),
        ([whole("a"), whole("b", constraints=OF_PODS[1])], False),
        ([whole("a", constraints=OF_PODS[2])], False),
        (
            [whole("a", constraints=Constraints(
                spread=(Spread(1, ZONE, OURS, Unsatisfiable.SCHEDULE_ANYWAY),)
            ))],
            True,
        ),
        ([whole("a"), sharer("b", "claim")], False),
    ],
)  # fmt: skip
def test_terms_about_pods_and_claims_see_siblings(
    members: list[Request], independent: bool
) -> None:
    assert are_independent(members) is independent
