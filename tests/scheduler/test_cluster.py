"""Events and what they do to a cluster."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, Duplicate, InvalidRequest, Unknown
from bayplan.scheduler.events import (
    Bound,
    Checkpointed,
    Event,
    Gone,
    Held,
    HoldExpired,
    NodeChanged,
    NodeGone,
    NodeUp,
)
from bayplan.scheduler.policies.gpu_clustering import GpuClustering
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    MigInstances,
    Node,
    Placement,
    Pod,
    Request,
    Slot,
    WholeGpus,
)

from .support import (
    bind,
    first_fit,
    node,
    policy,
    refusal,
    row_content,
    share,
    sharer,
    snapshot,
    where,
    whole,
)


def test_a_bound_pod_takes_its_room_and_gives_it_back() -> None:
    cluster = Cluster([node("a", resources=(("nic", 2),))])
    empty = row_content(cluster, 0)
    request = share("p", 250, cpu_milli=1000, memory_mib=300, resources=(("nic", 1),))
    decision = first_fit(cluster).decide(request, 5.0)
    assert cluster.apply(Bound(decision, 6.0, 90.0)) == (0,)
    assert cluster.pods["p"] == Pod(
        request, Placement("a", ((Grant(Slot(0), 250, 2000),),), (0,)), 6.0, 90.0, 6.0
    )
    assert row_content(cluster, 0) == empty | {
        "cpu": (10_000, 9000),
        "memory": (10_000, 9700),
        "idle": 1750,
        "classes": {0: 1},
        "resources": {"nic": (2, 1)},
        "slots": empty["slots"]
        | {"free milli": [750, 1000], "free MiB": [6000, 8000], "used": [1, 0]},
    }
    cluster.check()
    assert cluster.apply(Gone("p")) == (0,)
    assert row_content(cluster, 0) == empty
    assert not cluster.pods
    cluster.check()


def test_rows_are_given_in_order_and_the_lowest_free_one_first() -> None:
    cluster = Cluster([node("a"), node("b"), node("c")])
    assert [cluster.row(name) for name in "abc"] == [0, 1, 2]
    cluster.apply(NodeGone("c"))
    cluster.apply(NodeGone("a"))
    cluster.apply(NodeUp(node("d")))
    cluster.apply(NodeUp(node("e")))
    cluster.apply(NodeUp(node("f")))
    assert {name: cluster.row(name) for name in cluster.nodes} == {"b": 1, "d": 0, "e": 2, "f": 3}
    assert [cluster.name(row) for row in range(4)] == ["d", "b", "e", "f"]
    cluster.check()


def test_gpus_of_a_node_that_left_are_used_again() -> None:
    cluster = Cluster([node("a", 4), node("b", 2)])
    cluster.apply(NodeGone("a"))
    assert cluster.apply(NodeUp(node("c", 2))) == (6, 7)
    assert cluster.apply(NodeUp(node("d", 4))) == (0, 1, 2, 3)
    assert cluster.view.n_slots == 8
    cluster.check()


def test_a_node_takes_its_pods_with_it() -> None:
    cluster = Cluster([node("a"), node("b")])
    for uid in ("p", "q", "r"):
        bind(first_fit(cluster), whole(uid))
    assert cluster.pods_on(0) == ["p", "q"]
    assert cluster.apply(NodeGone("a")) == (0, 1)
    assert list(cluster.pods) == ["r"]
    cluster.apply(NodeUp(node("a")))
    assert cluster.pods_on(0) == []
    cluster.check()


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (NodeUp(node("a", 8)), Duplicate),
        (NodeGone("ghost"), Unknown),
        (NodeChanged(node("ghost")), Unknown),
        (NodeChanged(node("a", 4)), Conflict),
        (NodeChanged(node("a", gpu_model="B")), Conflict),
        (NodeChanged(node("a", anonymous_gpus=True)), Conflict),
        (Gone("ghost"), Unknown),
        (Checkpointed("ghost", 1.0), Unknown),
        (HoldExpired("ghost", 1.0), Unknown),
        (HoldExpired("p", 1.0), Conflict),
        (Bound(Decision(whole("q"), 0.0, None), 0.0), Conflict),
        (Held(Decision(whole("q"), 0.0, Placement("ghost", ((),), (0,))), 1.0), Conflict),
    ],
    ids=repr,
)
def test_a_refused_event_changes_nothing(event: Event, error: type[Exception]) -> None:
    cluster = Cluster([node("a"), node("b")])
    bind(first_fit(cluster), whole("p"))
    assert refusal(cluster, event) is error
    cluster.check()


def test_a_pod_is_bound_once() -> None:
    cluster = Cluster([node("a"), node("b")])
    engine = first_fit(cluster)
    decision = bind(engine, whole("p"))
    assert refusal(cluster, Bound(decision, 1.0)) is Duplicate
    again = engine.decide(whole("p"), 1.0)
    with pytest.raises(Duplicate, match="pod p is bound already, to a"):
        cluster.apply(Bound(again, 1.0))
    assert refusal(cluster, Held(again, 9.0)) is Duplicate
    assert cluster.view.slot_free_milli[:4].tolist() == [0, 1000, 1000, 1000]
    cluster.check()


@pytest.mark.parametrize(
    "bad", [{"cpu_milli": -1}, {"resources": (("nic", -1),)}, {"memory_mib": 0.5}]
)
def test_a_node_with_a_negative_or_broken_capacity_is_refused(bad: dict[str, Any]) -> None:
    cluster = Cluster([node("a")])
    before = snapshot(cluster)
    for event in (NodeUp(node("b", **bad)), NodeChanged(node("a", **bad))):
        with pytest.raises(InvalidRequest, match="capacities are whole numbers from 0 to"):
            cluster.apply(event)
    assert snapshot(cluster) == before


def test_a_node_has_64_gpus_at_most() -> None:
    cluster = Cluster([node("a", 64)])
    with pytest.raises(InvalidRequest, match="65 GPUs; at most 64"):
        cluster.apply(NodeUp(node("b", 65)))
    assert where(bind(first_fit(cluster), whole("p", 64))) == ("a", tuple(range(64)))
    cluster.check()


def test_a_checkpoint_moves_the_time_up_to_which_work_is_safe() -> None:
    cluster = Cluster([node("a")])
    bind(first_fit(cluster), whole("p"), 4.0)
    assert cluster.pods["p"].last_checkpoint_s == 4.0
    assert cluster.apply(Checkpointed("p", 7.0)) == ()
    assert cluster.pods["p"].last_checkpoint_s == 7.0


# --- changed nodes ---------------------------------------------------------------------------


def test_capacity_may_shrink_below_what_is_used_and_then_nothing_fits() -> None:
    cluster = Cluster([node("a")])
    engine = first_fit(cluster)
    bind(engine, Request("p", 8000, 8000))
    cluster.apply(NodeChanged(node("a", cpu_milli=5000)))
    assert cluster.view.cpu_free_milli[0] == -3000
    assert cluster.shrunk == {"a"}
    assert engine.decide(Request("q"), 0.0).placement is None
    cluster.check()
    cluster.apply(Gone("p"))
    assert where(engine.decide(Request("q", 5000), 0.0)) == ("a", ())
    cluster.check()


def test_idle_gpus_may_change_and_labels_always() -> None:
    cluster = Cluster([node("a", 2), node("b", 2)])
    engine = first_fit(cluster)
    wants_b = Request("p", devices=(DeviceRequest(WholeGpus(4), models=("B",)),))
    zone = Request("q", node_labels=(("zone", "z"),))
    assert engine.decide(wants_b, 0.0).placement is None
    assert engine.decide(zone, 0.0).placement is None
    cluster.apply(NodeChanged(node("b", 4, gpu_model="B", labels=(("zone", "z"),))))
    assert where(bind(engine, wants_b)) == ("b", (0, 1, 2, 3))
    assert where(engine.decide(zone, 0.0)) == ("b", ())
    cluster.apply(NodeChanged(node("b", 4, gpu_model="B")))
    assert engine.decide(zone, 0.0).placement is None
    cluster.check()


def test_pods_are_counted_by_gpu_class_until_they_leave() -> None:
    cluster = Cluster([node("a", 8)])
    engine = Engine(cluster, GpuClustering())
    for request in (share("s", 500), share("t", 500), whole("w"), whole("x", 3)):
        bind(engine, request)
    assert row_content(cluster, 0)["classes"] == {0: 2, 1: 1, 3: 1}
    for uid in ("s", "w", "x"):
        cluster.apply(Gone(uid))
    assert row_content(cluster, 0)["classes"] == {0: 1}
    cluster.check()


def test_a_copy_and_its_original_go_their_own_ways() -> None:
    cluster = Cluster([node("a", labels=(("zone", "z"),)), node("b", 1)])
    bind(first_fit(cluster), sharer("p", "c"))
    copy, before = cluster.copy(), snapshot(cluster)
    assert snapshot(copy) == before
    bind(first_fit(copy), whole("q"))
    bind(first_fit(copy), sharer("r", "c"))
    copy.apply(NodeChanged(node("a", cpu_milli=1, labels=())))
    copy.apply(NodeGone("b"))
    copy.apply(NodeUp(node("d", 3)))
    copy.check()
    assert snapshot(cluster) == before
    there = snapshot(copy)
    cluster.apply(Gone("p"))
    cluster.apply(NodeGone("a"))
    cluster.apply(NodeUp(node("e", 4, resources=(("nic", 1),))))
    cluster.check()
    assert snapshot(copy) == there
    copy.check()


def test_a_cluster_goes_to_another_process_as_a_copy() -> None:
    cluster = Cluster([node("a", 1, labels=(("zone", "z"),)), node("b")])
    engine = Engine(cluster, policy("fgd"))
    for request in (whole("p"), share("q", 300), sharer("r", "c")):
        bind(engine, request)
    there: Cluster = pickle.loads(pickle.dumps(cluster))
    assert snapshot(there) == snapshot(cluster)
    assert there.view.version.max() == cluster.view.version.max()
    elsewhere = Engine(there, pickle.loads(pickle.dumps(policy("fgd"))))
    for request in (share("s", 200), whole("t"), share("u", 500)):
        assert bind(elsewhere, request).placement == bind(engine, request).placement
    there.check()
    assert there.log.number > cluster.log.number + (1 << 39)


def test_check_names_the_node_and_what_differs() -> None:
    cluster = Cluster([node("a"), node("b")])
    bind(first_fit(cluster), whole("p"))
    cluster.view.slot_free_milli[0] = 1
    with pytest.raises(AssertionError, match="a: slot 0: free milli-GPU"):
        cluster.check()
    cluster.view.slot_free_milli[0] = 0
    cluster.view.memory_free_mib[1] -= 1
    with pytest.raises(AssertionError, match="b: free memory"):
        cluster.check()


def test_a_decision_of_another_copy_is_checked_for_room() -> None:
    cluster = Cluster([node("a", 1)])
    one, two = cluster.copy(), cluster.copy()
    one.apply(Bound(first_fit(one).decide(Request("p", cpu_milli=1), 0.0), 0.0))
    two.apply(Bound(first_fit(two).decide(whole("q", 1), 0.0), 0.0))
    decided = first_fit(one).decide(whole("r", 1), 0.0)
    assert decided.rests_on == (("a", int(two.view.version[0])),)
    with pytest.raises(Conflict):
        two.apply(Bound(decided, 0.0))
    two.check()


@pytest.mark.parametrize(
    ("ask", "grants"),
    [
        (GpuShare(500), (Grant(Slot(-2), 500, 4000),)),
        (GpuShare(500), (Grant(Slot(1), 500, 4000),)),
        (GpuShare(500), (Grant(Slot(0, 0, 1), 500, 4000),)),
        (GpuShare(500), (Grant(Slot(0, profile="1g.10gb"), 500, 4000),)),
        (MigInstances("1g.10gb"), (Grant(Slot(0, 0, 1, "1g.10gb"), 125, 9728),)),
        (GpuShare(500), (Grant(Slot(0), -500, 4000),)),
        (GpuShare(500), (Grant(Slot(0), 500, -1),)),
        (GpuShare(500), (Grant(Slot(0), 400, 3200),)),
        (GpuShare(500), ()),
        (GpuShare(500, count=2), (Grant(Slot(0), 500, 4000),)),
        (GpuShare(100, count=2), (Grant(Slot(0), 100, 800), Grant(Slot(0), 100, 800))),
        (GpuShare(10, count=65), (Grant(Slot(0), 10, 80),) * 65),
        (WholeGpus(1), (Grant(Slot(0), 1, 1),)),
    ],
    ids=str,
)
def test_a_placement_that_makes_no_sense_is_refused_and_changes_nothing(
    ask: GpuShare | WholeGpus | MigInstances, grants: tuple[Grant, ...]
) -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    request = Request("p", devices=(DeviceRequest(ask),))
    before = snapshot(cluster)
    version = int(cluster.view.version[1])
    made_up = Decision(request, 0.0, Placement("b", (grants,), (0,)), 0.0, (("b", version),))
    with pytest.raises(Conflict):
        cluster.apply(Bound(made_up, 0.0))
    assert snapshot(cluster) == before
    cluster.check()


@pytest.mark.parametrize(
    "refused", [Node("x", cpu_milli=2**63), Node("\ud800"), Node("x", resources=(("nic", 10**13),))]
)
def test_a_node_that_cannot_be_held_is_refused_and_changes_nothing(refused: Node) -> None:
    cluster = Cluster([node("a", 1)])
    before = snapshot(cluster)
    with pytest.raises(InvalidRequest):
        cluster.apply(NodeUp(refused))
    assert snapshot(cluster) == before
    cluster.check()


def test_a_copy_gives_versions_that_its_original_does_not() -> None:
    cluster = Cluster([node("a", 1)])
    twin = cluster.copy()
    for each in (cluster, twin):
        each.apply(Bound(first_fit(each).decide(whole("p", 1), 0.0), 0.0))
    assert cluster.view.version[0] != twin.view.version[0]
