"""Requests and gangs of the scheduler as messages, and back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Toleration,
    TolerationOperator,
)
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.gangs.types import Gang, Role, Segment, Spread
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)

K = TypeVar("K")
V = TypeVar("V")

# Enums of protobuf have their values in the module, which types know nothing of by name.
_LEVELS: dict[TopologyLevel, Any] = {each: getattr(pb, each.name) for each in TopologyLevel}
_LEVEL_OF = {number: level for level, number in _LEVELS.items()}
_ISOLATIONS: dict[Isolation, Any] = {each: getattr(pb, each.name) for each in Isolation}
_ISOLATION_OF = {number: each for each, number in _ISOLATIONS.items()}
_OPERATORS = {each.value: each for each in TolerationOperator} | {"": TolerationOperator.EQUAL}
_EFFECTS: dict[str, Effect | None] = {each.value: each for each in Effect} | {"": None}


def request_message(request: Request) -> pb.Request:
    """Return a request as a message.

    Parameters
    ----------
    request
        What is asked for. Of its constraints only tolerations can be carried.

    Raises
    ------
    InvalidRequest
        It has something that the service does not take, or a number that is too large for it.
    """
    if problem := _not_carried(request):
        raise InvalidRequest(f"pod {request.uid}: {problem} cannot be asked of a remote extender")
    tolerations = () if request.constraints is None else request.constraints.tolerations
    try:
        return pb.Request(
            uid=request.uid,
            cpu_milli=request.cpu_milli,
            memory_mib=request.memory_mib,
            devices=[_device_message(each) for each in request.devices],
            resources=dict(request.resources),
            node_labels=dict(request.node_labels),
            topology=None if request.topology is None else _topology_message(request.topology),
            priority=request.priority,
            not_preemptible=not request.preemptible,
            gang=request.gang,
            queue=request.queue,
            run_time_s=request.run_time_s,
            deadline_s=request.deadline_s,
            tolerations=[_toleration_message(each) for each in tolerations],
        )
    except ValueError as error:
        raise InvalidRequest(f"pod {request.uid}: {error}") from None


def request_of(message: pb.Request) -> Request:
    """Return the request of a message; its constraints keep it off nodes with other taints.

    Parameters
    ----------
    message
        The message.

    Raises
    ------
    InvalidRequest
        It names nobody, or something in it is no word of the service.
    """
    if not message.uid:
        raise InvalidRequest("a request has no uid; name it")
    return Request(
        message.uid,
        message.cpu_milli,
        message.memory_mib,
        tuple([_device_of(each) for each in message.devices]),
        tuple(sorted(message.resources.items())),
        tuple(sorted(message.node_labels.items())),
        _topology_of(message.topology) if message.HasField("topology") else None,
        message.priority,
        not message.not_preemptible,
        (),
        message.gang,
        message.queue,
        message.run_time_s if message.HasField("run_time_s") else None,
        message.deadline_s if message.HasField("deadline_s") else None,
        _constraints(tuple([_toleration_of(each) for each in message.tolerations])),
    )


def gang_message(gang: Gang) -> pb.Gang:
    """Return a gang as a message.

    Parameters
    ----------
    gang
        Who starts together.

    Raises
    ------
    InvalidRequest
        As ``request_message``, of a member.
    """
    segment, spread = gang.segment, gang.spread
    return pb.Gang(
        name=gang.name,
        roles=[
            pb.Role(
                name=role.name,
                members=[request_message(each) for each in role.members],
                min_members=role.min_members,
            )
            for role in gang.roles
        ],
        topology=[_topology_message(each) for each in gang.topology],
        segment=None
        if segment is None
        else pb.Segment(size=segment.size, level=_LEVELS[segment.level]),
        spread=None
        if spread is None
        else pb.Spread(level=_LEVELS[spread.level], max_members=spread.max_members),
    )


def gang_of(message: pb.Gang) -> Gang:
    """Return the gang of a message.

    Parameters
    ----------
    message
        The message.

    Raises
    ------
    InvalidRequest
        As ``request_of``, of the gang or a member.
    """
    if not message.name:
        raise InvalidRequest("a gang has no name; name it")
    roles = [
        Role(
            role.name,
            tuple(request_of(each)._replace(gang=message.name) for each in role.members),
            role.min_members if role.HasField("min_members") else None,
        )
        for role in message.roles
    ]
    segment, spread = message.segment, message.spread
    return Gang(
        message.name,
        tuple(roles),
        tuple(_topology_of(each) for each in message.topology),
        Segment(segment.size, _level_of(segment.level)) if message.HasField("segment") else None,
        Spread(_level_of(spread.level), spread.max_members) if message.HasField("spread") else None,
    )


def isolation_number(isolation: Isolation | None) -> Any:
    """Return the number of an isolation, that of none for None.

    Parameters
    ----------
    isolation
        The isolation.
    """
    return pb.ISOLATION_UNSPECIFIED if isolation is None else _ISOLATIONS[isolation]


def isolation_or_none(number: int) -> Isolation | None:
    """Return the isolation of a number; None for that of none, and for one that is unknown here.

    Parameters
    ----------
    number
        The number.
    """
    return _ISOLATION_OF.get(number)


def _not_carried(request: Request) -> str:
    if request.constraints is not None:
        others = request.constraints
        if Constraints(tolerations=others.tolerations) != others:
            return "a constraint other than a toleration"
    if request.disruption_budgets or request.images:
        return "a disruption budget or an image"
    for device in request.devices:
        for each in (device, *device.alternatives):
            if each.claim or each.uuids or each.not_uuids:
                return "a claim or the uuid of a GPU"
    return ""


def _device_message(device: DeviceRequest) -> pb.DeviceRequest:
    message = pb.DeviceRequest(
        models=device.models,
        alternatives=[_device_message(each) for each in device.alternatives],
        least_memory_mib=device.least_memory_mib,
    )
    ask = device.ask
    if isinstance(ask, WholeGpus):
        message.whole.CopyFrom(pb.WholeGpus(count=ask.count))
    elif isinstance(ask, MigInstances):
        message.mig.CopyFrom(pb.MigInstances(profile=ask.profile, count=ask.count))
    else:
        share = pb.GpuShare(
            milli=ask.milli,
            memory_mib=ask.memory_mib,
            count=ask.count,
            isolations=[_ISOLATIONS[each] for each in ask.isolations],
            memory_milli=ask.memory_milli,
        )
        message.share.CopyFrom(share)
    return message


def _device_of(message: pb.DeviceRequest) -> DeviceRequest:
    what = message.WhichOneof("ask")
    ask: WholeGpus | GpuShare | MigInstances
    if what == "whole":
        ask = WholeGpus(message.whole.count)
    elif what == "mig":
        ask = MigInstances(message.mig.profile, message.mig.count or 1)
    elif what == "share":
        share = message.share
        ask = GpuShare(
            share.milli,
            share.memory_mib,
            share.count or 1,
            tuple(map(_isolation_of, share.isolations)),
            share.memory_milli,
        )
    else:
        raise InvalidRequest("a device request asks for nothing; set whole, share or mig")
    return DeviceRequest(
        ask,
        tuple(message.models),
        "",
        tuple([_device_of(each) for each in message.alternatives]),
        message.least_memory_mib,
    )


def _topology_message(topology: Topology) -> pb.Topology:
    return pb.Topology(level=_LEVELS[topology.level], preferred=not topology.required)


def _topology_of(message: pb.Topology) -> Topology:
    return Topology(_level_of(message.level), required=not message.preferred)


def _toleration_message(each: Toleration) -> pb.Toleration:
    effect = "" if each.effect is None else each.effect.value
    return pb.Toleration(
        key=each.key, operator=each.operator.value, value=each.value, effect=effect
    )


def _toleration_of(message: pb.Toleration) -> Toleration:
    operator = _word(_OPERATORS, message.operator, "operator of a toleration")
    effect = _word(_EFFECTS, message.effect, "effect of a toleration")
    return Toleration(message.key, operator, message.value, effect)


@lru_cache(maxsize=1024)
def _constraints(tolerations: tuple[Toleration, ...]) -> Constraints:
    """Return constraints of tolerations: the same object again, by which masks are remembered."""
    return Constraints(tolerations=tolerations)


def _isolation_of(number: int) -> Isolation:
    return _word(_ISOLATION_OF, number, "isolation")


def _level_of(number: int) -> TopologyLevel:
    return _word(_LEVEL_OF, number, "topology level")


def _word(words: dict[K, V], word: K, what: str) -> V:
    if word not in words:
        raise InvalidRequest(f"there is no {what} {word!r}; {_listed(words)}")
    return words[word]


def _listed(words: Iterable[object]) -> str:
    return f"use one of {', '.join(repr(each) for each in words if each != '')}"
