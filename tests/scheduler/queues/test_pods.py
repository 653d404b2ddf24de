from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Duplicate, Unknown
from bayplan.scheduler.events import Gone
from bayplan.scheduler.queues import (
    Queue,
    QueueTree,
    asked_by,
    capacity_of,
    taken_by,
    usage_of,
)
from bayplan.scheduler.sharing import Mig, Mps
from bayplan.scheduler.types import DeviceRequest, GpuShare, MigInstances, Request, WholeGpus

from .support import bind, first_fit, instances, node, share, sharer, whole

TREE = QueueTree([Queue("p"), Queue("a", "p"), Queue("b", "p")])


def used(cluster: Cluster) -> dict[tuple[str, str], int]:
    """What is used by queue and resource, but for nothing."""
    usage = usage_of(cluster, TREE).usage
    names = (*TREE.names, *usage.strangers)
    found = {(name, r): usage.own(name, r) for name in names for r in usage.resources}
    return {key: amount for key, amount in found.items() if amount}


def test_capacity_is_that_of_all_nodes() -> None:
    cluster = Cluster(
        [
            node("n", 2, schedulable=False, resources=(("nic", 3),)),
            node("m", 1, gpu_model="A100-80GB", sharing=(Mps(),)),
            node("k", 2, gpu_model="A100-80GB", sharing=(Mig(),)),
            node("cpu", 0),
        ]
    )
    assert capacity_of(cluster) == {
        "cpu": 40_000,
        "memory": 40_000,
        "nic": 3,
        "gpu": 5_000,
        "gpu:A": 2_000,
        "gpu:A100-80GB": 3_000,
    }
    assert capacity_of(Cluster()) == {}


def test_gpus_count_as_what_is_taken_of_them_by_model() -> None:
    engine = first_fit(
        Cluster([node("n", 2), node("m", 1, gpu_model="A100-80GB", sharing=(Mig(),))])
    )
    bind(engine, whole("w", queue="a", cpu_milli=500, memory_mib=64))
    bind(engine, share("s", 300, queue="b"))
    taken = bind(engine, instances("i", "1g.10gb", queue="b")).placement
    assert taken is not None
    milli = taken.grants[0][0].milli
    assert used(engine.cluster) == {
        ("a", "cpu"): 500,
        ("a", "memory"): 64,
        ("a", "gpu"): 1000,
        ("a", "gpu:A"): 1000,
        ("b", "gpu"): 300 + milli,
        ("b", "gpu:A"): 300,
        ("b", "gpu:A100-80GB"): milli,
    }


def test_a_copy_goes_its_own_way() -> None:
    engine = first_fit(Cluster([node("n", 2)]))
    bind(engine, sharer("2", "c", queue="a"))
    bind(engine, sharer("3", "c", queue="b"))
    bind(engine, whole("w", queue="b"))
    one = usage_of(engine.cluster, TREE)
    other = one.copy()
    other.remove("2")
    other.remove("w")
    held = one.usage.own("a", "gpu"), one.usage.own("b", "gpu")
    assert held[1] == 1000
    assert (other.usage.own("a", "gpu"), other.usage.own("b", "gpu")) == (0, held[0])
    one.remove("2")
    one.remove("w")
    assert one.usage.own("b", "gpu") == held[0]


def test_a_shared_claim_counts_once_for_the_first_of_its_users() -> None:
    engine = first_fit(Cluster([node("n", 2)]))
    bind(engine, sharer("2", "c", queue="a", cpu_milli=100))
    bind(engine, sharer("3", "c", queue="b", cpu_milli=100))
    cpu = {("a", "cpu"): 100, ("b", "cpu"): 100}
    assert used(engine.cluster) == cpu | {("a", "gpu"): 1000, ("a", "gpu:A"): 1000}
    bind(engine, sharer("1", "c", queue="b"))
    assert used(engine.cluster) == cpu | {("b", "gpu"): 1000, ("b", "gpu:A"): 1000}
    engine.cluster.apply(Gone("1"))
    engine.cluster.apply(Gone("2"))
    assert used(engine.cluster) == {
        ("b", "cpu"): 100, ("b", "gpu"): 1000, ("b", "gpu:A"): 1000,
    }  # fmt: skip


queues = st.sampled_from(("a", "b", "p", "", "x"))
requests = st.one_of(
    st.builds(lambda queue, n: {"queue": queue, "make": whole, "what": (n,)}, queues, st.just(1)),
    st.builds(
        lambda queue, n: {"queue": queue, "make": share, "what": (n,)},
        queues,
        st.sampled_from((100, 250, 500)),
    ),
    st.builds(
        lambda queue, c: {"queue": queue, "make": sharer, "what": (c,)},
        queues,
        st.sampled_from(("c", "d")),
    ),
)


@given(st.lists(requests | st.integers(0, 9), max_size=14))
def test_kept_up_as_pods_come_and_go_it_is_that_of_the_cluster(steps: list[Any]) -> None:
    engine = first_fit(Cluster([node("n", 3), node("m", 2, gpu_model="B")]))
    kept = usage_of(engine.cluster, TREE)
    for number, step in enumerate(steps):
        if isinstance(step, int):
            uid = f"p{9 - step}"
            if uid in engine.cluster.pods:
                engine.cluster.apply(Gone(uid))
                kept.remove(uid)
            continue
        uid = f"p{(number * 7) % 10}"
        if uid in engine.cluster.pods:
            continue
        request = step["make"](uid, *step["what"], queue=step["queue"], cpu_milli=100)
        placement = bind(engine, request).placement
        if placement is not None:
            kept.add(request, placement, engine.cluster.nodes[placement.node].gpu_model)
    fresh = usage_of(engine.cluster, TREE).usage
    for resource in ("gpu", "gpu:A", "gpu:B", "cpu"):
        for queue in (*TREE.names, "x"):
            assert kept.usage.own(queue, resource) == fresh.own(queue, resource)
            assert kept.usage.used(queue, resource) == fresh.used(queue, resource)


def test_a_pod_is_counted_once() -> None:
    engine = first_fit(Cluster([node("n", 2)]))
    placement = bind(engine, whole("w")).placement
    assert placement is not None
    kept = usage_of(engine.cluster, TREE)
    with pytest.raises(Duplicate, match="pod w is counted already"):
        kept.add(whole("w"), placement, "A")
    kept.remove("w")
    with pytest.raises(Unknown, match="pod w is not counted"):
        kept.remove("w")


def test_what_is_asked_for_is_known_before_the_node_as_far_as_it_can_be() -> None:
    devices = (
        DeviceRequest(WholeGpus(2), models=("A", "A")),
        DeviceRequest(GpuShare(300, count=2), models=("A", "B")),
        DeviceRequest(GpuShare(memory_milli=50)),
        DeviceRequest(GpuShare(memory_mib=50)),
        DeviceRequest(MigInstances("1g.10gb"), models=("A",)),
        DeviceRequest(WholeGpus(1), claim="c"),
    )
    request = Request("r", 7, 0, devices, resources=(("nic", 2),))
    assert asked_by(request) == {"cpu": 7, "gpu": 3650, "gpu:A": 2000, "nic": 2}
    assert asked_by(request, {"c"}) == {"cpu": 7, "gpu": 2650, "gpu:A": 2000, "nic": 2}


@given(st.integers(1, 2), st.sampled_from(("", "c")), st.booleans())
def test_what_is_asked_for_is_what_is_taken_where_the_node_does_not_matter(
    count: int, claim: str, allocated: bool
) -> None:
    engine = first_fit(Cluster([node("n", 2)]))
    devices = (DeviceRequest(WholeGpus(count), ("A",), claim),)
    request = Request("r", 100, 20, devices)
    placement = bind(engine, request).placement
    assert placement is not None
    claims = {"c"} if allocated else set()
    assert asked_by(request, claims) == taken_by(request, placement, "A", claims)
