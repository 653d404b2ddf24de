"""Plans against a plain search, and what must hold of every plan."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs import GangPlan, stands
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.types import TopologyLevel

from ..support import snapshot  # noqa: TID252
from .brute import Brute, domain
from .cases import ENGINES, clusters, gangs


def levels(gang: Gang) -> list[TopologyLevel]:
    return sorted({wish.level for wish in gang.topology})


def open_minimum(cluster: Cluster, gang: Gang) -> int:
    total = 0
    for role in gang.roles:
        least = len(role.members) if role.min_members is None else role.min_members
        total += max(0, least - sum(r.uid in cluster.pods for r in role.members))
    return total


def check_plan(cluster: Cluster, plan: GangPlan) -> None:
    """All that the type promises; the plan is applied to a copy."""
    gang = plan.gang
    uids = [request.uid for role in gang.roles for request in role.members]
    placed = [decision.request.uid for decision in plan.decisions]
    assert plan.bound == tuple(uid for uid in uids if uid in cluster.pods)
    if not plan.decisions:
        if open_minimum(cluster, gang):
            assert plan.missing > 0
            assert plan.why
            assert plan.first_left in uids
        return
    assert placed == [uid for uid in uids if uid in placed]
    assert not plan.missing
    assert not plan.why
    assert stands(cluster, plan)
    for role in gang.roles:
        least = len(role.members) if role.min_members is None else role.min_members
        members = [request.uid for request in role.members]
        there = [uid for uid in members if uid in cluster.pods or uid in placed]
        assert len(there) >= least
        opened = [uid for uid in members if uid not in cluster.pods]
        assert [uid for uid in opened if uid in placed] == opened[: len(set(opened) & set(placed))]
    copy = cluster.copy()
    for decision in plan.decisions:
        copy.apply(Bound(decision, 0.0))
    copy.check()
    check_wishes(copy, cluster, plan)


def check_wishes(after: Cluster, before: Cluster, plan: GangPlan) -> None:
    gang = plan.gang
    home = {
        request.uid: after.nodes[after.pods[request.uid].placement.node]
        for role in gang.roles
        for request in role.members
        if request.uid in after.pods
    }
    for wish in gang.topology:
        together = {domain(node, wish.level) for node in home.values()}
        named = dict(plan.domains).get(wish.level)
        assert (named is not None) == (len(together) == 1 and None not in together)
        if wish.required:
            assert named is not None
    if gang.segment:
        for role in gang.roles:
            for start in range(0, len(role.members), gang.segment.size):
                group = role.members[start : start + gang.segment.size]
                together = {domain(home[r.uid], gang.segment.level) for r in group if r.uid in home}
                assert len(together) <= 1
                assert None not in together
    if gang.spread:
        counts = Counter(domain(node, gang.spread.level) for node in home.values())
        earlier = Counter(
            domain(node, gang.spread.level) for uid, node in home.items() if uid in before.pods
        )
        for where, n in counts.items():
            assert n <= max(gang.spread.max_members, earlier[where])


@pytest.mark.promise("gangs never partial")
@given(st.data(), st.sampled_from(ENGINES))
def test_a_plan_is_found_exactly_where_one_exists(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster))
    before = snapshot(cluster)
    plan = Engine(cluster, policy).decide_gang(gang, 0.0)
    assert snapshot(cluster) == before
    check_plan(cluster, plan)
    if open_minimum(cluster, gang):
        assert bool(plan.decisions) == Brute(cluster, gang, *levels(gang)).exists()


@pytest.mark.promise("gangs never partial")
@given(st.data(), st.sampled_from(ENGINES))
def test_members_that_are_alike_get_a_plan_where_one_exists(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster, 6, alike=True))
    plan = Engine(cluster, policy).decide_gang(gang, 0.0)
    check_plan(cluster, plan)
    if open_minimum(cluster, gang):
        assert bool(plan.decisions) == Brute(cluster, gang, *levels(gang)).exists()


@pytest.mark.promise("gangs never partial")
@given(st.data(), st.sampled_from(ENGINES), st.booleans())
def test_plans_with_preferred_wishes_keep_the_nearest_that_can_be_had(
    data: st.DataObject, policy: PlacementPolicy, alike: bool
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster, required=False, alike=alike))
    plan = Engine(cluster, policy).decide_gang(gang, 0.0)
    check_plan(cluster, plan)
    if open_minimum(cluster, gang):
        assert bool(plan.decisions) == Brute(cluster, gang).exists()
        for i in range(len(levels(gang))):
            if Brute(cluster, gang, *levels(gang)[i:]).exists():
                assert {*levels(gang)[i:]} <= {level for level, _ in plan.domains}
                break


@given(st.data(), st.sampled_from(ENGINES))
def test_the_same_question_has_the_same_answer(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    gang = data.draw(gangs(cluster))
    engine = Engine(cluster, policy)
    plans = [engine.decide_gang(gang, 0.0), engine.decide_gang(gang, 0.0)]
    plans.append(Engine(cluster.copy(), policy).decide_gang(gang, 0.0))
    said = [
        ([(d.request.uid, d.placement) for d in p.decisions], p.domains, p.missing, p.why)
        for p in plans
    ]
    assert said[0] == said[1] == said[2]
