"""GPUs that requests name or describe: which will do, whatever is free of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Bound, Gone, NodeChanged, NodeUp, Repartitioned
from bayplan.scheduler.explaining import explain_pod
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.kinds import slots_of
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Reason,
    Request,
    WholeGpus,
)

from .support import bind, first_fit, mig_node, node, share, snapshot, where, whole


def named(name: str, uuids: dict[int, str], gpus: int = 2, **changes: Any) -> Node:
    return node(name, gpus, gpu_uuids=tuple(sorted(uuids.items())), **changes)


def wishing(uid: str, ask: WholeGpus | GpuShare | MigInstances, **wish: Any) -> Request:
    return Request(uid, devices=(DeviceRequest(ask, **wish),))


def rename(cluster: Cluster, name: str, uuids: dict[int, str]) -> None:
    gpu_uuids = tuple(sorted(uuids.items()))
    cluster.apply(NodeChanged(replace(cluster.nodes[name], gpu_uuids=gpu_uuids)))
    cluster.check()


def test_a_pod_gets_the_gpus_that_it_names_and_none_that_it_avoids() -> None:
    engine = first_fit(Cluster([node("a"), named("b", {0: "x", 1: "y"})]))
    only = wishing("p", GpuShare(500), uuids=("y", "z"))
    assert where(bind(engine, only)) == ("b", (1,))
    avoiding = wishing("q", GpuShare(500, count=2), not_uuids=("x",))
    assert where(bind(engine, avoiding)) == ("a", (0, 1))
    avoiding = wishing("r", WholeGpus(1), not_uuids=("x",))
    decision = engine.decide(avoiding, 0.0)
    assert decision.placement is None  # what is left is x
    assert dict(decision.reasons) == {Reason.GPU_FREE: 2}


def test_names_come_and_go_while_pods_are_on_the_gpus() -> None:
    cluster = Cluster([node("a", 3)])
    engine = first_fit(cluster)
    bind(engine, share("p", 400, 3000))
    before = snapshot(cluster)
    rename(cluster, "a", {0: "x", 2: "y"})
    assert where(engine.decide(wishing("q", GpuShare(600), uuids=("x",)), 0.0)) == ("a", (0,))
    assert engine.decide(wishing("q", GpuShare(601), uuids=("x",)), 0.0).placement is None
    assert where(engine.decide(wishing("q", WholeGpus(1), not_uuids=("y",)), 0.0)) == ("a", (1,))
    with cluster.trial():
        rename(cluster, "a", {1: "x"})
        cluster.apply(Gone("p"))
        assert where(engine.decide(wishing("q", WholeGpus(1), uuids=("x",)), 0.0)) == ("a", (1,))
    cluster.check()
    rename(cluster, "a", {})
    assert snapshot(cluster) == before
    assert engine.decide(wishing("q", GpuShare(1), uuids=("x",)), 0.0).placement is None


def test_a_node_without_a_gpu_of_the_names_says_so_and_one_with_too_few_counts_them() -> None:
    engine = first_fit(Cluster([named("a", {0: "x"}), node("b")]))
    decision = engine.decide(wishing("p", WholeGpus(2), uuids=("x",)), 0.0)
    assert dict(decision.reasons) == {Reason.GPU_COUNT: 1, Reason.GPU_UUID: 1}
    decision = engine.decide(wishing("p", WholeGpus(3), uuids=("y",)), 0.0)
    assert dict(decision.reasons) == {Reason.GPU_UUID: 2}


def test_a_gpu_that_the_plugin_picks_may_be_one_to_avoid() -> None:
    engine = first_fit(Cluster([node("a", anonymous_gpus=True)]))
    for wish in ({"uuids": ("x",)}, {"not_uuids": ("x",)}):
        decision = engine.decide(wishing("p", WholeGpus(1), **wish), 0.0)
        assert dict(decision.reasons) == {Reason.GPU_UUID: 1}


def test_a_named_gpu_that_is_unhealthy_takes_nobody_and_is_itself_again_later() -> None:
    cluster = Cluster([named("a", {1: "x"}, unhealthy=(1,))])
    engine = first_fit(cluster)
    wish = wishing("p", WholeGpus(1), uuids=("x",))
    assert dict(engine.decide(wish, 0.0).reasons) == {Reason.GPU_UNHEALTHY: 1}
    cluster.apply(NodeChanged(replace(cluster.nodes["a"], unhealthy=())))
    cluster.check()
    assert where(bind(engine, wish)) == ("a", (1,))


def test_each_gpu_or_instance_has_the_memory_that_is_wished() -> None:
    cluster = Cluster([node("a"), node("b", gpu_memory_mib=16_000), mig_node("m")])
    engine = first_fit(cluster)
    wish = wishing("p", GpuShare(100), least_memory_mib=8_001)
    assert where(engine.decide(wish, 0.0)) == ("b", (0,))
    too_much = wishing("p", WholeGpus(1), least_memory_mib=90_000)
    assert dict(engine.decide(too_much, 0.0).reasons) == {Reason.GPU_COUNT: 3}
    # Of an instance it is the instance's: 1g.10gb has 9,856 MiB.
    for profile, fits in (("1g.10gb", False), ("2g.20gb", True)):
        wish = wishing("i", MigInstances(profile), least_memory_mib=9_857)
        assert (engine.decide(wish, 0.0).placement is not None) == fits
    with pytest.raises(InvalidRequest, match="GPUs of -1 MiB"):
        engine.decide(wishing("p", WholeGpus(1), least_memory_mib=-1), 0.0)


def test_members_of_a_gang_keep_to_the_gpus_that_each_names() -> None:
    cluster = Cluster([named("a", {0: "x", 1: "y"}), node("b")])
    members = (
        wishing("m0", WholeGpus(1), not_uuids=("x", "y")),
        wishing("m1", WholeGpus(1), uuids=("y",)),
        whole("m2"),
    )
    plan = first_fit(cluster).decide_gang(Gang("g", (Role("r", members),)), 0.0)
    placed = {decision.request.uid: where(decision) for decision in plan.decisions}
    assert placed["m1"] == ("a", (1,))
    assert placed["m0"][0] == "b"
    assert set(placed) == {"m0", "m1", "m2"}
    both = (members[1], wishing("m3", WholeGpus(1), uuids=("y",)))
    assert not first_fit(cluster).decide_gang(Gang("g", (Role("r", both),)), 0.0).decisions


def test_a_gpu_that_is_cut_anew_keeps_its_name() -> None:
    cluster = Cluster([mig_node("m", 2, gpu_uuids=((1, "x"),))])
    layout = Mig(layout=((0, "3g.40gb"), (4, "3g.40gb")))
    cluster.apply(Repartitioned("m", 1, layout))
    cluster.check()
    wish = wishing("p", MigInstances("3g.40gb", 2), uuids=("x",))
    assert where(bind(first_fit(cluster), wish)) == ("m", (1, 1))


@pytest.mark.parametrize("uuids", [((2, "x"),), ((1, "x"), (0, "y")), ((0, ""),)])
def test_names_of_gpus_that_are_not_there_are_refused(uuids: Any) -> None:
    with pytest.raises(InvalidRequest, match="by index, ascending"):
        Cluster().apply(NodeUp(node("a", gpu_uuids=uuids)))
    with pytest.raises(InvalidRequest, match="none that the device plugin picks"):
        Cluster().apply(NodeUp(node("a", anonymous_gpus=True, gpu_uuids=((0, "x"),))))


def test_kinds_stay_few_where_nobody_names_a_gpu() -> None:
    assert len(slots_of(node("a", 8)).kinds) == 1
    assert len(slots_of(named("a", {3: "x"}, 8)).kinds) == 2


def test_an_explanation_says_what_is_wished_and_what_giving_it_up_brings() -> None:
    engine = first_fit(Cluster([node("a")]))
    found = explain_pod(engine, wishing("p", WholeGpus(1), uuids=("x", "y", "z")), 0.0)
    assert "1 GPU by the uuids x, y and 1 more" in found.text
    assert "no GPU by a uuid that the pod allows" in found.text
    assert "allow GPUs of any uuid: then it fits a" in found.text
    wish = wishing("p", WholeGpus(1), least_memory_mib=40_960, not_uuids=("x",))
    found = explain_pod(engine, wish, 0.0)
    assert "1 GPU of at least 40 GiB but x" in found.text
    assert "allow GPUs of less than 40 GiB: then it fits a" in found.text


# --- against a plain oracle -------------------------------------------------------------------

NAMES = ("u0", "u1", "u2", "u3", "u4", "u5")
subsets = st.sets(st.sampled_from(NAMES), max_size=3).map(lambda found: tuple(sorted(found)))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Node], list[tuple[int, int, int]], Request]:
    """Nodes of two models and memories, what is taken of (node, GPU), and a request."""
    names = iter(draw(st.permutations(NAMES)))
    nodes = []
    for k in range(draw(st.integers(1, 3))):
        gpus = draw(st.integers(1, 3))
        uuids = {i: name for i in range(gpus) if draw(st.booleans()) and (name := next(names, ""))}
        model, memory = draw(st.sampled_from("AB")), draw(st.sampled_from([8_000, 16_000]))
        nodes.append(named(f"n{k}", uuids, gpus, gpu_model=model, gpu_memory_mib=memory))
    taken = draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([300, 700])))
    )
    count = draw(st.integers(1, 2))
    ask: WholeGpus | GpuShare = WholeGpus(count)
    if draw(st.booleans()):
        ask = GpuShare(500, count=count)
    wish = DeviceRequest(
        ask,
        models=draw(st.sampled_from([(), ("A",), ("B",), ("A", "B")])),
        least_memory_mib=draw(st.sampled_from([0, 8_000, 8_001])),
        uuids=draw(subsets),
        not_uuids=draw(subsets),
    )
    return nodes, taken, Request("asked", devices=(wish,))


@given(scenes())
def test_where_a_request_goes_is_where_enough_gpus_are_as_it_wishes(
    scene: tuple[list[Node], list[tuple[int, int, int]], Request],
) -> None:
    nodes, taken, request = scene
    cluster = Cluster([replace(each, gpu_uuids=()) for each in nodes])
    engine = first_fit(cluster)
    free = {(each.name, gpu): 1000 for each in nodes for gpu in range(each.gpu_count)}
    for i, (k, gpu, milli) in enumerate(taken):
        at = (f"n{k}", gpu)
        if free.get(at, 0) < milli:
            continue
        rows = np.array([name == at[0] for name in cluster.nodes])
        decision = engine.decide(share(f"t{i}", milli), 0.0, rows)
        cluster.apply(Bound(decision, 0.0))
        name, (gpu,) = where(decision)
        free[name, gpu] -= milli
    for each in nodes:  # named while pods are on them
        rename(cluster, each.name, dict(each.gpu_uuids))
    (wish,) = request.devices
    milli = 1000 if isinstance(wish.ask, WholeGpus) else 500
    good = {each.name: will_do(each, wish, free, milli) for each in nodes}
    expected = [len(good[name]) >= wish.ask.count for name in cluster.nodes]
    assert engine.feasible(request).tolist() == expected
    name, gpus = where(bind(engine, request))
    assert bool(name) == any(expected)
    assert set(gpus) <= set(good.get(name, ()))
    cluster.check()


def will_do(
    node: Node, wish: DeviceRequest, free: dict[tuple[str, int], int], milli: int
) -> list[int]:
    """The GPUs of a node that a wish may have now, one by one."""
    if wish.models and node.gpu_model not in wish.models:
        return []
    if node.gpu_memory_mib < wish.least_memory_mib:
        return []
    uuids = dict(node.gpu_uuids)
    return [
        gpu
        for gpu in range(node.gpu_count)
        if free[node.name, gpu] >= milli
        and (not wish.uuids or uuids.get(gpu) in wish.uuids)
        and uuids.get(gpu) not in wish.not_uuids
    ]
