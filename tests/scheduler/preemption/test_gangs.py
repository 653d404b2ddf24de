"""Victims for a gang: all members fit without them, and nobody leaves in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Gone
from bayplan.scheduler.gangs.types import Gang, GangPlan, Role, Segment, Spread
from bayplan.scheduler.preemption import GangPreemption, Guards, preempt_gang
from bayplan.scheduler.types import DeviceRequest, Request, Topology, TopologyLevel, WholeGpus
from victim_scenes import NOW_S, Scene, crowd, crowded, requests, scenes

from ..support import bind, first_fit, node, share, snapshot, whole  # noqa: TID252

RACK = "topology.kubernetes.io/rack"


@st.composite
def gangs(draw: st.DrawFn) -> Gang:
    roles = []
    for number in range(draw(st.integers(1, 2))):
        kind = draw(crowd("member") | requests("member"))
        members = [
            kind._replace(uid=f"m{number}-{i}", priority=draw(st.integers(2, 5)), gang="new")
            for i in range(draw(st.integers(1, 3)))
        ]
        least = draw(st.sampled_from([None, None, 1]))
        roles.append(Role(f"r{number}", tuple(members), least))
    level = draw(st.sampled_from([TopologyLevel.NODE, TopologyLevel.RACK]))
    topology = draw(st.sampled_from([(), (), (Topology(level),), (Topology(level, False),)]))
    segment = draw(st.sampled_from([None, None, None, Segment(2, TopologyLevel.NODE)]))
    spread = draw(st.sampled_from([None, None, None, Spread(TopologyLevel.NODE, 1)]))
    return Gang("new", tuple(roles), topology, segment, spread)


def planned_without(engine: Engine, gang: Gang, uids: Collection[str]) -> GangPlan:
    with engine.cluster.trial():
        for uid in sorted(uids):
            engine.cluster.apply(Gone(uid))
        return engine.decide_gang(gang, NOW_S)


def in_racks(scene: Scene, racks: int) -> Engine:
    """The same pods on a cluster whose nodes are in racks."""
    old = scene.engine.cluster
    cluster = Cluster(
        replace(each, labels=((RACK, f"k{i % racks}"),))
        for i, each in enumerate(old.nodes.values())
    )
    engine = Engine(cluster, scene.engine.policy)
    for uid in sorted(old.pods):
        bind(engine, old.pods[uid].request, old.pods[uid].start_s)
    return engine


def units(engine: Engine, guards: Guards, uids: Sequence[str]) -> list[set[str]]:
    pods = engine.cluster.pods
    running = Counter(pod.request.gang for pod in pods.values())
    evicted = Counter(pods[uid].request.gang for uid in uids)
    found: dict[str, set[str]] = {}
    for uid in uids:
        gang = pods[uid].request.gang
        least = guards.gang_min.get(gang, running[gang])
        whole_gang = gang and running[gang] - evicted[gang] < least
        found.setdefault(f"gang {gang}" if whole_gang else uid, set()).add(uid)
    return list(found.values())


def check_guards(engine: Engine, scene: Scene, gang: Gang, answer: GangPreemption) -> None:
    pods, guards = engine.cluster.pods, scene.guards
    running = Counter(pod.request.gang for pod in pods.values())
    evicted = Counter(pods[uid].request.gang for uid in answer.uids)
    taken: Counter[str] = Counter()
    queue = gang.roles[0].members[0].queue
    budgets: Counter[str] = Counter()
    lowest = min(m.priority for role in gang.roles for m in role.members)
    for uid in answer.uids:
        pod = pods[uid]
        assert pod.request.preemptible
        assert pod.start_s + guards.min_run_s <= NOW_S
        assert scene.policy != "priority" or pod.request.priority < max(
            lowest, *(m.priority for role in gang.roles for m in role.members)
        )
        budgets.update(pod.request.disruption_budgets)
        if pod.request.queue != queue:
            taken[pod.request.queue] += sum(
                grant.milli for grants in pod.placement.grants for grant in grants
            )
    for name, n in evicted.items():
        left = running[name] - n
        assert not name or left == 0 or left >= guards.gang_min.get(name, running[name])
    if scene.policy == "fair-reclaim":
        assert all(milli <= guards.queue_excess_milli[name] for name, milli in taken.items())
    beyond = sum(max(0, budgets[name] - n) for name, n in guards.budgets.items())
    assert beyond == answer.violations


@pytest.mark.promise("no removable victim", "victims suffice", "gangs never partial")
@settings(max_examples=max(150, 3 * settings().max_examples // 4))
@given(st.one_of(crowded(), crowded(), scenes(max_pods=12)), gangs(), st.integers(1, 3))
def test_all_members_fit_nobody_leaves_in_vain_and_guards_hold(
    scene: Scene, gang: Gang, racks: int
) -> None:
    engine = in_racks(scene, racks)
    before = snapshot(engine.cluster)
    answer = preempt_gang(engine, gang, NOW_S, scene.guards, scene.policy)
    assert snapshot(engine.cluster) == before
    if answer.plan is None:
        assert answer.why
        assert answer.uids == ()
        return
    there = planned_without(engine, gang, answer.uids)
    assert there.decisions == answer.plan.decisions or [d.placement for d in there.decisions] == [
        d.placement for d in answer.plan.decisions
    ]
    assert not answer.plan.missing
    needed = sum(
        len(role.members) if role.min_members is None else role.min_members for role in gang.roles
    )
    assert len(answer.plan.decisions) >= needed
    check_guards(engine, scene, gang, answer)
    if not answer.uids:
        assert not engine.decide_gang(gang, NOW_S).missing
    for unit in units(engine, scene.guards, answer.uids):
        assert planned_without(engine, gang, set(answer.uids) - unit).missing


# --- cases by hand -----------------------------------------------------------------------------


def gang_of(n: int, request: Request, **more: object) -> Gang:
    members = tuple(request._replace(uid=f"w{i}", gang="new") for i in range(n))
    return replace(Gang("new", (Role("w", members),)), **more)  # type: ignore[arg-type]


def full(racks: int = 2, per_rack: int = 2) -> Engine:
    """Racks of nodes with two GPUs, each with a pod; those of the last rack are worth more."""
    nodes = [
        node(f"n{r}{i}", 2, labels=((RACK, f"k{r}"),))
        for r in range(racks)
        for i in range(per_rack)
    ]
    engine = first_fit(Cluster(nodes))
    for i in range(2 * len(nodes)):
        bind(engine, whole(f"p{i}", priority=i // (2 * per_rack)))
    return engine


def test_a_gang_evicts_as_many_as_it_has_members_and_stays_in_one_rack() -> None:
    engine = full()
    rack = (Topology(TopologyLevel.RACK),)
    answer = preempt_gang(engine, gang_of(3, whole("w", priority=5), topology=rack), 10.0)
    assert answer.plan is not None
    assert len(answer.uids) == 3
    assert set(answer.uids) < {"p0", "p1", "p2", "p3"}
    assert answer.highest_priority == 0
    assert answer.plan.domains == ((TopologyLevel.RACK, "k0"),)
    everywhere = preempt_gang(engine, gang_of(5, whole("w", priority=5)), 10.0)
    assert len(everywhere.uids) == 5
    too_many = preempt_gang(engine, gang_of(5, whole("w", priority=5), topology=rack), 10.0)
    assert too_many.plan is None
    assert too_many.uids == ()
    assert too_many.why


def test_a_gang_that_fits_evicts_nobody() -> None:
    engine = full()
    for uid in ("p0", "p5"):
        engine.cluster.apply(Gone(uid))
    answer = preempt_gang(engine, gang_of(2, whole("w", priority=5)), 10.0)
    assert answer.plan is not None
    assert answer.uids == ()
    assert len(answer.plan.decisions) == 2


def test_what_is_free_is_used_before_anyone_leaves() -> None:
    engine = full()
    for uid in ("p0", "p5"):
        engine.cluster.apply(Gone(uid))
    answer = preempt_gang(engine, gang_of(3, whole("w", priority=5)), 10.0)
    assert len(answer.uids) == 1


def test_evicting_one_gang_makes_room_on_several_nodes() -> None:
    engine = first_fit(Cluster([node(f"n{i}", 2) for i in range(3)]))
    for i in range(4):
        bind(engine, whole(f"g{i}", gang="g", priority=1))
    bind(engine, whole("s0", priority=1))
    bind(engine, whole("s1", priority=1))
    spread = Spread(TopologyLevel.NODE, 2)
    answer = preempt_gang(engine, gang_of(4, whole("w", priority=5), spread=spread), 10.0)
    assert answer.uids == ("g0", "g1", "g2", "g3")
    two = preempt_gang(engine, gang_of(2, whole("w", priority=5)), 10.0)
    assert two.uids == ("s0", "s1")
    shrunk = preempt_gang(
        engine, gang_of(3, whole("w", priority=5)), 10.0, Guards(gang_min={"g": 1})
    )
    assert len(shrunk.uids) == 3


def test_a_budget_is_spent_on_no_more_than_it_allows_where_others_can_leave() -> None:
    engine = first_fit(Cluster([node(f"n{i}", 1) for i in range(4)]))
    for i in range(3):
        bind(engine, whole(f"b{i}", disruption_budgets=("x",)))
    bind(engine, whole("free", priority=3))
    guards = Guards(budgets={"x": 1})
    answer = preempt_gang(engine, gang_of(2, whole("w", priority=5)), 10.0, guards)
    assert answer.violations == 0
    assert "free" in answer.uids
    assert len(answer.uids) == 2


def test_members_that_run_already_count_and_are_no_victims() -> None:
    engine = full(racks=1)
    engine.cluster.apply(Gone("p0"))
    gang = gang_of(3, whole("w", priority=5))
    bind(engine, gang.roles[0].members[0])
    answer = preempt_gang(engine, gang, 10.0)
    assert answer.plan is not None
    assert answer.plan.bound == ("w0",)
    assert len(answer.uids) == 2


def test_shares_of_a_gang_meet_on_one_gpu() -> None:
    engine = full(racks=1)
    answer = preempt_gang(engine, gang_of(4, share("w", 250, priority=5)), 10.0)
    assert len(answer.uids) == 1


def test_who_uses_a_claim_as_another_made_it_does_not_come_back_before_that_one() -> None:
    engine = first_fit(Cluster([node("a", 2), node("b", 1, gpu_model="B")]))
    for uid, model, priority in (("maker", "A", 0), ("user", "B", 1)):
        wish = DeviceRequest(WholeGpus(1), models=(model,), claim="d")
        bind(engine, Request(uid, 100, devices=(wish,), priority=priority))
    bind(engine, whole("other", priority=0))
    assert engine.cluster.pods["user"].placement.node == "a"
    members = tuple(whole(f"m{i}", priority=5, gang="new") for i in range(3))
    found = preempt_gang(engine, Gang("new", (Role("r", members),)), NOW_S)
    assert found.uids == ("maker", "other", "user")
