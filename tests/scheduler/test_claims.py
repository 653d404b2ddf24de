"""Claims: allocations that several pods share."""

from __future__ import annotations

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict, InvalidRequest
from bayplan.scheduler.events import (
    Bound,
    Gone,
    Held,
    NodeChanged,
)
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    Placement,
    Reason,
    Request,
    Slot,
    WholeGpus,
)

from .support import (
    bind,
    first_fit,
    node,
    refusal,
    sharer,
    snapshot,
    where,
)


def test_a_claim_shared_by_two_pods_takes_room_once_and_ends_with_the_last() -> None:
    cluster = Cluster([node("a"), node("b")])
    engine = first_fit(cluster)
    assert where(bind(engine, sharer("p", "c", cpu_milli=100))) == ("a", (0,))
    assert where(bind(engine, sharer("q", "c", cpu_milli=100))) == ("a", (0,))
    assert cluster.claims["c"].users == {"p", "q"}
    assert cluster.view.slot_free_milli[:2].tolist() == [0, 1000]
    assert cluster.view.cpu_free_milli[0] == 9800
    cluster.check()
    cluster.apply(Gone("p"))
    assert {name: claim.users for name, claim in cluster.claims.items()} == {"c": {"q"}}
    assert cluster.view.slot_free_milli[:2].tolist() == [0, 1000]
    cluster.check()
    cluster.apply(Gone("q"))
    assert not cluster.claims
    assert cluster.view.slot_free_milli[:2].tolist() == [1000, 1000]
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
