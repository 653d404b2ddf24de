"""Growth, the quick way against the general one, and plans after random events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import Bound, Gone, NodeChanged, NodeGone
from bayplan.scheduler.gangs import GangPlan, bulk, stands
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.types import Request

from ..support import snapshot  # noqa: TID252
from .brute import domain, machine, ways
from .cases import ENGINES, clusters, gangs, request
from .test_oracle import check_plan, levels, open_minimum


def may_join(after: Cluster, gang: Gang, member: Request) -> bool:  # noqa: C901
    """Whether one more member fits anywhere beside all that is there, under the wishes."""
    home = {
        each.uid: after.nodes[after.pods[each.uid].placement.node]
        for role in gang.roles
        for each in role.members
        if each.uid in after.pods
    }
    mates: list[str] = []
    for role in gang.roles:
        names = [each.uid for each in role.members]
        if member.uid in names and gang.segment:
            first = names.index(member.uid) // gang.segment.size * gang.segment.size
            mates = [uid for uid in names[first : first + gang.segment.size] if uid in home]
    for node in after.nodes.values():
        if not node.schedulable:
            continue
        if not all(
            (at := domain(node, level)) is not None
            and {domain(each, level) for each in home.values()} <= {at}
            for level in levels(gang)
        ):
            continue
        if gang.segment:
            at = domain(node, gang.segment.level)
            if at is None or any(domain(home[uid], gang.segment.level) != at for uid in mates):
                continue
        if gang.spread:
            at = domain(node, gang.spread.level)
            there = [domain(each, gang.spread.level) for each in home.values()]
            if at is None or there.count(at) >= gang.spread.max_members:
                continue
        if any(True for _ in ways(node, machine(after, node), member)):
            return True
    return False


@given(st.data(), st.sampled_from(ENGINES), st.booleans())
def test_no_role_could_have_grown_by_one_more(
    data: st.DataObject, policy: PlacementPolicy, alike: bool
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster, 5, alike=alike))
    plan = Engine(cluster, policy).decide_gang(gang, 0.0)
    started = plan.decisions or not open_minimum(cluster, gang)
    if not started or plan.why:
        return
    after = cluster.copy()
    for decision in plan.decisions:
        after.apply(Bound(decision, 0.0))
    for role in gang.roles:
        left = [each for each in role.members if each.uid not in after.pods]
        if left:
            assert not may_join(after, gang, left[0])


@pytest.mark.promise("gangs never partial")
@given(st.data(), st.sampled_from(ENGINES))
def test_the_quick_way_places_as_many_as_the_general_one(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster, 6, alike=True))
    quick = Engine(cluster, policy).decide_gang(gang, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "applies", lambda party: False)
        general = Engine(cluster, policy).decide_gang(gang, 0.0)
    assert len(quick.decisions) == len(general.decisions)
    assert (quick.missing, quick.why) == (general.missing, general.why)
    assert quick.domains == general.domains or gang.topology == ()
    check_plan(cluster, quick)
    check_plan(cluster, general)


def holds(cluster: Cluster, plan: GangPlan) -> bool:
    """Whether a plan stands, by trying it out on a copy."""
    if any(uid not in cluster.pods for uid in plan.bound):
        return False
    copy = cluster.copy()
    for decision in plan.decisions:
        pod = copy.pods.get(decision.request.uid)
        if pod is not None:
            if pod.placement != decision.placement:
                return False
            continue
        try:
            copy.apply(Bound(decision, 0.0))
        except StateError:
            return False
    return True


@pytest.mark.promise("gangs never partial")
@given(st.data(), st.sampled_from(ENGINES))
def test_a_plan_stands_as_long_as_it_can_be_tried_out(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster))
    engine = Engine(cluster, policy)
    plan = engine.decide_gang(gang, 0.0)
    for step in range(data.draw(st.integers(0, 5))):
        what = data.draw(st.sampled_from(("pod", "member", "gone", "node", "cordon")))
        if what == "pod":
            pod = request(f"late{step}", data.draw(st.integers(0, 9)), 1_000)
            decision = engine.decide(pod, 0.0)
            if decision.placement:
                cluster.apply(Bound(decision, 0.0))
        elif what == "member" and plan.decisions:
            decision = data.draw(st.sampled_from(plan.decisions))
            if data.draw(st.booleans()):
                decision = engine.decide(decision.request, 0.0)
            try:
                cluster.apply(Bound(decision, 0.0))
            except StateError:
                continue
        elif what == "gone" and cluster.pods:
            cluster.apply(Gone(data.draw(st.sampled_from(sorted(cluster.pods)))))
        elif what in ("node", "cordon") and cluster.nodes:
            name = data.draw(st.sampled_from(sorted(cluster.nodes)))
            if what == "node":
                cluster.apply(NodeGone(name))
            else:
                node = cluster.nodes[name]
                cluster.apply(NodeChanged(replace(node, schedulable=False)))
        before = snapshot(cluster)
        assert stands(cluster, plan) == holds(cluster, plan)
        assert snapshot(cluster) == before
