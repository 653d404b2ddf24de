"""Requests and gangs survive the wire, and what it cannot carry is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.remote.decisions import decision_message, decision_of
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import gang_message, gang_of, request_message, request_of
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Toleration,
    TolerationOperator,
)
from bayplan.scheduler.constraints.types import (
    Spread as PodSpread,
)
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.gangs.types import Gang, Role, Segment, Spread
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    Isolation,
    MigInstances,
    Placement,
    Reason,
    Request,
    Slot,
    Topology,
    TopologyLevel,
    WholeGpus,
)

amounts = st.integers(-(2**40), 2**40)
small = st.integers(0, 2**31 - 1)
words = st.text(max_size=6)
levels = st.sampled_from(TopologyLevel)
asks = st.one_of(
    st.builds(WholeGpus, small),
    st.builds(MigInstances, words, st.integers(1, 9)),
    st.builds(
        GpuShare, small, amounts, st.integers(1, 9),
        st.lists(st.sampled_from(Isolation), max_size=3).map(tuple), small,
    ),
)  # fmt: skip
plain = st.builds(
    DeviceRequest,
    asks,
    models=st.lists(words, max_size=2).map(tuple),
    least_memory_mib=amounts,
)
devices = st.builds(replace, plain, alternatives=st.lists(plain, max_size=2).map(tuple))
tolerations = st.builds(
    Toleration, words, st.sampled_from(TolerationOperator), words,
    st.none() | st.sampled_from(Effect),
)  # fmt: skip
requests = st.builds(
    Request,
    uid=st.text(min_size=1, max_size=8),
    cpu_milli=amounts,
    memory_mib=amounts,
    devices=st.lists(devices, max_size=3).map(tuple),
    resources=st.dictionaries(words, amounts, max_size=3).map(lambda d: tuple(sorted(d.items()))),
    node_labels=st.dictionaries(words, words, max_size=3).map(lambda d: tuple(sorted(d.items()))),
    topology=st.none() | st.builds(Topology, levels, st.booleans()),
    priority=st.integers(-(2**31), 2**31 - 1),
    preemptible=st.booleans(),
    gang=words,
    queue=words,
    run_time_s=st.none() | st.floats(0, 1e9),
    deadline_s=st.none() | st.floats(0, 1e9),
    constraints=st.lists(tolerations, max_size=2).map(
        lambda each: Constraints(tolerations=tuple(each))
    ),
)


@given(requests)
def test_a_request_survives_the_wire(request: Request) -> None:
    wire = request_message(request).SerializeToString()
    assert request_of(pb.Request.FromString(wire)) == request


@given(st.lists(requests, min_size=1, max_size=3), st.booleans())
def test_a_gang_survives_the_wire(members: list[Request], wishes: bool) -> None:
    members = [each._replace(gang="g") for each in members]
    roles = (Role("head", tuple(members[:1])), Role("workers", tuple(members[1:]), 0))
    gang = Gang("g", roles)
    if wishes:
        rack = TopologyLevel.RACK
        gang = replace(
            gang,
            topology=(Topology(rack), Topology(TopologyLevel.NODE, required=False)),
            segment=Segment(2, rack),
            spread=Spread(rack, 3),
        )
    wire = gang_message(gang).SerializeToString()
    assert gang_of(pb.Gang.FromString(wire)) == gang


@given(requests, st.integers(0, 2**50))
def test_a_decision_survives_the_wire(request: Request, since: int) -> None:
    grant = Grant(Slot(3, 2, 4, "4g.40gb"), 571, 40_000)
    placed = Decision(
        request, 12.5, Placement("n", ((grant, grant), ()), (1, 0)), -3.25, (("n", 7),)
    )
    nowhere = Decision(request, 12.5, None, reasons=((Reason.CORDONED, 2), (Reason.GPU_FREE, 3)))
    for decision in (placed, nowhere):
        wire = decision_message(decision, request_message(request), since).SerializeToString()
        message = pb.Decision.FromString(wire)
        assert decision_of(message, request_of(message.request), since) == decision
        assert [each.version for each in message.rests_on] == [
            version + since for _, version in decision.rests_on
        ]


def test_defaults_are_those_of_the_scheduler() -> None:
    message = pb.Request(uid="a")
    message.devices.add().share.milli = 300
    message.devices.add().mig.profile = "1g.10gb"
    message.devices.add().whole.SetInParent()
    asked = tuple(
        DeviceRequest(ask) for ask in (GpuShare(300), MigInstances("1g.10gb"), WholeGpus(0))
    )
    assert request_of(message) == Request("a", devices=asked, constraints=Constraints())


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (pb.Request(), "a request has no uid; name it"),
        (pb.Request(uid="a", devices=[pb.DeviceRequest()]), "set whole, share or mig"),
        (pb.Request(uid="a", topology=pb.Topology()), "there is no topology level 0; use one of"),
        (
            pb.Request(uid="a", tolerations=[pb.Toleration(operator="Is")]),
            "there is no operator of a toleration 'Is'; use one of 'Equal', 'Exists', 'Gt', 'Lt'",
        ),
        (
            pb.Request(uid="a", tolerations=[pb.Toleration(effect="Never")]),
            "there is no effect of a toleration 'Never'",
        ),
    ],
)
def test_what_is_no_request_is_refused(message: pb.Request, said: str) -> None:
    with pytest.raises(InvalidRequest) as found:
        request_of(message)
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            Request("a", constraints=Constraints(spread=(PodSpread(1, "zone"),))),
            "a constraint other than a toleration",
        ),
        (Request("a", disruption_budgets=("b",)), "a disruption budget or an image"),
        (Request("a", devices=(DeviceRequest(WholeGpus(), claim="c"),)), "a claim or the uuid"),
        (Request("a", priority=2**31), "out of range"),
    ],
)
def test_what_cannot_be_carried_is_refused(request_: Request, said: str) -> None:
    with pytest.raises(InvalidRequest) as found:
        request_message(request_)
    assert said in str(found.value)


def test_a_gang_has_a_name() -> None:
    with pytest.raises(InvalidRequest, match="a gang has no name"):
        gang_of(pb.Gang())
