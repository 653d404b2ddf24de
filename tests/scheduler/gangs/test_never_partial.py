"""Gangs that are planned, raced by other events and committed: whole, or nothing of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import Bound, Gone, NodeChanged, NodeGone
from bayplan.scheduler.gangs import GangPlan, stands
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.types import Decision

from ..support import snapshot  # noqa: TID252
from .brute import machine
from .cases import ENGINES, clusters, gangs, request

STEPS = ("plan", "plan", "commit", "commit", "commit", "pod", "pod", "gone", "node gone", "cordon")


def named(gang: Gang, name: str) -> Gang:
    """A gang none of whose members is in the cluster yet, by its name."""
    roles = tuple(
        replace(
            role, members=tuple(each._replace(uid=f"{name}-{each.uid}") for each in role.members)
        )
        for role in gang.roles
    )
    return replace(gang, name=name, roles=roles)


def members_there(cluster: Cluster, gang: Gang) -> set[str]:
    return {r.uid for role in gang.roles for r in role.members if r.uid in cluster.pods}


def is_whole(cluster: Cluster, gang: Gang) -> bool:
    for role in gang.roles:
        least = len(role.members) if role.min_members is None else role.min_members
        if sum(member.uid in cluster.pods for member in role.members) < least:
            return False
    return True


def commit(cluster: Cluster, decisions: tuple[Decision, ...]) -> bool:
    """Bind all members in one trial; on a conflict nothing of it stays."""
    before = snapshot(cluster)
    try:
        with cluster.trial() as trial:
            for decision in decisions:
                cluster.apply(Bound(decision, 0.0))
            trial.keep()
    except Conflict:
        assert snapshot(cluster) == before
        return False
    return True


def no_gpu_is_taken_twice(cluster: Cluster) -> None:
    """Summed up pod by pod, on lists and sets."""
    for node in cluster.nodes.values():
        left = machine(cluster, node)
        assert left.cpu >= 0
        assert all(not isinstance(free, int) or free >= 0 for free in left.gpus)
    units = [
        (pod.placement.node, grant.slot.gpu, unit)
        for pod in cluster.pods.values()
        for grants in pod.placement.grants
        for grant in grants
        if cluster.nodes[pod.placement.node].sharing
        for unit in range(grant.slot.start, grant.slot.start + (grant.slot.size or 8))
    ]
    assert len(units) == len(set(units))


@pytest.mark.promise("gangs never partial", "rollback exact")
@given(st.data(), st.sampled_from(ENGINES))
def test_whatever_comes_between_a_plan_and_its_commit_a_gang_starts_whole_or_not_at_all(
    data: st.DataObject, policy: PlacementPolicy
) -> None:
    cluster = data.draw(clusters())
    engine = Engine(cluster, policy)
    parties = {name: named(data.draw(gangs(Cluster(), 3)), name) for name in ("g1", "g2", "g3")}
    plans: dict[str, GangPlan] = {}
    for step in range(data.draw(st.integers(4, 12))):
        there = {name: members_there(cluster, gang) for name, gang in parties.items()}
        name = data.draw(st.sampled_from(sorted(parties)))
        what = data.draw(st.sampled_from(STEPS))
        if what == "plan":
            plans[name] = engine.decide_gang(parties[name], 0.0)
            assert {d.request.uid for d in plans[name].decisions}.isdisjoint(cluster.pods)
        elif what == "commit":
            plan = plans.pop(name, None) or engine.decide_gang(parties[name], 0.0)
            stood = stands(cluster, plan)
            if not set(plan.bound) <= there[name]:
                assert not stood
                continue
            assert commit(cluster, plan.decisions) is stood
            if stood and plan.decisions:
                assert is_whole(cluster, plan.gang)
            else:
                assert members_there(cluster, plan.gang) == there[name]
        else:
            disturb(data, engine, what, f"{step}")
        for each, gang in parties.items():
            if what != "commit" or each != name:
                assert members_there(cluster, gang) <= there[each]
        no_gpu_is_taken_twice(cluster)
        cluster.check()


def disturb(data: st.DataObject, engine: Engine, what: str, step: str) -> None:
    """Something else happens: a pod comes or goes, a node comes, goes or is cordoned."""
    cluster = engine.cluster
    names = sorted(cluster.nodes)
    if what == "pod":
        pod = request(f"pod{step}", data.draw(st.integers(0, 9)), 1_000)
        decision = engine.decide(pod, 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
    elif what == "gone" and cluster.pods:
        cluster.apply(Gone(data.draw(st.sampled_from(sorted(cluster.pods)))))
    elif what == "node gone" and names:
        cluster.apply(NodeGone(data.draw(st.sampled_from(names))))
    elif what == "cordon" and names:
        node = cluster.nodes[data.draw(st.sampled_from(names))]
        cluster.apply(NodeChanged(replace(node, schedulable=False)))
