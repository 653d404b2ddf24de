from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.alike import AlikeTakings
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.taking import has_room, suits, taken_by
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Grant,
    MigInstances,
    Node,
    Placement,
    Request,
    WholeGpus,
)

NOWHERE = 99
"""A GPU that no node has."""

SHARINGS: tuple[tuple[Sharing, ...], ...] = (
    (),
    (Exclusive(),),
    (Mps(),),
    (TimeSlicing(replicas=4),),
    (Hami(),),
    (Mig(),),
    (Mig(layout=((0, "4g.40gb"), (4, "3g.40gb"))),),
    (Exclusive(), Mps(), Mig(), Mps()),
)
ASKS = (
    WholeGpus(1),
    WholeGpus(2),
    GpuShare(300),
    GpuShare(0, 8_000),
    GpuShare(200, count=2),
    MigInstances("1g.10gb"),
    MigInstances("1g.10gb", 3),
    MigInstances("3g.40gb"),
)
DEVICES = tuple(
    (DeviceRequest(ask, claim=claim, alternatives=(DeviceRequest(WholeGpus(1)),)),)
    for ask in ASKS
    for claim in ("", "c")
)

nodes = st.builds(
    lambda sharing, anonymous: Node(
        "n", 8_000, 64_000, 4, "A100-80GB", 81_920, anonymous_gpus=anonymous, sharing=sharing
    ),
    st.sampled_from(SHARINGS),
    st.booleans(),
).filter(lambda node: not node.anonymous_gpus or (len(node.sharing) < 2 and Mig not in kinds(node)))


def kinds(node: Node) -> set[type]:
    return {type(sharing) for sharing in node.sharing}


@st.composite
def spoiled(draw: st.DrawFn, placement: Placement) -> Placement:
    """A placement, or something like it that nobody decided."""
    if not placement.grants or not placement.grants[0] or draw(st.booleans()):
        return placement
    grant = placement.grants[0][0]
    worse: Grant = draw(
        st.sampled_from(
            (
                replace(grant, milli=grant.milli + 1),
                replace(grant, memory_mib=0),
                replace(grant, slot=replace(grant.slot, size=1)),
                replace(grant, slot=replace(grant.slot, gpu=NOWHERE)),
            )
        )
    )
    grants = draw(st.sampled_from(((worse, *placement.grants[0][1:]), placement.grants[0][1:])))
    return placement._replace(grants=(grants,))


@given(nodes, st.sampled_from(DEVICES), st.integers(0, 3), st.data())
def test_what_is_remembered_is_what_would_be_worked_out(
    node: Node, devices: tuple[DeviceRequest, ...], other: int, data: st.DataObject
) -> None:
    cluster = Cluster([node])
    engine = Engine(cluster, make_policy("best-fit"))
    alike, view = AlikeTakings(), cluster.view
    for uid in ("p", "q"):  # the second time it is remembered
        request = Request(uid, 1_000 + other, 2_000, devices)
        decided = engine.decide(request, 0.0).placement
        if decided is None:
            return
        placement = data.draw(spoiled(decided))
        found = alike.tenancy(view, request, placement, 0)
        kind = view.kinds.kinds[view.row_kind.item(0)]
        if not suits(request, placement, 0, node, view, {}):
            assert found is None
        elif found is None:
            general = devices[0].claim or node.anonymous_gpus or not placement.grants[0]
            assert general or view.row_kind.item(0) < 0 or kind.profile is not None
        elif any(grant.slot.gpu == NOWHERE for grant in placement.grants[0]):
            assert not has_room(view, found, ())
        else:
            assert found == taken_by(request, placement, 0, view, {})[0]
            assert has_room(view, found, ())


def test_pods_of_one_class_are_looked_up() -> None:
    node = Node("n", 8_000, 64_000, 4, "A100-80GB", 81_920, sharing=(Exclusive(),))
    cluster = Cluster([node])
    engine = Engine(cluster, make_policy("best-fit"))
    devices = (DeviceRequest(WholeGpus(2)),)
    alike = AlikeTakings()
    found = set()
    for uid in ("p", "q"):
        request = Request(uid, 0, 0, devices)
        placement = engine.decide(request, 0.0).placement
        assert placement is not None
        found.add(id(placement.grants[0]))
        tenancy = alike.tenancy(cluster.view, request, placement, 0)
        assert tenancy is not None
        assert tenancy.slots == (0, 1)
    assert len(found) == 1  # by which they are found


def test_what_is_remembered_of_one_kind_of_gpu_is_not_believed_of_another() -> None:
    small = Node("small", 8_000, 64_000, 1, "T4", 16_384)
    large = Node("large", 8_000, 64_000, 1, "A100-80GB", 81_920)
    cluster = Cluster([small, large])
    engine = Engine(cluster, make_policy("first-fit"))
    request = Request("p", 0, 0, (DeviceRequest(GpuShare(0, 8_000)),))  # half of the small one
    decision = engine.decide(request, 0.0)
    assert decision.placement is not None
    assert decision.placement.node == "small"
    cluster.apply(Bound(decision, 0.0))
    cluster.apply(Gone("p"))
    elsewhere = decision._replace(placement=decision.placement._replace(node="large"))
    with pytest.raises(Conflict):
        cluster.apply(Bound(elsewhere, 0.0))
