"""Pods that wish their GPUs in one island, against plain lists of free GPUs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, InvalidRequest
from bayplan.scheduler.events import Bound, Gone, NodeChanged
from bayplan.scheduler.explaining import explain_pod
from bayplan.scheduler.islands import island_size
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Node,
    Reason,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)
from naive_islands import free_gpus, gpus_of, in_one, islands

from .support import A100, WORKLOAD, bind, instances, node, sharer, whole

REQUIRED = Topology(TopologyLevel.GPU_ISLAND)
PREFERRED = Topology(TopologyLevel.GPU_ISLAND, required=False)
POLICIES = ("best-fit", "worst-fit", "first-fit", "random", "fgd", "gpu-packing", "dot-product")


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """One to three nodes with islands, and pods that are on them."""
    nodes = [
        node(
            f"n{i}",
            draw(st.integers(0, 8)),
            gpu_island=draw(st.integers(0, 5)),
            anonymous_gpus=draw(st.integers(0, 3)) == 0,
            **draw(st.sampled_from([{}, A100])),
        )
        for i in range(draw(st.integers(1, 3)))
    ]
    cluster = Cluster(nodes)
    engine = Engine(cluster, make_policy("random", WORKLOAD), seed=draw(st.integers(0, 99)))
    for i in range(draw(st.integers(0, 6))):
        asks: list[WholeGpus | GpuShare] = [WholeGpus(1), WholeGpus(2), GpuShare(400)]
        ask = draw(st.sampled_from(asks))
        decision = engine.decide(Request(f"old{i}", devices=(DeviceRequest(ask),)), 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
    for i in range(draw(st.integers(0, 3))):
        if f"old{i}" in cluster.pods:
            cluster.apply(Gone(f"old{i}"))
    return cluster


ASKS = st.one_of(
    st.builds(WholeGpus, st.integers(1, 5)),
    st.builds(GpuShare, st.sampled_from([300, 600]), count=st.integers(1, 4)),
)


@given(clusters(), ASKS, st.sampled_from(POLICIES))
def test_a_pod_that_requires_an_island_fits_where_one_has_room(
    cluster: Cluster, ask: WholeGpus | GpuShare, name: str
) -> None:
    engine = Engine(cluster, make_policy(name, WORKLOAD), seed=1)
    request = Request("p", devices=(DeviceRequest(ask),), topology=REQUIRED)
    milli = 1000 if isinstance(ask, WholeGpus) else ask.milli
    possible = set()
    for each in cluster.nodes.values():
        free = free_gpus(cluster, each)
        places = islands(each)
        if ask.count == 1:  # one GPU is in one island, wherever it is
            places = [set(range(each.gpu_count))]
        if milli < 1000 and each.anonymous_gpus:
            continue
        if any(sum(free[gpu] >= milli for gpu in island) >= ask.count for island in places):
            possible.add(each.name)
    fits = engine.feasible(request)
    assert {cluster.name(row) for row in np.flatnonzero(fits).tolist()} == possible
    decision = engine.decide(request, 0.0)
    assert (decision.placement is not None) == bool(possible)
    assert engine.decide(request, 0.0, fits).placement == decision.placement
    if decision.placement is None:
        assert sum(n for _, n in decision.reasons) == len(cluster.nodes)
        return
    gpus = gpus_of(decision.placement)
    there = cluster.nodes[decision.placement.node]
    assert len(gpus) == ask.count
    assert ask.count == 1 or in_one(there, gpus)
    if ask.count > 1 and not there.anonymous_gpus:
        # Best fit: no island with fewer GPUs that would do has enough of them.
        free = free_gpus(cluster, there)
        room = {min(island): sum(free[gpu] >= milli for gpu in island) for island in islands(there)}
        enough = {first: n for first, n in room.items() if n >= ask.count}
        (mine,) = [min(island) for island in islands(there) if set(gpus) <= island]
        assert mine == min(enough, key=lambda first: (enough[first], first))
    cluster.apply(Bound(decision, 0.0))
    cluster.check()


@given(clusters(), ASKS, st.sampled_from(POLICIES))
def test_a_preference_takes_the_same_node_and_an_island_where_it_can(
    cluster: Cluster, ask: WholeGpus | GpuShare, name: str
) -> None:
    engine = Engine(cluster, make_policy(name, WORKLOAD), seed=1)
    devices = (DeviceRequest(ask),)
    plain = engine.decide(Request("p", devices=devices), 0.0)
    wishing = engine.decide(Request("p", devices=devices, topology=PREFERRED), 0.0)
    assert (wishing.reasons, wishing.score) == (plain.reasons, plain.score)
    if plain.placement is None or wishing.placement is None:
        assert plain.placement == wishing.placement
        return
    there = cluster.nodes[wishing.placement.node]
    assert there.name == plain.placement.node
    free, milli = free_gpus(cluster, there), getattr(ask, "milli", 1000)
    may = any(sum(free[gpu] >= milli for gpu in each) >= ask.count for each in islands(there))
    if may and ask.count > 1:
        assert in_one(there, gpus_of(wishing.placement))
    cluster.apply(Bound(wishing, 0.0))
    cluster.check()


@pytest.mark.parametrize(
    ("given_node", "size"),
    [
        (node("n", 0), 0),
        (node("n", 8), 1),  # of a model that nobody knows
        (node("n", 8, **A100), 8),
        (node("n", 4, **A100), 4),
        (node("n", 8, gpu_island=2, **A100), 2),
        (node("n", 8, gpu_island=16), 8),
        (node("n", 8, gpu_model="H100-80GB-PCIe"), 1),
        (node("n", 8, gpu_model="A100-80GB-MIG-1g.10gb"), 1),
        (node("n", 8, anonymous_gpus=True, **A100), 8),
        (node("n", 8, anonymous_gpus=True, gpu_island=4), 0),
    ],
)
def test_what_the_node_says_comes_before_the_catalogue(given_node: Node, size: int) -> None:
    assert island_size(given_node) == size


def engine_of(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), make_policy("best-fit"))


def test_reasons_tell_islands_that_are_too_small_from_those_in_use() -> None:
    engine = engine_of(node("a", 8, gpu_island=2), node("b", 8, gpu_island=4), node("c", 1))
    for i in range(2):
        bind(engine, whole(f"o{i}", 3, topology=REQUIRED))
    decision = engine.decide(whole("p", 4, topology=REQUIRED), 0.0)
    assert dict(decision.reasons) == {
        Reason.TOPOLOGY: 1,
        Reason.GPU_FREE: 1,
        Reason.GPU_COUNT: 1,
    }
    decision = engine.decide(whole("p", 2, topology=REQUIRED), 0.0, np.array([False, True, True]))
    assert dict(decision.reasons)[Reason.ISLAND_FREE] == 1
    said = explain_pod(engine, whole("p", 2, topology=REQUIRED), 0.0, nodes=np.array([0, 1, 0]) > 0)
    assert said.nearest is not None
    assert said.nearest.reason is Reason.ISLAND_FREE
    relaxed = [fix for fix in said.fixes if "prefer one" in fix.text]
    assert relaxed[0].request == whole("p", 2, topology=PREFERRED)


def test_a_decision_is_checked_against_the_islands_that_there_are_by_now() -> None:
    engine = engine_of(node("a", 8, gpu_island=4))
    decision = engine.decide(whole("p", 4, topology=REQUIRED), 0.0)
    engine.cluster.apply(NodeChanged(node("a", 8, gpu_island=2)))
    with pytest.raises(Conflict, match="decide again"):
        engine.cluster.apply(Bound(decision, 0.0))
    engine.cluster.check()
    assert engine.decide(whole("p", 4, topology=REQUIRED), 0.0).placement is None
    engine.cluster.apply(NodeChanged(node("a", 8, gpu_island=4)))
    engine.cluster.apply(Bound(engine.decide(whole("p", 4, topology=REQUIRED), 0.0), 0.0))


def test_what_a_claim_holds_already_says_which_island() -> None:
    engine = engine_of(node("a", 4, gpu_island=2))
    bind(engine, whole("o", 2, topology=REQUIRED))
    bind(engine, sharer("s", "c"))
    engine.cluster.apply(Gone("o"))
    joint = (DeviceRequest(WholeGpus(1), claim="c"), DeviceRequest(WholeGpus(1)))
    decision = engine.decide(Request("p", devices=joint, topology=REQUIRED), 0.0)
    assert decision.placement is not None
    assert gpus_of(decision.placement) == [2, 3]
    more = (*joint[:1], DeviceRequest(WholeGpus(2)))
    assert engine.decide(Request("p", devices=more, topology=REQUIRED), 0.0).placement is None
    assert engine.decide(Request("p", devices=more), 0.0).placement is not None


def test_the_island_with_the_least_room_is_taken_and_the_first_of_those() -> None:
    engine = engine_of(node("a", 8, gpu_island=3))  # islands of 3, 3 and 2
    taken = []
    for i, count in enumerate((2, 2, 2)):
        decision = bind(engine, whole(f"o{i}", count, topology=REQUIRED))
        assert decision.placement is not None
        taken.append(gpus_of(decision.placement))
    assert taken == [[6, 7], [0, 1], [3, 4]]


def test_devices_of_all_containers_are_in_one_island_or_split_only_without_the_wish() -> None:
    engine = engine_of(node("a", 6, gpu_island=3))
    devices = (DeviceRequest(WholeGpus(2)), DeviceRequest(WholeGpus(2)))
    assert engine.decide(Request("p", devices=devices), 0.0).placement is not None
    assert engine.decide(Request("p", devices=devices, topology=REQUIRED), 0.0).placement is None


def test_a_placement_across_islands_is_refused_though_it_fits() -> None:
    engine = engine_of(node("a", 4, gpu_island=2))
    split = engine.decide(whole("p", 4), 0.0)
    assert split.placement is not None
    wrong = Decision(whole("p", 4, topology=REQUIRED), 0.0, split.placement)
    with pytest.raises(Conflict):
        engine.cluster.apply(Bound(wrong, 0.0))


def test_victims_are_those_of_one_island() -> None:
    engine = engine_of(node("a", 8, gpu_island=4))
    for i in range(8):
        # One pod a GPU; on each island one that may not leave.
        bind(engine, whole(f"o{i}", preemptible=i not in (0, 4), priority=i % 4))
    found = engine.preempt(whole("p", 3, topology=REQUIRED, priority=9), 0.0)
    (victims,) = found.nodes
    assert victims.uids in (("o1", "o2", "o3"), ("o5", "o6", "o7"))
    assert victims.placement is not None
    assert in_one(engine.cluster.nodes["a"], gpus_of(victims.placement))
    assert not engine.preempt(whole("p", 4, topology=REQUIRED, priority=9), 0.0).nodes
    assert engine.preempt(whole("p", 4, priority=9), 0.0).nodes


@given(clusters(), st.integers(2, 4))
def test_victims_make_room_in_an_island(cluster: Cluster, count: int) -> None:
    engine = Engine(cluster, make_policy("best-fit"))
    request = whole("p", count, topology=REQUIRED, priority=5)
    found = engine.preempt(request, 0.0)
    large = {
        each.name
        for each in cluster.nodes.values()
        if any(len(island) >= count for island in islands(each))
    }
    assert {victims.node for victims in found.nodes} == large
    for victims in found.nodes:
        with cluster.trial():
            for uid in victims.uids:
                cluster.apply(Gone(uid))
            only = np.arange(cluster.view.n_rows) == cluster.row(victims.node)
            decision = engine.decide(request, 0.0, only)
            assert decision.placement == victims.placement
            assert decision.placement is not None
            assert in_one(cluster.nodes[victims.node], gpus_of(decision.placement))
            if not victims.uids:
                continue
        for spared in victims.uids:
            with cluster.trial():
                for uid in victims.uids:
                    if uid != spared:
                        cluster.apply(Gone(uid))
                assert engine.decide(request, 0.0, only).placement is None


def test_mig_instances_may_be_asked_for_in_one_island() -> None:
    engine = engine_of(node("a", 4, gpu_island=2, sharing=(Mig(),), **A100))
    bind(engine, whole("o"))
    # Four of three units each: two GPUs hold them, and one of the islands has only one free.
    decision = engine.decide(instances("p", "3g.40gb", 4, topology=REQUIRED), 0.0)
    assert decision.placement is not None
    assert set(gpus_of(decision.placement)) == {2, 3}
    engine.cluster.apply(Bound(decision, 0.0))
    engine.cluster.check()
    assert engine.decide(instances("q", "3g.40gb", 3, topology=REQUIRED), 0.0).placement is None


def test_an_island_is_of_a_whole_number_of_gpus() -> None:
    with pytest.raises(InvalidRequest):
        Cluster([node("a", 4, gpu_island=-1)])
