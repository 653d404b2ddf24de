"""Constraints of which one alone, if it is dropped, lets the pod fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from bayplan.scheduler.constraints.types import (
    Constraints,
    Toleration,
    TolerationOperator,
    Unsatisfiable,
)
from bayplan.scheduler.explaining.case import Case
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import memory, name
from bayplan.scheduler.types import DeviceRequest, GpuShare, Request


def relax(case: Case) -> Iterator[Fix]:
    """Yield a fix for each constraint that alone keeps the pod from fitting."""
    for what, request in islice(_relaxed(case.request), case.effort.rows):
        placement = case.engine.decide(request, case.now_s, case.nodes).placement
        if placement is not None:
            text = f"{what}: then it fits {name(placement.node)}"
            yield Fix(FixKind.RELAX, text, placement.node, request=request)
    yield from _tolerating(case)
    if case.nodes is not None:
        placement = case.engine.decide(case.request, case.now_s).placement
        if placement is not None:
            text = f"allow the nodes left out (taints, affinity): it fits {name(placement.node)}"
            yield Fix(FixKind.RELAX, text, placement.node, any_node=True)


def _relaxed(request: Request) -> Iterator[tuple[str, Request]]:
    for i, (key, value) in enumerate(request.node_labels):
        rest = request.node_labels[:i] + request.node_labels[i + 1 :]
        text = f"drop the node label {name(key)}={name(value)}"
        yield text, request._replace(node_labels=rest)
    for i, device in enumerate(request.devices):
        for text, other in _other_gpus(device):
            yield text, _with(request, i, other)
    for i, device in enumerate(request.devices):
        if isinstance(device.ask, GpuShare) and device.ask.isolations:
            kept = " or ".join(isolation.value for isolation in device.ask.isolations)
            ask = replace(device.ask, isolations=())
            yield (
                f"accept any isolation, not only {kept}",
                _with(request, i, replace(device, ask=ask)),
            )
    if request.topology is not None and request.topology.required:
        near = request.topology.level.name.lower().replace("_", " ")
        wish = replace(request.topology, required=False)
        yield f"prefer one {near} instead of requiring it", request._replace(topology=wish)
    if request.constraints is not None:
        for text, constraints in _unconstrained(request.constraints):
            yield text, request._replace(constraints=constraints)


def _other_gpus(device: DeviceRequest) -> Iterator[tuple[str, DeviceRequest]]:
    if models := _models(device):
        yield f"allow any GPU model, not only {name(' or '.join(models))}", _any_model(device)
    if least := device.least_memory_mib:
        text = f"allow GPUs of less than {memory(least)}"
        yield text, replace(device, least_memory_mib=0)
    if device.uuids or device.not_uuids:
        yield "allow GPUs of any uuid", replace(device, uuids=(), not_uuids=())


def _unconstrained(given: Constraints) -> Iterator[tuple[str, Constraints]]:
    if given.node_affinity is not None:
        yield "drop the node affinity", replace(given, node_affinity=None)
    for i, term in enumerate(given.pod_affinity):
        rest = given.pod_affinity[:i] + given.pod_affinity[i + 1 :]
        yield (
            f"drop the pod affinity by {name(term.topology_key)}",
            replace(given, pod_affinity=rest),
        )
    for i, term in enumerate(given.pod_anti_affinity):
        rest = given.pod_anti_affinity[:i] + given.pod_anti_affinity[i + 1 :]
        text = f"drop the pod anti-affinity by {name(term.topology_key)}"
        yield text, replace(given, pod_anti_affinity=rest)
    for i, spread in enumerate(given.spread):
        if spread.unsatisfiable is Unsatisfiable.DO_NOT_SCHEDULE:
            others = given.spread[:i] + given.spread[i + 1 :]
            yield f"drop the spread by {name(spread.topology_key)}", replace(given, spread=others)


def _tolerating(case: Case) -> Iterator[Fix]:
    """Yield the toleration of one taint: of the node that is best when all are tolerated."""
    given = case.request.constraints
    if given is None:
        return
    anything = Toleration(operator=TolerationOperator.EXISTS)
    free = replace(given, tolerations=(*given.tolerations, anything))
    there = case.request._replace(constraints=free)
    placement = case.engine.decide(there, case.now_s, case.nodes).placement
    if placement is None:
        return
    for taint in case.cluster.nodes[placement.node].taints:
        more = Toleration(taint.key, TolerationOperator.EQUAL, taint.value, taint.effect)
        relaxed = case.request._replace(
            constraints=replace(given, tolerations=(*given.tolerations, more))
        )
        found = case.engine.decide(relaxed, case.now_s, case.nodes).placement
        if found is not None:
            what = f"tolerate the taint {name(taint.key)}={name(taint.value)}"
            text = f"{what}: then it fits {name(found.node)}"
            yield Fix(FixKind.RELAX, text, found.node, request=relaxed)


def _models(device: DeviceRequest) -> tuple[str, ...]:
    wishes = (device, *device.alternatives)
    return tuple(sorted({model for wish in wishes for model in wish.models}))


def _any_model(device: DeviceRequest) -> DeviceRequest:
    others = tuple(replace(wish, models=()) for wish in device.alternatives)
    return replace(device, models=(), alternatives=others)


def _with(request: Request, i: int, device: DeviceRequest) -> Request:
    return request._replace(devices=(*request.devices[:i], device, *request.devices[i + 1 :]))
