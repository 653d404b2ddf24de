"""Why a request does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine, WishReasons
from bayplan.scheduler.events import Gone
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.sharing import Hami, Mig, Mps, TimeSlicing
from bayplan.scheduler.types import (
    FIRST_SHORTAGE,
    DeviceRequest,
    GpuShare,
    Grant,
    Isolation,
    MigInstances,
    Node,
    Placement,
    Reason,
    Request,
    Slot,
    Topology,
    TopologyLevel,
    WholeGpus,
)

from .support import bind, first_fit, instances, mig_node, node, share, where, whole

_BUSY = node("n", 1, resources=(("nic", 1),))
_FULL_GPU = whole("full-gpu")
_FULL_HOST = Request("full-host", 10_000, 9000, resources=(("nic", 1),))
_SHARE = DeviceRequest(GpuShare(500))
_PAIR = Request("p", devices=(DeviceRequest(GpuShare(100, count=2)),))
_HALVES = Mig(((0, "4g.40gb"), (4, "3g.40gb")))
_TURNS = node("n", 1, sharing=(TimeSlicing(replicas=2),))
_MIG = mig_node("n")
_SPLIT = [instances("q", "1g.10gb"), instances("r", "2g.20gb", 2)]
"""At 0, 2 and 4: of eight units 1, 6 and 7 are free."""


def share_of(*isolations: Isolation) -> Request:
    return Request("p", devices=(DeviceRequest(GpuShare(500, isolations=isolations)),))


@pytest.mark.parametrize(
    ("reason", "on", "running", "request_"),
    [
        (Reason.CORDONED, node("n", 1, schedulable=False), [], whole("p")),
        (Reason.NODE_LABELS, node("n"), [], Request("p", node_labels=(("zone", "z"),))),
        (
            Reason.NODE_LABELS,
            node("n", labels=(("zone", "y"),)),
            [],
            Request("p", node_labels=(("zone", "z"),)),
        ),
        (
            Reason.GPU_MODEL,
            node("n"),
            [],
            Request("p", devices=(DeviceRequest(WholeGpus(1), models=("B", "C")),)),
        ),
        (Reason.GPU_COUNT, node("n", 2), [], whole("p", 3)),
        (Reason.GPU_COUNT, node("n", 0), [], share("p", 1)),
        (Reason.GPU_COUNT, node("n"), [], share("p", mib=8001)),
        (Reason.GPU_COUNT, node("n", gpu_memory_mib=0), [], share("p", mib=1)),
        (Reason.GPU_ANONYMOUS, node("n", anonymous_gpus=True), [], share("p", 999)),
        (
            Reason.ISOLATION,
            node("n"),
            [],
            Request("p", devices=(DeviceRequest(GpuShare(500, isolations=(Isolation.MPS,))),)),
        ),
        (
            Reason.ISOLATION,
            node("n", sharing=(Hami(),)),
            [],
            share_of(Isolation.MIG, Isolation.MPS),
        ),
        (Reason.PROFILE, node("n"), [], instances("p", "1g.10gb")),
        (Reason.PROFILE, mig_node("n"), [], instances("p", "1g.6gb")),
        (Reason.PROFILE, mig_node("n", sharing=(_HALVES,)), [], instances("p", "2g.20gb")),
        (Reason.GPU_COUNT, mig_node("n"), [], instances("p", "1g.10gb", 8)),
        (Reason.GPU_COUNT, mig_node("n", sharing=(_HALVES,)), [], whole("p")),
        (Reason.GPU_COUNT, mig_node("n", sharing=(_HALVES,)), [], share("p", 501)),
        (Reason.GPU_COUNT, node("n", sharing=(Mps(replicas=4),)), [], share("p", 251)),
        (Reason.MIG_SPAN, mig_node("n", 2), [], _PAIR),
        (Reason.GPU_COUNT, mig_node("n", 1), [], _PAIR),
        (
            Reason.TOPOLOGY,
            node("n"),
            [],
            whole("p", 2, topology=Topology(TopologyLevel.GPU_ISLAND)),
        ),
        (Reason.MIXED_DEVICES, node("n"), [], Request("p", devices=(_SHARE, _SHARE))),
        (
            Reason.MIXED_DEVICES,
            node("n"),
            [],
            Request("p", devices=(_SHARE, DeviceRequest(WholeGpus(1)))),
        ),
        (Reason.CPU_CAPACITY, node("n"), [], Request("p", 10_001)),
        (Reason.MEMORY_CAPACITY, node("n"), [], Request("p", 0, 10_001)),
        (Reason.RESOURCE_CAPACITY, _BUSY, [], Request("p", resources=(("nic", 2),))),
        (Reason.RESOURCE_CAPACITY, _BUSY, [], Request("p", resources=(("tpu", 1),))),
        (Reason.GPU_FREE, _BUSY, [_FULL_GPU], share("p", 1)),
        (Reason.GPU_FREE, _BUSY, [_FULL_GPU, _FULL_HOST], share("p", 1, cpu_milli=1)),
        (Reason.GPU_MEMORY_FREE, _BUSY, [share("q", 500, 7999)], share("p", 500, 2)),
        (Reason.GPU_FREE, _BUSY, [share("q", 501, 7999)], share("p", 500, 2)),
        (Reason.GPU_MEMORY_FREE, _TURNS, [share("q", 1, 4000)], share("p", 1, 3201)),
        (Reason.GPU_CLIENTS, _TURNS, [share("q", 1), share("r", 1)], share("p", 1)),
        (Reason.GPU_MEMORY_FREE, _TURNS, [share("q", 1), share("r", 1, 7000)], share("p", 1, 999)),
        (Reason.MIG_PLACE, _MIG, _SPLIT, instances("p", "2g.20gb")),
        (Reason.MIG_PLACE, _MIG, _SPLIT, instances("p", "1g.10gb", 3)),
        (Reason.GPU_FREE, _MIG, _SPLIT, instances("p", "1g.20gb", 2)),
        (Reason.GPU_FREE, _MIG, _SPLIT, instances("p", "3g.40gb")),
        (
            Reason.MIG_PLACE,
            _MIG,
            [*_SPLIT, Request("s", 1)],
            instances("p", "2g.20gb", cpu_milli=10_000),
        ),
        (Reason.CPU_FREE, _BUSY, [_FULL_HOST], Request("p", 1, 9999)),
        (Reason.MEMORY_FREE, _BUSY, [_FULL_HOST], Request("p", 0, 1001)),
        (Reason.RESOURCE_FREE, _BUSY, [_FULL_HOST], Request("p", resources=(("nic", 1),))),
    ],
)
def test_the_first_reason_that_applies_is_named(
    reason: Reason, on: Node, running: list[Request], request_: Request
) -> None:
    cluster = Cluster([on])
    engine = Engine(cluster, FirstFit(), places=Places(MigRule.FIRST_FIT))
    for other in running:
        assert bind(engine, other).placement is not None
    decision = engine.decide(request_, 0.0)
    assert (decision.placement, decision.reasons) == (None, ((reason, 1),))
    why = WishReasons((0,) * len(request_.devices), 0, ((reason, 1),))
    assert engine.explain(request_) == tuple(
        replace(why, isolation=shape.want.isolation) for shape in engine.shapes(request_)
    )
    # A shortage is what a departure can mend.
    for other in running:
        cluster.apply(Gone(other.uid))
    assert (engine.decide(request_, 0.0).placement is not None) is (reason >= FIRST_SHORTAGE)


def test_a_topology_that_is_only_preferred_refuses_nothing() -> None:
    wish = Topology(TopologyLevel.GPU_ISLAND, required=False)
    engine = first_fit(Cluster([node("a")]))
    assert where(engine.decide(whole("p", 2, topology=wish), 0.0)) == ("a", (0, 1))


def test_explain_goes_through_the_alternatives_in_order() -> None:
    wishes = DeviceRequest(
        WholeGpus(2),
        alternatives=(
            DeviceRequest(WholeGpus(1), models=("B",)),
            DeviceRequest(MigInstances("1g.10gb")),
            DeviceRequest(GpuShare(500)),
        ),
    )
    # There has to be a GPU for a profile to be missed.
    engine = first_fit(Cluster([node("a", 1), node("b", 0), node("c", 1, gpu_model="B")]))
    request = Request("p", devices=(wishes,))
    nodes = np.array([True, True, False])
    assert engine.explain(request) == (
        WishReasons((0,), 0, ((Reason.GPU_COUNT, 3),)),
        WishReasons((1,), 1, ((Reason.GPU_MODEL, 1), (Reason.GPU_COUNT, 1))),
        WishReasons((2,), 0, ((Reason.GPU_COUNT, 1), (Reason.PROFILE, 2))),
        WishReasons((3,), 2, ((Reason.GPU_COUNT, 1),)),
    )
    assert engine.explain(request, nodes)[1] == WishReasons(
        (1,), 0, ((Reason.EXCLUDED, 1), (Reason.GPU_MODEL, 1), (Reason.GPU_COUNT, 1))
    )
    assert engine.decide(request, 0.0).placement == Placement(
        "c", ((Grant(Slot(0), 1000, 8000),),), (1,)
    )
    assert engine.decide(request, 0.0, nodes).placement == Placement(
        "a", ((Grant(Slot(0), 500, 4000),),), (3,)
    )


def test_the_wishes_of_the_last_device_request_vary_fastest() -> None:
    either = DeviceRequest(WholeGpus(2), alternatives=(DeviceRequest(WholeGpus(1)),))
    request = Request("p", devices=(either, either))
    engine = first_fit(Cluster([node("a", 3)]))
    assert [wish.chosen for wish in engine.explain(request)] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    placement = engine.decide(request, 0.0).placement
    assert placement is not None
    assert placement.chosen == (0, 1)
    assert [[g.slot.gpu for g in grants] for grants in placement.grants] == [[0, 1], [2]]


def test_no_gpus_at_all_can_be_the_last_alternative() -> None:
    wish = DeviceRequest(WholeGpus(1), alternatives=(DeviceRequest(WholeGpus(0)),))
    engine = first_fit(Cluster([node("a", 0)]))
    assert engine.decide(Request("p", devices=(wish,)), 0.0).placement == Placement(
        "a", ((),), (1,)
    )
