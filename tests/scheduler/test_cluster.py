"""Events and what they do to a cluster."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
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
    ANONYMOUS,
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    Node,
    Placement,
    Pod,
    Reason,
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
        "free milli": [750, 1000],
        "free MiB": [6000, 8000],
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
    assert cluster.view.n_gpus == 8
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
    assert cluster.view.gpu_free_milli[:4].tolist() == [0, 1000, 1000, 1000]
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


# --- stale decisions -------------------------------------------------------------------------


def test_of_two_decisions_for_the_same_room_the_second_is_refused() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    first, second = engine.decide(whole("p"), 0.0), engine.decide(whole("q"), 0.0)
    cluster.apply(Bound(first, 0.0))
    with pytest.raises(Conflict, match="pod q on a: it no longer fits: the node changed"):
        cluster.apply(Bound(second, 0.0))
    assert refusal(cluster, Held(second, 9.0)) is Conflict
    cluster.check()


def test_of_two_decisions_for_the_same_gpu_memory_the_second_is_refused() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    first, second = (engine.decide(share(uid, 100, 5000), 0.0) for uid in "pq")
    cluster.apply(Bound(first, 0.0))
    assert refusal(cluster, Bound(second, 0.0)) is Conflict
    cluster.check()


def test_two_decisions_that_both_fit_are_both_accepted() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    decisions = [engine.decide(share(uid, 500), 0.0) for uid in "pqr"]
    cluster.apply(Bound(decisions[0], 0.0))
    cluster.apply(Bound(decisions[1], 0.0))
    assert refusal(cluster, Bound(decisions[2], 0.0)) is Conflict
    assert cluster.view.gpu_free_milli[0] == 0
    cluster.check()


A_NODE = node("a", 1, labels=(("zone", "z"),), resources=(("nic", 1),))
PICKY = Request(
    "p",
    6000,
    6000,
    (DeviceRequest(WholeGpus(1), models=("A",)),),
    (("nic", 1),),
    (("zone", "z"),),
)


@pytest.mark.parametrize(
    "changes",
    [
        {"schedulable": False},
        {"cpu_milli": 5999},
        {"memory_mib": 5999},
        {"resources": ()},
        {"labels": (("zone", "y"),)},
        {"gpu_model": "B"},
        {"gpu_count": 0},
        {"gpu_memory_mib": 7000},
        {"anonymous_gpus": True},
    ],
    ids=str,
)
def test_a_decision_is_refused_when_its_node_no_longer_suits(changes: dict[str, Any]) -> None:
    cluster = Cluster([A_NODE])
    decision = first_fit(cluster).decide(PICKY, 0.0)
    cluster.apply(
        NodeChanged(node("a", 1, **{"labels": A_NODE.labels, "resources": (("nic", 1),)} | changes))
    )
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.apply(NodeChanged(A_NODE))
    cluster.apply(Bound(decision, 0.0))
    cluster.check()


@pytest.mark.parametrize(
    "changes",
    [{"cpu_milli": 6000}, {"labels": (("rack", "1"), ("zone", "z"))}, {"resources": (("nic", 4),)}],
    ids=str,
)
def test_a_decision_is_accepted_when_its_node_changed_and_still_suits(
    changes: dict[str, Any],
) -> None:
    cluster = Cluster([A_NODE])
    decision = first_fit(cluster).decide(PICKY, 0.0)
    cluster.apply(
        NodeChanged(node("a", 1, **{"labels": A_NODE.labels, "resources": (("nic", 1),)} | changes))
    )
    cluster.apply(Bound(decision, 0.0))
    assert cluster.pods["p"].placement.node == "a"
    cluster.check()


@pytest.mark.parametrize("request_", [share("p", 500), share("p", mib=4000)], ids=["milli", "MiB"])
@pytest.mark.parametrize("memory", [0, 80_000])
def test_a_share_is_refused_when_it_would_be_another_amount_by_now(
    request_: Request, memory: int
) -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(request_, 0.0)
    cluster.apply(NodeChanged(node("a", 1, gpu_memory_mib=memory)))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict


def test_a_decision_of_a_sibling_copy_or_of_a_cluster_built_anew_is_checked_in_full() -> None:
    old = Cluster([node("old", 1)])
    here, there = old.copy(), old.copy()
    for cluster, model in ((here, "A"), (there, "B")):
        cluster.apply(NodeUp(node("n", 1, gpu_model=model)))
    request = Request("p", devices=(DeviceRequest(WholeGpus(1), models=("A",)),))
    decision = first_fit(here).decide(request, 0.0, np.array([False, True]))
    assert decision.rests_on == (("n", int(there.view.version[1])),)
    assert refusal(there, Bound(decision, 0.0)) is Conflict
    mine, anew = Cluster([node("n", 1)]), Cluster([node("n", 1, gpu_model="B")])
    assert refusal(anew, Bound(first_fit(mine).decide(request, 0.0), 0.0)) is Conflict


def test_a_decision_survives_its_node_only_as_a_node_with_room_of_the_same_name() -> None:
    cluster = Cluster([node("a", 4)])
    decision = first_fit(cluster).decide(whole("p", 3), 0.0)
    cluster.apply(NodeGone("a"))
    with pytest.raises(Conflict, match="node a is gone"):
        cluster.apply(Bound(decision, 0.0))
    cluster.apply(NodeUp(node("a", 2)))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.apply(NodeGone("a"))
    cluster.apply(NodeUp(node("a", 3)))
    cluster.apply(Bound(decision, 0.0))
    cluster.check()


def test_a_decision_made_on_a_copy_is_checked_against_the_original() -> None:
    cluster = Cluster([node("a", 2)])
    copy = cluster.copy()
    bind(first_fit(copy), whole("p"))
    bind(first_fit(cluster), whole("q", 2))
    decision = first_fit(copy).decide(whole("r"), 0.0)
    assert where(decision) == ("a", (1,))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.check()


# --- holds -----------------------------------------------------------------------------------


def test_a_hold_keeps_room_until_it_expires() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    cluster.apply(Held(engine.decide(whole("p"), 3.0), 8.0))
    assert cluster.pods["p"].held_until_s == 8.0
    assert cluster.pods["p"].start_s == 3.0
    assert engine.decide(whole("q"), 3.0).placement is None
    assert cluster.apply(HoldExpired("p", 8.0)) == (0,)
    assert where(engine.decide(whole("q"), 3.0)) == ("a", (0,))
    cluster.check()


def test_a_later_hold_replaces_the_earlier_one() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    cluster.apply(Held(engine.decide(whole("p"), 0.0), 5.0))
    only_b = np.array([False, True])
    decision = engine.decide(whole("p"), 1.0, only_b)
    assert cluster.apply(Held(decision, 6.0)) == (0, 1)
    assert cluster.pods["p"].placement.node == "b"
    assert cluster.pods["p"].held_until_s == 6.0
    assert cluster.view.idle_milli[:2].tolist() == [1000, 0]
    cluster.check()


def test_a_timer_of_a_replaced_hold_does_not_end_the_newer_one() -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(whole("p"), 0.0)
    cluster.apply(Held(decision, 5.0))
    cluster.apply(Held(decision, 9.0))
    assert refusal(cluster, HoldExpired("p", 5.0)) is Conflict
    assert cluster.pods["p"].held_until_s == 9.0
    assert cluster.apply(HoldExpired("p", 9.0)) == (0,)
    assert not cluster.pods


def test_binding_ends_the_hold() -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(whole("p"), 0.0)
    cluster.apply(Held(decision, 5.0))
    assert cluster.apply(Bound(decision, 2.0)) == (0,)
    assert cluster.pods["p"].held_until_s is None
    assert refusal(cluster, HoldExpired("p", 5.0)) is Conflict
    assert cluster.view.idle_milli[0] == 0
    cluster.check()


def test_a_hold_stays_when_what_should_replace_it_does_not_fit() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    elsewhere = engine.decide(whole("p"), 0.0, np.array([False, True]))
    cluster.apply(Held(engine.decide(whole("p"), 0.0), 5.0))
    cluster.apply(Bound(elsewhere_for("q", elsewhere), 0.0))
    assert refusal(cluster, Bound(elsewhere, 0.0)) is Conflict
    assert cluster.pods["p"].placement.node == "a"
    assert cluster.pods["p"].held_until_s == 5.0
    cluster.check()


def elsewhere_for(uid: str, decision: Decision) -> Decision:
    return replace(decision, request=whole(uid))


def test_a_checkpoint_moves_the_time_up_to_which_work_is_safe() -> None:
    cluster = Cluster([node("a")])
    bind(first_fit(cluster), whole("p"), 4.0)
    assert cluster.pods["p"].last_checkpoint_s == 4.0
    assert cluster.apply(Checkpointed("p", 7.0)) == ()
    assert cluster.pods["p"].last_checkpoint_s == 7.0


# --- claims ----------------------------------------------------------------------------------


def test_a_claim_shared_by_two_pods_takes_room_once_and_ends_with_the_last() -> None:
    cluster = Cluster([node("a"), node("b")])
    engine = first_fit(cluster)
    assert where(bind(engine, sharer("p", "c", cpu_milli=100))) == ("a", (0,))
    assert where(bind(engine, sharer("q", "c", cpu_milli=100))) == ("a", (0,))
    assert cluster.claims["c"].users == {"p", "q"}
    assert cluster.view.gpu_free_milli[:2].tolist() == [0, 1000]
    assert cluster.view.cpu_free_milli[0] == 9800
    cluster.check()
    cluster.apply(Gone("p"))
    assert {name: claim.users for name, claim in cluster.claims.items()} == {"c": {"q"}}
    assert cluster.view.gpu_free_milli[:2].tolist() == [0, 1000]
    cluster.check()
    cluster.apply(Gone("q"))
    assert not cluster.claims
    assert cluster.view.gpu_free_milli[:2].tolist() == [1000, 1000]
    cluster.check()


def test_a_pod_follows_its_claim_and_waits_when_there_is_no_room_beside_it() -> None:
    cluster = Cluster([node("a", 1), node("b", 4)])
    engine = first_fit(cluster)
    bind(engine, sharer("p", "c"))
    both = (DeviceRequest(WholeGpus(1), claim="c"), DeviceRequest(WholeGpus(1)))
    assert engine.decide(Request("q", devices=both), 0.0).placement is None
    assert engine.decide(sharer("q", "c", cpu_milli=10_001), 0.0).placement is None
    assert where(engine.decide(sharer("q", "c"), 0.0)) == ("a", (0,))
    assert engine.decide(sharer("q", "c"), 0.0, np.array([False, True])).placement is None


def test_a_pod_cannot_use_claims_on_two_nodes() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    bind(engine, sharer("p", "c"))
    bind(engine, sharer("q", "d"))
    both = (DeviceRequest(WholeGpus(1), claim="c"), DeviceRequest(WholeGpus(1), claim="d"))
    assert engine.decide(Request("r", devices=both), 0.0).placement is None


def test_a_claim_that_went_elsewhere_refuses_the_decision() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    here = engine.decide(sharer("p", "c"), 0.0)
    there = engine.decide(sharer("q", "c"), 0.0, np.array([False, True]))
    cluster.apply(Bound(here, 0.0))
    with pytest.raises(Conflict, match="claim c is allocated on a otherwise"):
        cluster.apply(Bound(there, 0.0))
    cluster.check()


def test_a_later_user_of_a_claim_has_the_wish_that_the_claim_was_allocated_for() -> None:
    wish = DeviceRequest(
        WholeGpus(2), claim="c", alternatives=(DeviceRequest(GpuShare(500), models=("A",)),)
    )
    cluster = Cluster([node("a", 1), node("b", 0)])
    engine = first_fit(cluster)
    first, second = Request("p", devices=(wish,)), Request("q", devices=(wish,))
    placement = bind(engine, first).placement
    decision = engine.decide(second, 0.0)
    assert decision.placement == placement
    assert placement is not None
    assert placement.chosen == (1,)
    assert [each.chosen for each in engine.explain(second)] == [(1,)]
    # The claim ends before the second pod is bound: it is allocated anew, as the share it was.
    cluster.apply(Gone("p"))
    cluster.apply(Bound(decision, 0.0))
    assert cluster.claims["c"].chosen == 1
    assert cluster.claims["c"].tenancy.gpu_class == 0
    cluster.check()


def test_a_claim_is_used_as_it_is_by_who_names_other_models_or_fewer_wishes() -> None:
    wish = DeviceRequest(WholeGpus(2), claim="c", alternatives=(DeviceRequest(WholeGpus(1)),))
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    bind(engine, Request("p", devices=(wish,)))
    request = Request("q", devices=(DeviceRequest(WholeGpus(1), models=("B",), claim="c"),))
    decision = engine.decide(request, 0.0)
    assert where(decision) == ("a", (0,))
    cluster.apply(Held(decision, 5.0))
    cluster.apply(Bound(decision, 1.0))
    cluster.check()


def test_a_claim_of_another_model_than_it_was_decided_for_is_refused() -> None:
    wish = DeviceRequest(WholeGpus(1), ("A",), "c", (DeviceRequest(WholeGpus(1), ("B",)),))
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(Request("p", devices=(wish,)), 0.0)
    cluster.apply(NodeChanged(node("a", 1, gpu_model="B")))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict


def test_what_an_own_share_and_a_claim_touch_together_is_named_once() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    claim = DeviceRequest(GpuShare(300), claim="c")
    bind(engine, Request("p", devices=(claim,)))
    decision = engine.decide(Request("q", devices=(claim, DeviceRequest(GpuShare(300)))), 0.0)
    assert cluster.apply(Bound(decision, 0.0)) == (0,)
    assert cluster.apply(Gone("q")) == (0,)


def test_a_hand_made_decision_that_names_a_claim_twice_is_refused() -> None:
    cluster = Cluster([node("a", 2)])
    request = Request("p", devices=(DeviceRequest(WholeGpus(1), claim="c"),) * 2)
    grants = tuple((Grant(Slot(i), 1000, 8000),) for i in range(2))
    before = snapshot(cluster)
    with pytest.raises(InvalidRequest, match="claim c is asked for twice"):
        cluster.apply(Bound(Decision(request, 0.0, Placement("a", grants, (0, 0))), 0.0))
    assert snapshot(cluster) == before


def test_the_nodes_without_the_claim_are_told_from_those_left_out() -> None:
    cluster = Cluster([node("a", 1), node("b", 1), node("c", 1)])
    engine = first_fit(cluster)
    bind(engine, sharer("p", "c"))
    request = sharer("q", "c", cpu_milli=10_001)
    expected = ((Reason.CLAIM_NODE, 2), (Reason.CPU_CAPACITY, 1))
    assert engine.decide(request, 0.0).reasons == engine.explain(request)[0].reasons == expected
    not_b = np.array([True, False, True])
    masked = ((Reason.EXCLUDED, 1), (Reason.CLAIM_NODE, 1), (Reason.CPU_CAPACITY, 1))
    decision = engine.decide(request, 0.0, not_b)
    assert decision.reasons == engine.explain(request, not_b)[0].reasons == masked
    assert engine.decide(sharer("q", "c"), 0.0, not_b).reasons == ()


def test_a_request_names_a_claim_or_a_resource_once() -> None:
    engine = first_fit(Cluster([node("a", resources=(("nic", 1),))]))
    twice = (DeviceRequest(WholeGpus(1), claim="c"),) * 2
    with pytest.raises(InvalidRequest, match="claim c is asked for twice"):
        engine.decide(Request("p", devices=twice), 0.0)
    with pytest.raises(InvalidRequest, match="resource nic is asked for twice"):
        engine.decide(Request("p", resources=(("nic", 1), ("nic", 1))), 0.0)
    bind(engine, sharer("q", "c"))
    with pytest.raises(InvalidRequest, match="claim c is asked for twice"):
        engine.decide(Request("p", devices=twice), 0.0)


# --- anonymous GPUs --------------------------------------------------------------------------


def test_grants_of_anonymous_gpus_carry_no_index_and_are_counted() -> None:
    cluster = Cluster([node("a", 3, anonymous_gpus=True)])
    engine = first_fit(cluster)
    assert where(bind(engine, whole("p", 2))) == ("a", (ANONYMOUS, ANONYMOUS))
    assert where(bind(engine, whole("q"))) == ("a", (ANONYMOUS,))
    assert engine.decide(whole("r"), 0.0).placement is None
    cluster.apply(Gone("p"))
    assert where(bind(engine, whole("s", 2))) == ("a", (ANONYMOUS, ANONYMOUS))
    cluster.check()


def test_a_claim_and_a_pod_take_different_anonymous_gpus() -> None:
    cluster = Cluster([node("a", 3, anonymous_gpus=True)])
    engine = first_fit(cluster)
    devices = (
        DeviceRequest(WholeGpus(1)),
        DeviceRequest(WholeGpus(1), claim="c"),
        DeviceRequest(WholeGpus(1), claim="d"),
    )
    bind(engine, Request("p", devices=devices))
    assert cluster.view.gpu_free_milli[:3].tolist() == [0, 0, 0]
    cluster.check()


def test_of_two_decisions_for_the_last_anonymous_gpu_one_is_refused() -> None:
    cluster = Cluster([node("a", 1, anonymous_gpus=True)])
    engine = first_fit(cluster)
    first, second = engine.decide(whole("p"), 0.0), engine.decide(whole("q"), 0.0)
    cluster.apply(Bound(first, 0.0))
    assert refusal(cluster, Bound(second, 0.0)) is Conflict
    cluster.check()


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
    cluster.view.gpu_free_milli[0] = 1
    with pytest.raises(AssertionError, match="a: free milli-GPU"):
        cluster.check()
    cluster.view.gpu_free_milli[0] = 0
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
    ask: GpuShare | WholeGpus, grants: tuple[Grant, ...]
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
