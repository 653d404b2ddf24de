"""Victims for a pod: random scenes, where whoever may leave is tried, and cases by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.events import Checkpointed, Gone
from bayplan.scheduler.preemption import Guards, Victims, preempt
from bayplan.scheduler.types import Placement, Request
from victim_scenes import NOW_S, Scene, crowded, scenes

from ..support import bind, first_fit, instances, mig_node, node, share, sharer, snapshot, whole  # noqa: TID252


def decided_without(
    engine: Engine, request: Request, uids: Collection[str], name: str
) -> Placement | None:
    cluster = engine.cluster
    only = np.zeros(cluster.view.n_rows, np.bool_)
    only[cluster.row(name)] = True
    with cluster.trial():
        for uid in sorted(uids):
            cluster.apply(Gone(uid))
        return engine.decide(request, NOW_S, only).placement


def units(scene: Scene, uids: Collection[str]) -> list[set[str]]:
    """Who comes back together: pods, members of gangs that shrank, gangs that left whole."""
    pods = scene.engine.cluster.pods
    running = Counter(pod.request.gang for pod in pods.values())
    found: list[set[str]] = []
    by_gang: dict[str, set[str]] = {}
    for uid in uids:
        by_gang.setdefault(pods[uid].request.gang, set()).add(uid)
    for gang, members in by_gang.items():
        least = scene.guards.gang_min.get(gang, running[gang])
        if not gang or running[gang] - len(members) >= least:
            found += [{uid} for uid in members]
        else:
            found.append(members)
    return found


def by_priority(scene: Scene, other: bool) -> bool:
    """Whether only a lower priority makes a victim, of another queue or the same."""
    if scene.policy == "spot":
        return scene.request.preemptible
    return scene.policy == "priority" or not other


def check_guards(scene: Scene, victims: Victims) -> None:
    cluster, guards, request = scene.engine.cluster, scene.guards, scene.request
    running = Counter(pod.request.gang for pod in cluster.pods.values())
    evicted = Counter(cluster.pods[uid].request.gang for uid in victims.uids)
    taken: Counter[str] = Counter()
    budgets: Counter[str] = Counter()
    for uid in victims.uids:
        pod = cluster.pods[uid]
        assert pod.request.preemptible
        assert pod.held_until_s is None
        assert pod.start_s + guards.min_run_s <= NOW_S
        assert not request.gang or pod.request.gang != request.gang
        budgets.update(pod.request.disruption_budgets)
        other = pod.request.queue != request.queue
        if by_priority(scene, other):
            assert pod.request.priority < request.priority
        if scene.policy == "fair-reclaim" and other:
            taken[pod.request.queue] += sum(
                grant.milli for grants in pod.placement.grants for grant in grants
            )
            assert pod.request.queue in guards.queue_excess_milli
        assert (pod.placement.node != victims.node) == (uid in victims.elsewhere)
    for gang, n in evicted.items():
        if gang:
            left = running[gang] - n
            assert left == 0 or left >= guards.gang_min.get(gang, running[gang])
    for queue, milli in taken.items():
        assert milli <= guards.queue_excess_milli[queue]
    beyond = sum(max(0, budgets[name] - n) for name, n in guards.budgets.items())
    assert beyond == victims.violations


@pytest.mark.promise("no removable victim", "victims suffice")
@given(st.one_of(crowded(), crowded(), scenes()))
def test_victims_suffice_none_may_stay_and_guards_hold(scene: Scene) -> None:
    engine, request = scene.engine, scene.request
    before = snapshot(engine.cluster)
    answer = preempt(engine, request, NOW_S, scene.guards, scene.policy)
    assert snapshot(engine.cluster) == before
    assert bool(answer.nodes) != bool(answer.why)
    assert len({victims.node for victims in answer.nodes}) == len(answer.nodes)
    for victims in answer.nodes:
        uids = set(victims.uids)
        assert list(victims.uids) == sorted(uids)
        there = decided_without(engine, request, uids, victims.node)
        assert there == victims.placement
        check_guards(scene, victims)
        for unit in units(scene, uids):
            assert decided_without(engine, request, uids - unit, victims.node) is None


@pytest.mark.promise("rollback exact")
@given(st.one_of(crowded(), scenes()), st.data())
def test_an_answer_is_the_same_after_other_questions_and_changes_taken_back(
    scene: Scene, data: st.DataObject
) -> None:
    engine, cluster = scene.engine, scene.engine.cluster
    ask = scene.request, NOW_S, scene.guards, scene.policy
    first = preempt(engine, *ask)
    with cluster.trial():
        uids = sorted(cluster.pods)
        for uid in data.draw(st.lists(st.sampled_from(uids), unique=True)) if uids else []:
            cluster.apply(Gone(uid))
        inside = preempt(engine, *ask)
        assert inside == preempt(Engine(cluster.copy(), engine.policy), *ask)
    assert preempt(engine, *ask) == first
    for uid in sorted(cluster.pods):
        if cluster.pods[uid].held_until_s is None:
            cluster.apply(Checkpointed(uid, 90.0))
    assert preempt(engine, *ask) == preempt(Engine(cluster.copy(), engine.policy), *ask)


@given(st.one_of(crowded(), scenes()))
def test_only_the_nodes_that_another_scheduler_names_are_looked_at(scene: Scene) -> None:
    engine = scene.engine
    ask = scene.request, NOW_S, scene.guards, scene.policy
    everywhere = {each.node: each for each in preempt(engine, *ask).nodes}
    for name in engine.cluster.nodes:
        found = preempt(engine, *ask, initial={name: (), "another": ("x",)}).nodes
        assert list(found) == ([everywhere[name]] if name in everywhere else [])


# --- cases by hand -----------------------------------------------------------------------------


def best(
    engine: Engine, request: Request, guards: Guards | None = None, policy: str = "priority"
) -> Victims:
    return preempt(engine, request, 100.0, guards, policy).nodes[0]


def test_one_leaves_where_others_would_evict_ten() -> None:
    # Ten pods of a tenth each on one GPU, a whole pod on the other: one victim, not ten.
    engine = first_fit(Cluster([node("a", 2)]))
    for i in range(10):
        bind(engine, share(f"tenth{i}", 100, priority=0))
    bind(engine, whole("one", priority=0))
    assert best(engine, whole("new", priority=5)).uids == ("one",)
    # And a share needs one of the ten, not all.
    engine.cluster.apply(Gone("one"))
    bind(engine, whole("high", priority=9))
    assert len(best(engine, share("small", 100, priority=5)).uids) == 1


def test_two_gpus_are_freed_whole_and_not_in_halves() -> None:
    engine = first_fit(Cluster([node("a", 3)]))
    for uid, milli in [("a1", 500), ("a2", 500), ("b1", 500), ("b2", 500), ("c1", 900)]:
        bind(engine, share(uid, milli, priority=1))
    victims = best(engine, whole("new", 2, priority=5))
    assert len(victims.uids) == 3
    assert "c1" in victims.uids
    assert set(victims.uids) - {"c1"} in ({"a1", "a2"}, {"b1", "b2"})


def test_a_mig_profile_gets_the_units_that_it_needs() -> None:
    engine = first_fit(Cluster([mig_node("m")]))
    # Two slices of 3g take all; a 4g can only start at 0.
    bind(engine, instances("low", "3g.40gb", priority=1))
    bind(engine, instances("high", "3g.40gb", priority=2))
    starts = {
        uid: pod.placement.grants[0][0].slot.start for uid, pod in engine.cluster.pods.items()
    }
    in_the_way = next(uid for uid, start in starts.items() if start == 0)
    victims = best(engine, instances("new", "4g.40gb", priority=5))
    assert victims.uids == (in_the_way,)
    assert victims.placement.grants[0][0].slot.start == 0
    assert len(best(engine, instances("all", "7g.80gb", priority=5)).uids) == 2


def test_a_shortage_of_cpu_alone_evicts_for_cpu_alone() -> None:
    engine = first_fit(Cluster([node("a", 2)]))
    bind(engine, whole("gpu", cpu_milli=1000, priority=0))
    bind(engine, Request("cpu", 8000, priority=1))
    assert best(engine, whole("new", cpu_milli=5000, priority=5)).uids == ("cpu",)
    assert best(engine, Request("host", 10_000, priority=5)).uids == ("cpu", "gpu")


def test_nodes_are_in_the_order_of_the_rules() -> None:
    names = ["budget", "high", "two", "lost", "best", "later"]
    engine = first_fit(Cluster([node(name, 1) for name in names]))
    only = {name: engine.cluster.row(name) for name in names}

    def put(name: str, request: Request, start_s: float = 90.0) -> None:
        bind(engine, request._replace(node_labels=()), start_s)
        assert engine.cluster.pods[request.uid].placement.node == name, only

    put("budget", whole("b", disruption_budgets=("x",)))
    put("high", whole("h", priority=3))
    put("two", share("t1", 500))
    put("two", share("t2", 500))
    put("lost", whole("l"), 10.0)
    put("best", whole("e"))
    put("later", whole("s"))
    answer = preempt(engine, whole("new", priority=5), 100.0, Guards(budgets={"x": 0}))
    assert [each.node for each in answer.nodes] == [
        "best",
        "later",
        "lost",
        "two",
        "high",
        "budget",
    ]
    assert [each.violations for each in answer.nodes] == [0, 0, 0, 0, 0, 1]
    assert [each.lost_gpu_s for each in answer.nodes[:3]] == [10.0, 10.0, 90.0]


def test_a_gang_counts_whole_wherever_it_runs() -> None:
    engine = first_fit(Cluster([node("a", 1), node("b", 1), node("c", 1)]))
    bind(engine, whole("g0", gang="g"), 99.0)
    bind(engine, whole("g1", gang="g"), 99.0)
    bind(engine, whole("single"), 0.0)
    answer = preempt(engine, whole("new", priority=5), 100.0)
    assert [(each.node, each.uids, each.elsewhere) for each in answer.nodes] == [
        ("c", ("single",), ()),
        ("a", ("g0", "g1"), ("g1",)),
        ("b", ("g0", "g1"), ("g0",)),
    ]
    shrinking = preempt(engine, whole("new", priority=5), 100.0, Guards(gang_min={"g": 1}))
    assert [each.uids for each in shrinking.nodes] == [("g0",), ("g1",), ("single",)]


def test_a_gang_with_a_member_that_must_stay_is_left_alone() -> None:
    engine = first_fit(Cluster([node("a", 1), node("b", 1)]))
    bind(engine, whole("g0", gang="g"))
    bind(engine, whole("g1", gang="g", preemptible=False))
    assert preempt(engine, whole("new", priority=5), 100.0).nodes == ()
    found = preempt(engine, whole("new", priority=5), 100.0, Guards(gang_min={"g": 1}))
    assert [each.uids for each in found.nodes] == [("g0",)]


def test_a_shared_claim_is_free_when_its_last_user_leaves() -> None:
    engine = first_fit(Cluster([node("a", 1)]))
    bind(engine, sharer("u0", "c"))
    bind(engine, sharer("u1", "c"))
    assert best(engine, whole("new", priority=5)).uids == ("u0", "u1")
    # Who shares the claim itself needs CPU only, and its users stay.
    bind(engine, Request("cpu", 9_000))
    asking = sharer("u2", "c", priority=5)._replace(cpu_milli=5_000)
    assert best(engine, asking).uids == ("cpu",)


def test_a_pod_that_fits_needs_no_victims() -> None:
    engine = first_fit(Cluster([node("a", 2)]))
    bind(engine, whole("p"))
    victims = best(engine, whole("new"))
    assert victims.uids == ()
    assert victims.placement.node == "a"


def test_min_run_time_and_preemptible_protect() -> None:
    engine = first_fit(Cluster([node("a", 1), node("b", 1)]))
    bind(engine, whole("young"), 95.0)
    bind(engine, whole("safe", preemptible=False))
    assert preempt(engine, whole("new", priority=5), 100.0, Guards(min_run_s=10)).nodes == ()
    assert best(engine, whole("new", priority=5), Guards(min_run_s=5)).uids == ("young",)


def test_spot_pods_give_way_whatever_their_priority() -> None:
    engine = first_fit(Cluster([node("a", 1)]))
    bind(engine, whole("spot", priority=100))
    new = whole("new", priority=0, preemptible=False)
    assert preempt(engine, new, 100.0).nodes == ()
    assert best(engine, new, policy="spot").uids == ("spot",)
    assert preempt(engine, whole("other"), 100.0, policy="spot").nodes == ()


def test_fair_reclaim_takes_the_excess_of_others_first_and_no_more() -> None:
    engine = first_fit(Cluster([node("a", 4, cpu_milli=100_000)]))
    for i in range(3):
        bind(engine, whole(f"theirs{i}", priority=9, queue="theirs"))
    bind(engine, whole("own", priority=0, queue="mine"))
    guards = Guards(queue_excess_milli={"theirs": 1500})
    one = whole("new", 1, priority=5, queue="mine")
    assert best(engine, one, guards, policy="fair-reclaim").uids == ("theirs2",)
    two = best(engine, whole("new", 2, priority=5, queue="mine"), guards, policy="fair-reclaim")
    assert two.uids == ("own", "theirs2")
    three = whole("new", 3, priority=5, queue="mine")
    assert preempt(engine, three, 100.0, guards, "fair-reclaim").nodes == ()


def test_a_policy_that_is_not_there_is_named() -> None:
    engine = first_fit(Cluster([node("a", 1)]))
    with pytest.raises(InputError, match="no preemption policy 'nice'"):
        preempt(engine, whole("new"), 0.0, policy="nice")
