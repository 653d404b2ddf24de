"""A plan serves in order, gangs whole, and each pod sees what was planned before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    Operator,
    PodTerm,
    Selector,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, NodeChanged
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.queues import Admission, Queue, QueueTree
from bayplan.scheduler.types import Node, Reason, Request
from bayplan.simulator.plan.planning import NOT_GROWN, make_plan
from bayplan.simulator.plan.results import Cause
from bayplan.simulator.plan.scene import Scene, Unit

from .support import cluster_with, gang, planned, pods, run, where, whole, why


def test_every_pod_sees_those_before_it() -> None:
    plan = planned(cluster_with(2, 1), pods(whole("a", 2), whole("b"), whole("c")))
    assert where(plan) == {"a": "n0", "b": "n1"}
    assert why(plan) == {"c": "no room"}
    assert plan.waiting[0].reasons == ((Reason.GPU_FREE, 2),)
    assert (plan.nodes, plan.gpus, plan.bound, plan.before, plan.after) == (2, 3, 0, 3000, 0)


def test_a_gang_is_placed_whole_or_not_at_all() -> None:
    units = [gang("g", *[whole(f"g{i}", 1, gang="g") for i in range(4)]), *pods(whole("a"))]
    plan = planned(cluster_with(2, 1), units)
    assert where(plan) == {"a": "n0"}
    assert set(why(plan)) == {"g0", "g1", "g2", "g3"}
    assert {each.gang for each in plan.waiting} == {"g"}
    plan = planned(cluster_with(2, 2), units)
    assert set(where(plan)) == {"g0", "g1", "g2", "g3"}
    assert {each.gang for each in plan.placed} == {"g"}


def test_a_gang_may_start_with_its_least_size() -> None:
    members = [whole(f"g{i}", 1, gang="g") for i in range(4)]
    plan = planned(cluster_with(3), [gang("g", *members, least=2)], least={"g": 2})
    assert set(where(plan)) == {"g0", "g1", "g2"}
    assert why(plan) == {"g3": NOT_GROWN}


def test_a_gang_without_enough_members_waits() -> None:
    plan = planned(cluster_with(4), [gang("g", whole("g0", gang="g"))], least={"g": 3})
    assert why(plan) == {"g0": "the gang has 1 of the 3 members that it needs"}


def test_gates_hold_pods_and_whole_gangs_back() -> None:
    units = [*pods(whole("a")), gang("g", whole("g0", gang="g"), whole("g1", gang="g"))]
    gates = {"a": ("x",), "g1": ("z", "y")}
    plan = planned(cluster_with(4), units, gates=gates)
    assert why(plan) == {
        "a": "held by scheduling gate x",
        "g0": "held by scheduling gate y, z",
        "g1": "held by scheduling gate y, z",
    }


def test_lower_priorities_make_room_and_later_pods_see_it() -> None:
    cluster = cluster_with(2)
    run(cluster, whole("low", 2, priority=0))
    units = pods(whole("high", 1, priority=10), whole("next", 1, priority=0))
    assert why(planned(cluster.copy(), units)) == {"high": "no room", "next": "no room"}
    plan = planned(cluster, units, "priority")
    assert where(plan) == {"high": "n0", "next": "n0"}
    assert [(e.request.uid, e.node, e.by) for e in plan.evicted] == [("low", "n0", "high")]
    assert plan.placed[0].evicts == ("low",)
    assert set(cluster.pods) == {"high", "next"}


def test_room_that_is_left_over_goes_to_those_who_were_refused_before() -> None:
    cluster = cluster_with(2)
    run(cluster, whole("low", 2, priority=5))
    units = pods(whole("first", 1, priority=0), whole("high", 1, priority=10))
    plan = planned(cluster, units, "priority")
    assert where(plan) == {"high": "n0", "first": "n0"}


def test_some_evict_nobody() -> None:
    cluster = cluster_with(1)
    run(cluster, whole("low"))
    units = pods(whole("meek", priority=10))
    plan = planned(cluster, units, "priority", meek=frozenset({"meek"}))
    assert why(plan) == {"meek": "no room"}
    cluster = cluster_with(1)
    run(cluster, whole("firm", preemptible=False))
    plan = planned(cluster, units, "priority")
    assert why(plan) == {"meek": "no room, and nobody to evict"}


def test_a_gang_evicts_for_all_of_its_members() -> None:
    cluster = cluster_with(2)
    run(cluster, whole("a"))
    run(cluster, whole("b"))
    members = [whole(f"g{i}", 1, gang="g", priority=10) for i in range(2)]
    plan = planned(cluster, [gang("g", *members)], "priority")
    assert set(where(plan)) == {"g0", "g1"}
    assert [(e.request.uid, e.by) for e in plan.evicted] == [("a", "g"), ("b", "g")]


def test_who_was_to_be_placed_and_makes_room_waits_again() -> None:
    plan = planned(
        cluster_with(1), pods(whole("low", priority=0), whole("high", priority=9)), "priority"
    )
    assert where(plan) == {"high": "n0"}
    assert why(plan) == {"low": "was to be placed, and makes room for high"}
    assert plan.evicted == ()


def test_budgets_are_kept_where_they_can_be() -> None:
    cluster = cluster_with(1, 1)
    run(cluster, whole("kept", disruption_budgets=("b",)), "n0")
    run(cluster, whole("free"), "n1")
    plan = planned(
        cluster, pods(whole("high", priority=9)), "priority", guards=Guards(budgets={"b": 0})
    )
    assert [e.request.uid for e in plan.evicted] == ["free"]


def test_a_pod_that_must_be_near_one_that_comes_later_is_placed_with_it() -> None:
    selector = Selector((Expression("app", Operator.IN, ("x",)),))
    near = Constraints(pod_affinity=(PodTerm("host", selector),))
    there = Constraints(labels=(("app", "x"),))
    cluster = cluster_with(2)
    (node,) = cluster.nodes.values()
    cluster.apply(NodeChanged(replace(node, labels=(("host", "n0"),))))
    units = pods(Request("follower", constraints=near), Request("leader", constraints=there))
    assert set(where(planned(cluster, units))) == {"follower", "leader"}


def queued(preemption: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """A borrower holds three of four GPUs; another queue is guaranteed two, the third none."""
    cluster = cluster_with(4)
    for i in range(3):
        run(cluster, whole(f"b{i}", queue="borrower"))
    guaranteed = {"gpu": 2000}
    tree = QueueTree(
        [
            Queue("borrower", guaranteed={"gpu": 1000}),
            Queue("owner", guaranteed=guaranteed),
            Queue("capped", limit={"gpu": 500}),
        ]
    )
    units = pods(
        whole("capped", queue="capped"), whole("o1", queue="owner"), whole("o2", queue="owner")
    )
    scene = Scene(cluster, units)
    admission = Admission(tree, cluster)
    plan = make_plan(scene, Engine(cluster, FirstFit()), units, preemption, admission)
    cluster.check()
    return where(plan), why(plan), [each.request.uid for each in plan.evicted]


def test_queues_keep_pods_out_and_let_owners_reclaim() -> None:
    placed, waits, evicted = queued("never")
    assert placed == {"o1": "n0"}
    assert waits["capped"] == (
        "queue: queue capped uses 0 of its limit of 0.5 GPUs; 1 asked, 0.5 left"
    )
    assert set(waits) == {"capped", "o2"}
    assert evicted == []
    placed, waits, evicted = queued("fair-reclaim")
    assert placed == {"o1": "n0", "o2": "n0"}
    assert set(waits) == {"capped"}
    assert len(evicted) == 1


@pytest.mark.parametrize("members", [2, 3])
def test_a_gang_reclaims_whole_and_within_its_guarantee(members: int) -> None:
    cluster = cluster_with(4)
    for i in range(4):
        run(cluster, whole(f"b{i}", queue="borrower"))
    queues = [Queue("borrower", guaranteed={"gpu": 2000}), Queue("owner", guaranteed={"gpu": 2000})]
    requests = [whole(f"g{i}", gang="g", queue="owner") for i in range(members)]
    units = [gang("g", *requests)]
    scene = Scene(cluster, tuple(units))
    admission = Admission(QueueTree(queues), cluster)
    plan = make_plan(scene, Engine(cluster, FirstFit()), units, "fair-reclaim", admission)
    cluster.check()
    if members == 2:
        assert where(plan) == {"g0": "n0", "g1": "n0"}
        assert len(plan.evicted) == 2
    else:  # a third would be beyond the guarantee
        assert not plan.placed
        assert not plan.evicted
        assert all(said.startswith("queue: ") for said in why(plan).values())


def test_budgets_are_spent_as_the_plan_goes_on() -> None:
    cluster = cluster_with(1, 1, 1)
    for i in range(2):
        run(cluster, whole(f"b{i}", priority=-1, disruption_budgets=("b",)), f"n{i}")
    run(cluster, whole("free", priority=-1), "n2")
    guards = Guards(budgets={"b": 1})
    units = pods(*[whole(f"p{i}", priority=9) for i in range(3)])
    plan = planned(cluster, units, "priority", guards=guards)
    over = {each.request.uid: each.over_budget for each in plan.evicted}
    assert sum(bool(names) for names in over.values()) == 1
    assert over["free"] == ()
    assert plan.evicted[-1].over_budget == ("b",)  # who has to break it comes last
    assert plan.budgets == {"b": 0}


def test_mates_elsewhere_are_told_from_those_whose_room_is_taken() -> None:
    cluster = cluster_with(1, 1)
    for i in range(2):
        run(cluster, whole(f"m{i}", priority=-1, gang="m"), f"n{i}")
    plan = planned(cluster, pods(whole("p", priority=9)), "priority")
    causes = {each.node: each.cause for each in plan.evicted}
    there = plan.placed[0].placement.node
    assert causes == {n: Cause.ROOM if n == there else Cause.GANG for n in ("n0", "n1")}


def test_room_on_closed_nodes_is_not_free() -> None:
    cluster = Cluster(
        [
            Node("n0", 64_000, 64_000, 2, "A", 8_000),
            Node("n1", 64_000, 64_000, 4, "A", 8_000, schedulable=False),
            Node("n2", 64_000, 64_000, 7, "A-MIG-1g.10gb", 8_000, anonymous_gpus=True),
        ]
    )
    plan = planned(cluster, ())
    assert (plan.nodes, plan.closed, plan.gpus, plan.parts) == (3, 1, 13, 7)
    assert plan.before == plan.after == 9_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=6),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), max_size=8),
    st.sampled_from(["never", "priority"]),
)
def test_a_plan_is_consistent(
    nodes: list[int], running: list[tuple[int, int]], waiting: list[tuple[int, int, int]],
    preemption: str,
) -> None:  # fmt: skip
    cluster = cluster_with(*nodes)
    engine = Engine(cluster, FirstFit())
    for i, (count, priority) in enumerate(running):
        request = whole(f"r{i}", count, priority=priority)
        if engine.decide(request, 0.0).placement is not None:
            run_anywhere(cluster, request)
    before = dict(cluster.pods)
    groups: dict[int, list[Request]] = {}
    units: list[Unit] = []
    for i, (count, priority, group) in enumerate(waiting):
        request = whole(f"w{i}", count, priority=priority, gang=f"g{group}" if group else "")
        groups.setdefault(group, []).append(request)
    units += pods(*groups.pop(0, []))
    units += [gang(f"g{group}", *members) for group, members in groups.items()]
    plan = planned(cluster, units, preemption)
    placed, left = set(where(plan)), set(why(plan))
    every = {request.uid for unit in units for request in unit.requests}
    assert placed | left == every
    assert not placed & left
    assert set(cluster.pods) == (set(before) - {e.request.uid for e in plan.evicted}) | placed
    for unit in units:
        uids = {request.uid for request in unit.requests}
        if unit.gang and preemption == "never":
            assert uids <= placed or not uids & placed
    if preemption == "never":
        assert plan.evicted == ()
    for each in plan.waiting:
        if not each.gang and each.request.uid not in placed:
            decision = engine.decide(each.request, 0.0)
            assert decision.placement is None or "makes room" in each.why
    priority_of = {uid: pod.request.priority for uid, pod in before.items()}
    for evicted in plan.evicted:
        uids = {evicted.by} if evicted.by in every else {
            r.uid for unit in units if unit.name == evicted.by for r in unit.requests
        }  # fmt: skip
        most = max(r.priority for unit in units for r in unit.requests if r.uid in uids)
        assert priority_of[evicted.request.uid] < most


def run_anywhere(cluster: Cluster, request: Request) -> None:
    cluster.apply(Bound(Engine(cluster, FirstFit()).decide(request, -100.0), -100.0))


def test_an_empty_cluster_and_nothing_to_place_make_an_empty_plan() -> None:
    cluster = cluster_with()
    plan = planned(cluster, ())
    assert (plan.placed, plan.evicted, plan.waiting, plan.nodes) == ((), (), (), 0)
    assert why(planned(cluster_with(), pods(whole("a")))) == {"a": "no room"}
