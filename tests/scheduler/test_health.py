"""GPUs that take no new pods: what stays, what is refused, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, InvalidRequest
from bayplan.scheduler.events import Bound, Gone, NodeChanged, NodeGone, NodeUp, Repartitioned
from bayplan.scheduler.explaining import explain_pod
from bayplan.scheduler.fragmentation import fragments
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.sharing import Mig, Mps
from bayplan.scheduler.types import Node, Reason, Request, Topology, TopologyLevel

from .support import (
    WORKLOAD,
    bind,
    first_fit,
    instances,
    mig_node,
    node,
    policy,
    refusal,
    share,
    sharer,
    snapshot,
    where,
    whole,
)


def close(cluster: Cluster, name: str, *gpus: int) -> None:
    """Let these GPUs of a node, and no others, take no new pods."""
    cluster.apply(NodeChanged(replace(cluster.nodes[name], unhealthy=gpus)))
    cluster.check()


def reasons(engine: Engine, request: Request) -> dict[Reason, int]:
    return dict(engine.decide(request, 0.0).reasons)


def test_pods_stay_and_the_other_gpus_go_on() -> None:
    cluster = Cluster([node("a", 3)])
    engine = first_fit(cluster)
    bind(engine, share("p", 400))
    close(cluster, "a", 0)
    assert where(bind(engine, share("q", 400))) == ("a", (1,))
    assert where(bind(engine, whole("r"))) == ("a", (2,))
    assert "p" in cluster.pods
    assert reasons(engine, whole("s", 3)) == {Reason.GPU_UNHEALTHY: 1}
    assert reasons(engine, whole("s", 4)) == {Reason.GPU_COUNT: 1}
    assert reasons(engine, whole("s", 2)) == {Reason.GPU_FREE: 1}
    # What left meanwhile is free once the GPU is healthy again.
    cluster.apply(Gone("p"))
    cluster.check()
    assert cluster.view.idle_milli.item(0) == 600
    close(cluster, "a")
    assert cluster.view.idle_milli.item(0) == 1600
    assert where(bind(engine, whole("s"))) == ("a", (0,))


def test_what_was_on_it_counts_when_it_is_healthy_again() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    bind(engine, share("p", 400, 3000))
    close(cluster, "a", 0)
    assert cluster.view.slot_free_milli.item(0) == cluster.view.idle_milli.item(0) == 0
    close(cluster, "a")
    assert cluster.view.slot_free_milli.item(0) == 600
    assert cluster.view.slot_free_mib.item(0) == 5000


def test_a_decision_for_a_gpu_that_fell_ill_since_is_refused() -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(whole("p"), 0.0)
    close(cluster, "a", 0)
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict


def test_a_rolled_back_trial_leaves_health_and_pods_as_they_were() -> None:
    cluster = Cluster([mig_node("a", 2), node("b", 2, sharing=(Mps(),))])
    engine = first_fit(cluster)
    bind(engine, instances("p", "3g.40gb"))
    bind(engine, share("q", 300))
    before = snapshot(cluster)
    with cluster.trial():
        close(cluster, "a", 0)
        cluster.apply(Gone("p"))
        cluster.apply(Gone("q"))
        close(cluster, "a", 0, 1)
        cluster.apply(NodeGone("b"))
        twin = cluster.copy()
        twin.check()
        assert reasons(first_fit(twin), instances("r", "1g.10gb")) == {Reason.GPU_UNHEALTHY: 1}
    assert snapshot(cluster) == before
    cluster.check()


def test_instances_stay_and_none_is_made() -> None:
    cluster = Cluster([mig_node("a", 1)])
    engine = first_fit(cluster)
    bind(engine, instances("p", "3g.40gb"))
    close(cluster, "a", 0)
    assert reasons(engine, instances("q", "1g.10gb")) == {Reason.GPU_UNHEALTHY: 1}
    assert reasons(engine, instances("q", "1g.10gb", 8)) == {Reason.GPU_COUNT: 1}
    assert refusal(cluster, Repartitioned("a", 0, Mig(((0, "1g.10gb"),)))) is Conflict
    cluster.apply(Gone("p"))
    cluster.apply(Repartitioned("a", 0, Mig(((0, "1g.10gb"),))))
    cluster.check()
    assert engine.decide(instances("q", "1g.10gb"), 0.0).placement is None
    close(cluster, "a")
    assert where(bind(engine, instances("q", "1g.10gb"))) == ("a", (0,))


def test_a_claim_on_it_takes_no_new_users() -> None:
    cluster = Cluster([node("a", 2), node("b", 2)])
    engine = first_fit(cluster)
    bind(engine, sharer("p", "c"))
    late = engine.decide(sharer("r", "c"), 0.0)
    close(cluster, "a", 0)
    decision = engine.decide(sharer("q", "c"), 0.0)
    assert decision.placement is None
    assert decision.reasons == ((Reason.CLAIM_NODE, 1), (Reason.GPU_UNHEALTHY, 1))
    assert engine.explain(sharer("q", "c"))[0].reasons == decision.reasons
    assert refusal(cluster, Bound(late, 0.0)) is Conflict
    close(cluster, "a", 1)
    assert where(bind(engine, sharer("q", "c"))) == ("a", (0,))


def test_islands_are_smaller_by_it() -> None:
    near = Topology(TopologyLevel.GPU_ISLAND)
    cluster = Cluster([node("a", 4, gpu_island=2)])
    engine = first_fit(cluster)
    close(cluster, "a", 1)
    assert where(engine.decide(whole("p", 2, topology=near), 0.0)) == ("a", (2, 3))
    close(cluster, "a", 1, 3)
    assert reasons(engine, whole("p", 2, topology=near)) == {Reason.GPU_UNHEALTHY: 1}
    assert reasons(engine, whole("p", 3, topology=near)) == {Reason.GPU_UNHEALTHY: 1}
    close(cluster, "a")
    assert reasons(engine, whole("p", 3, topology=near)) == {Reason.TOPOLOGY: 1}


def test_gangs_go_around_it() -> None:
    cluster = Cluster([node("a", 2), node("b", 2)])
    engine = first_fit(cluster)
    gang = Gang("g", (Role("w", tuple(whole(f"g/{k}", 2, gang="g") for k in range(2))),))
    assert len(engine.decide_gang(gang, 0.0).decisions) == 2
    close(cluster, "b", 0)
    assert not engine.decide_gang(gang, 0.0).decisions
    small = Gang("h", (Role("w", tuple(whole(f"h/{k}", gang="h") for k in range(3))),))
    plan = engine.decide_gang(small, 0.0)
    assert sorted(where(d) for d in plan.decisions) == [("a", (0,)), ("a", (1,)), ("b", (1,))]


def test_nobody_is_evicted_from_it() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    bind(engine, whole("p"))
    asker = whole("q", priority=5)
    assert len(engine.preempt(asker, 1.0).nodes) == 1
    close(cluster, "a", 0)
    assert not engine.preempt(asker, 1.0).nodes


def test_the_explanation_says_so_and_offers_a_healthy_node() -> None:
    cluster = Cluster([node("a", 2)])
    close(cluster, "a", 0)
    found = explain_pod(first_fit(cluster), whole("p", 2), now_s=0.0)
    assert "1 × enough GPUs, but too many of them are unhealthy" in found.text
    assert "add 1 node like a" in found.text


@pytest.mark.parametrize("sick", [(2,), (-1,), (1, 0), (0, 0)])
def test_gpus_that_are_not_there_or_in_disorder_are_refused(sick: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest, match="by index, ascending"):
        Cluster([node("a", 2, unhealthy=sick)])


def test_of_anonymous_gpus_only_the_number_counts() -> None:
    """4 GPUs, 1 unhealthy, u in use: 3 - u are free, whichever they are."""
    cluster = Cluster([node("a", 4, anonymous_gpus=True)])
    engine = first_fit(cluster)
    for uid in "pqr":
        bind(engine, whole(uid))
    close(cluster, "a", 0)
    assert reasons(engine, whole("s")) == {Reason.GPU_FREE: 1}
    cluster.apply(Gone("p"))
    cluster.check()
    assert reasons(engine, whole("s", 2)) == {Reason.GPU_FREE: 1}
    bind(engine, whole("s"))
    # All in use before one falls ill: the next to leave frees nothing.
    close(cluster, "a")
    bind(engine, whole("t"))
    close(cluster, "a", 3)
    with cluster.trial():
        cluster.apply(Gone("q"))
        cluster.check()
        assert engine.decide(whole("v"), 0.0).placement is None
    cluster.check()
    cluster.apply(Gone("t"))
    cluster.apply(Gone("q"))
    cluster.check()
    assert bind(engine, whole("v")).placement is not None
    assert reasons(engine, whole("w")) == {Reason.GPU_FREE: 1}


# --- against clusters in which the unhealthy GPUs are simply full ------------------------------

_ASKS: tuple[tuple[str, Any], ...] = (
    ("whole", 1), ("whole", 2), ("share", 300), ("share", 500), ("share", 900),
)  # fmt: skip
_STEPS = st.one_of(
    st.tuples(st.just("pod"), st.sampled_from(_ASKS)),
    st.tuples(st.just("gone"), st.integers(0, 30)),
    st.tuples(st.just("health"), st.tuples(st.integers(0, 2), st.sets(st.integers(0, 3)))),
)


def _request(uid: str, ask: tuple[str, Any]) -> Request:
    return whole(uid, ask[1]) if ask[0] == "whole" else share(uid, ask[1])


def _full(cluster: Cluster) -> Cluster:
    """The same pods on healthy nodes, and on each unhealthy GPU somebody who takes all of it."""
    bare = [replace(each, unhealthy=()) for each in cluster.nodes.values()]
    other = Cluster(bare)
    on_sick: set[tuple[str, int]] = {
        (each.name, gpu) for each in cluster.nodes.values() for gpu in each.unhealthy
    }
    pods = [pod for pod in cluster.pods.values() if not _spots(pod) & on_sick]
    split = [pod for pod in cluster.pods.values() if _spots(pod) & on_sick]
    for name, gpu in sorted(on_sick):
        _take(other, f"sick-{name}-{gpu}", name, gpu)
    for pod in pods:
        decision = first_fit(other).decide(pod.request, 0.0)
        other.apply(Bound(decision._replace(placement=pod.placement), 0.0))
    for pod in split:  # of pods on both, the rest
        for name, gpu in sorted(_spots(pod) - on_sick):
            _take(other, f"rest-{pod.request.uid}-{gpu}", name, gpu)
    return other


def _spots(pod: Any) -> set[tuple[str, int]]:
    placement = pod.placement
    return {(placement.node, g.slot.gpu) for grants in placement.grants for g in grants}


def _take(cluster: Cluster, uid: str, name: str, gpu: int) -> None:
    mask = np.zeros(cluster.view.n_rows, np.bool_)
    mask[cluster.row(name)] = True
    decision = first_fit(cluster).decide(whole(uid), 0.0, mask)
    assert decision.placement is not None
    grant = decision.placement.grants[0][0]
    there = replace(grant, slot=replace(grant.slot, gpu=gpu))
    cluster.apply(
        Bound(decision._replace(placement=decision.placement._replace(grants=((there,),))), 0.0)
    )


@given(steps=st.lists(_STEPS, max_size=30), by=st.sampled_from(["best-fit", "first-fit"]))
def test_to_new_pods_an_unhealthy_gpu_is_a_full_one(steps: list[Any], by: str) -> None:
    cluster = Cluster([node("a", 2), node("b", 4), node("c", 1)])
    engine = Engine(cluster, policy(by))
    for number, (what, how) in enumerate(steps):
        if what == "pod":
            bind(engine, _request(f"p{number}", how))
        elif what == "gone" and cluster.pods:
            pods = sorted(cluster.pods)
            cluster.apply(Gone(pods[how % len(pods)]))
        elif what == "health":
            name = "abc"[how[0]]
            sick = tuple(g for g in sorted(how[1]) if g < cluster.nodes[name].gpu_count)
            close(cluster, name, *sick)
        cluster.check()
        full = _full(cluster)
        other = Engine(full, policy(by))
        view, rows = cluster.view, np.arange(3)
        assert view.idle_milli[:3].tolist() == full.view.idle_milli[:3].tolist()
        ours, theirs = (fragments(each.view, WORKLOAD, rows)[:3] for each in (cluster, full))
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        for ask in _ASKS:
            probe = _request("probe", ask)
            np.testing.assert_array_equal(engine.feasible(probe), other.feasible(probe))
            assert where(engine.decide(probe, 0.0)) == where(other.decide(probe, 0.0))


def test_a_node_may_come_with_unhealthy_gpus() -> None:
    cluster = Cluster()
    sick: Node = node("a", 2, unhealthy=(1,))
    cluster.apply(NodeUp(sick))
    cluster.check()
    assert cluster.view.idle_milli.item(0) == 1000
    assert where(first_fit(cluster).decide(whole("p"), 0.0)) == ("a", (0,))
