"""What a placement takes of its node, and whether the node can still give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bayplan.scheduler.errors import Conflict, InvalidRequest
from bayplan.scheduler.labels import has_labels
from bayplan.scheduler.shape import is_share, per_gpu, taken_per_gpu
from bayplan.scheduler.tenancy import NO_CLASS, Claim, Tenancy, gpu_class
from bayplan.scheduler.types import (
    ANONYMOUS,
    GPU_MILLI,
    DeviceRequest,
    Grant,
    Node,
    Placement,
    Request,
)
from bayplan.scheduler.view import View

Grants = tuple[Grant, ...]
Flat = tuple[int, ...]


def taken_by(
    request: Request, placement: Placement, row: int, view: View, claims: Mapping[str, Claim]
) -> tuple[Tenancy, dict[str, Claim]]:
    """Return what a pod takes itself, and its claims as they are once it uses them.

    Raises
    ------
    Conflict
        A claim is allocated by now, and otherwise than the placement says.
    """
    devices = request.devices
    if len(devices) == 1 and not devices[0].claim:
        wish = _wish(devices[0], placement.chosen[0])
        return _own(request, row, view, placement.grants[0], (), is_share(wish.ask)), {}
    own: Grants = ()
    share = False
    shared: dict[str, Claim] = {}
    taken: Flat = ()
    for device, chosen, grants in zip(devices, placement.chosen, placement.grants, strict=True):
        wish = _wish(device, chosen)
        if not device.claim:
            own += grants
            share = share or is_share(wish.ask)
            continue
        if device.claim in shared:
            raise InvalidRequest(f"pod {request.uid}: claim {device.claim} is asked for twice")
        present = claims.get(device.claim)
        if present is None:
            tenancy = Tenancy(row, 0, 0, (), *_take(view, row, grants, taken, is_share(wish.ask)))
            present = Claim(placement.node, grants, chosen, tenancy, frozenset())
        elif (present.node, present.grants) != (placement.node, grants):
            raise Conflict(
                f"claim {device.claim} is allocated on {present.node} otherwise than the decision"
                f" for pod {request.uid} says; decide again"
            )
        shared[device.claim] = replace(present, users=present.users | {request.uid})
        taken += present.tenancy.gpus
    return _own(request, row, view, own, taken, share), shared


def _wish(device: DeviceRequest, chosen: int) -> DeviceRequest:
    return device.alternatives[chosen - 1] if chosen else device


def _own(request: Request, row: int, view: View, own: Grants, taken: Flat, share: bool) -> Tenancy:
    resources = _columns(view, request.resources) if request.resources else ()
    cpu, memory = request.cpu_milli, request.memory_mib
    return Tenancy(row, cpu, memory, resources, *_take(view, row, own, taken, share))


def _columns(view: View, resources: tuple[tuple[str, int], ...]) -> tuple[tuple[int, int], ...]:
    known = view.resource_names
    return tuple([(known.index(name) if name in known else -1, n) for name, n in resources if n])


def suits(request: Request, placement: Placement, node: Node, claims: Mapping[str, Claim]) -> bool:
    """Whether a placement is what the request asks for of a node as it is by now.

    Claims that are allocated do not count: ``taken_by`` compares them.
    """
    if request.node_labels and not has_labels(node, request.node_labels):
        return False
    dealt = zip(request.devices, placement.chosen, placement.grants, strict=True)
    for device, chosen, grants in dealt:
        if device.claim not in claims and not _as_asked(_wish(device, chosen), grants, node):
            return False
    return True


def _as_asked(wish: DeviceRequest, grants: Grants, node: Node) -> bool:
    if len(grants) != wish.ask.count:
        return False
    if grants and wish.models and node.gpu_model not in wish.models:
        return False
    milli, mib = taken_per_gpu(*per_gpu(wish), node.gpu_memory_mib)
    for grant in grants:
        if grant.milli != milli or grant.memory_mib != mib:
            return False
        if (grant.slot.gpu == ANONYMOUS) != node.anonymous_gpus:
            return False
    return True


def has_room(view: View, own: Tenancy, new: Sequence[Tenancy]) -> bool:
    """Whether a pod's own tenancy and those of its ``new`` claims fit into what is free."""
    row = own.row
    # ``item`` gives a Python int: comparing NumPy's own takes three times as long.
    if not (
        view.schedulable.item(row)
        and view.cpu_free_milli.item(row) >= own.cpu >= 0
        and view.memory_free_mib.item(row) >= own.memory >= 0
    ):
        return False
    for column, amount in own.resources:
        if column < 0 or not view.resources_free[row, column] >= amount >= 0:
            return False
    if not new:
        return _gpus_free(view, row, own.gpus, own.milli, own.mib)
    milli: dict[int, int] = {}
    mib: dict[int, int] = {}
    for tenancy in (own, *new):
        # Each by itself first: a negative or a repeated one must not hide in the sum.
        if not _gpus_free(view, row, tenancy.gpus, tenancy.milli, tenancy.mib):
            return False
        for gpu, taken, memory in zip(tenancy.gpus, tenancy.milli, tenancy.mib, strict=True):
            milli[gpu] = milli.get(gpu, 0) + taken
            mib[gpu] = mib.get(gpu, 0) + memory
    gpus = tuple(milli)
    return _gpus_free(view, row, gpus, tuple(milli.values()), tuple(mib.values()))


def _gpus_free(view: View, row: int, gpus: Flat, milli: Flat, mib: Flat) -> bool:
    if not gpus:
        return not milli  # else fewer anonymous GPUs are free than were promised
    n = len(gpus)
    if n != len(milli) or (n > 1 and len(set(gpus)) != n):
        return False
    start = view.gpu_start.item(row)
    stop = start + view.gpu_count.item(row)
    free_milli, free_mib = view.gpu_free_milli.item, view.gpu_free_mib.item
    for gpu, taken, memory in zip(gpus, milli, mib, strict=True):
        if not (
            start <= gpu < stop and free_milli(gpu) >= taken >= 0 and free_mib(gpu) >= memory >= 0
        ):
            return False
    return True


def _take(
    view: View, row: int, grants: Grants, taken: Flat, share: bool
) -> tuple[Flat, Flat, Flat, int]:
    """Return (flat GPUs, milli, MiB, GPU class) of grants on a row.

    ``taken`` are flat GPUs that the same pod takes beside them.
    """
    if not grants:
        return (), (), (), NO_CLASS
    if len(grants) == 1:
        (grant,) = grants
        flat = _flat_gpus(view, row, grants, taken)
        return flat, (grant.milli,), (grant.memory_mib,), gpu_class(1, share=share)
    return (
        _flat_gpus(view, row, grants, taken),
        tuple([grant.milli for grant in grants]),
        tuple([grant.memory_mib for grant in grants]),
        gpu_class(len(grants), share=share),
    )


def _flat_gpus(view: View, row: int, grants: Grants, taken: Flat) -> Flat:
    start = view.gpu_start.item(row)
    if grants[0].slot.gpu == ANONYMOUS:
        # The device plugin picks; counting the lowest free ones keeps the tally right.
        free = view.gpu_free_milli[start : start + view.gpu_count.item(row)]
        lowest = [start + i for i in np.flatnonzero(free == GPU_MILLI).tolist()]
        return tuple([gpu for gpu in lowest if gpu not in taken][: len(grants)])
    return tuple([start + grant.slot.gpu for grant in grants])
