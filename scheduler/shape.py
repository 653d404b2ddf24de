"""Requests compiled for the kernels: what makes two requests the same to every node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.islands import Near, near_of
from bayplan.scheduler.needs import Want
from bayplan.scheduler.tenancy import gpu_class
from bayplan.scheduler.types import (
    GPU_MILLI,
    MAX_AMOUNT,
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Reason,
    Request,
    WholeGpus,
)

MAX_WAYS = 1024
"""The most ways to satisfy one request: the product of its device requests' alternatives."""

NOTHING = Want()

Wish = tuple[int, DeviceRequest, Isolation | None]
"""A device request or alternative, its number, and the isolation that it takes (None: any)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One way to satisfy a request: the first wish, or a choice among the alternatives.

    ``count`` slots, of each what is ``want``. ``asks`` are the device requests in order,
    ``chosen`` says which of the alternatives each is. ``refusal`` is set when no node can satisfy
    it today, whatever is free. ``gpu_class``: 0 a share of one GPU, k GPUs, -1 none. ``near`` is
    what it wishes of GPU islands, if anything, ``images`` those of the pod's containers. Shapes are
    compared by identity; those with the same ``content`` mean the same to every node.
    """

    cpu: int
    memory: int
    count: int
    want: Want
    resources: tuple[tuple[str, int], ...]
    labels: tuple[tuple[str, str], ...]
    asks: tuple[DeviceRequest, ...]
    chosen: tuple[int, ...]
    refusal: Reason
    gpu_class: int
    near: Near | None = None
    images: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[object, ...]:
        """What a node sees of it."""
        near = self.near_required
        fits = self.cpu, self.memory, self.count, self.want, self.resources, self.labels, near
        return *fits, self.images

    @property
    def near_required(self) -> Near | None:
        """The wish for an island that must be; None for a preference, too."""
        return self.near if self.near is not None and self.near.required else None


def shapes_of(request: Request) -> tuple[Shape, ...]:
    """Return the ways to satisfy a request, the most wanted first.

    With alternatives in several device requests, the wishes of the last one vary fastest. A share
    that accepts several isolations is as many wishes, in their order.

    Raises
    ------
    InvalidRequest
        A negative amount or a fraction, a share of nothing or of more than a GPU, no MIG profile,
        a resource or a claim named twice, an alternative with a claim or alternatives of its own.
    """
    _validate(request)
    return tuple(
        _shape(request, wishes) for wishes in product(*(_wishes(d) for d in request.devices))
    )


def _wishes(device: DeviceRequest) -> list[Wish]:
    return [
        (number, wish, isolation)
        for number, wish in enumerate((device, *device.alternatives))
        for isolation in isolations_of(wish)
    ]


def isolations_of(device: DeviceRequest) -> tuple[Isolation | None, ...]:
    """Return the isolations that a device request accepts, in order of wish; None is any."""
    return (device.ask.isolations if isinstance(device.ask, GpuShare) else ()) or (None,)


def _shape(request: Request, wishes: tuple[Wish, ...]) -> Shape:
    asks = tuple([ask for _, ask, _ in wishes])
    wants = {want_of(ask, isolation) for _, ask, isolation in wishes if ask.ask.count}
    want = next(iter(wants)) if len(wants) == 1 else NOTHING
    if len(wants) > 1 and all(each.whole for each in wants):
        want = Want(GPU_MILLI, whole=True)  # what a node lacks of whole GPUs can still be said
    count = sum(ask.ask.count for ask in asks) if want is not NOTHING else 0
    return Shape(
        request.cpu_milli,
        request.memory_mib,
        count,
        want,
        tuple([(name, amount) for name, amount in request.resources if amount]),
        request.node_labels,
        asks,
        tuple([number for number, _, _ in wishes]),
        _refusal(asks, len(wants)),
        gpu_class(count, share=not want.whole),
        near_of(request.topology, count),
        request.images,
    )


def _refusal(asks: tuple[DeviceRequest, ...], kinds: int) -> Reason:
    shares = [device for device in asks if device.ask.count and isinstance(device.ask, GpuShare)]
    # Whole GPUs and instances of a profile add up. Two shares may well meet on one GPU: another
    # question.
    if kinds > 1 or len(shares) > 1:
        return Reason.MIXED_DEVICES
    return Reason.FITS


def want_of(device: DeviceRequest, isolation: Isolation | None = None) -> Want:
    """Return what a device request wants of each slot."""
    which = device.least_memory_mib, device.uuids, device.not_uuids
    want = _amount_of(device.ask, tuple(sorted(set(device.models))), isolation)
    return (
        want._replace(least_mib=which[0], uuids=which[1], not_uuids=which[2])
        if any(which)
        else want
    )


def _amount_of(
    ask: WholeGpus | GpuShare | MigInstances, models: tuple[str, ...], isolation: Isolation | None
) -> Want:
    if isinstance(ask, MigInstances):
        return Want(profile=ask.profile, models=models)
    if isinstance(ask, WholeGpus):
        return Want(GPU_MILLI, whole=True, models=models)
    whole = not is_share(ask)
    spread = ask.count > 1 and not whole
    part = ask.memory_milli
    return Want(ask.milli, ask.memory_mib, whole, "", models, isolation, spread, part)


def wants_of(device: DeviceRequest) -> tuple[Want, ...]:
    """Return what a device request wants of each slot, by the isolations that it accepts."""
    return tuple(want_of(device, isolation) for isolation in isolations_of(device))


def is_share(ask: WholeGpus | GpuShare | MigInstances) -> bool:
    """Whether a device request asks for parts of GPUs."""
    if isinstance(ask, GpuShare):
        return ask.milli != GPU_MILLI or bool(ask.isolations)
    return isinstance(ask, MigInstances)


def _validate(request: Request) -> None:
    _validate_names(request.uid, "resource", [name for name, _ in request.resources])
    _validate_names(request.uid, "claim", [d.claim for d in request.devices if d.claim])
    amounts = [request.cpu_milli, request.memory_mib, *(n for _, n in request.resources)]
    if not are_amounts(amounts):
        raise InvalidRequest(f"pod {request.uid}: amounts are whole numbers from 0 to {MAX_AMOUNT}")
    ways = prod(len(_wishes(device)) for device in request.devices)
    if ways > MAX_WAYS:
        raise InvalidRequest(
            f"pod {request.uid}: its alternatives make {ways} combinations; at most {MAX_WAYS}"
        )
    for device in request.devices:
        for wish in (device, *device.alternatives):
            _validate_ask(request.uid, wish.ask)
            if not are_amounts([wish.least_memory_mib]):
                raise InvalidRequest(f"pod {request.uid}: GPUs of {wish.least_memory_mib} MiB")
            if wish is not device and (wish.alternatives or wish.claim):
                raise InvalidRequest(
                    f"pod {request.uid}: an alternative with alternatives or a claim of its own"
                )


def are_amounts(amounts: Sequence[object]) -> bool:
    """Whether all are ``int`` from 0 to ``MAX_AMOUNT``: state is integers, in 64 bits."""
    return all(isinstance(n, int) and 0 <= n <= MAX_AMOUNT for n in amounts)


def _validate_names(uid: str, kind: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"pod {uid}: {kind} {name} is asked for twice")


def _validate_ask(uid: str, ask: WholeGpus | GpuShare | MigInstances) -> None:
    if not are_amounts([ask.count]):
        raise InvalidRequest(f"pod {uid}: {ask.count} devices")
    if isinstance(ask, GpuShare) and len(set(ask.isolations)) != len(ask.isolations):
        raise InvalidRequest(f"pod {uid}: an isolation is accepted twice")
    if isinstance(ask, MigInstances) and not ask.profile:
        raise InvalidRequest(f"pod {uid}: a MIG request without a profile")
    if isinstance(ask, GpuShare) and not (
        are_amounts([ask.milli, ask.memory_mib, ask.memory_milli])
        and max(ask.milli, ask.memory_milli) <= GPU_MILLI
        and ask.milli + ask.memory_mib + ask.memory_milli > 0
        and not (ask.memory_mib and ask.memory_milli)
    ):
        raise InvalidRequest(
            f"pod {uid}: a share of {ask.milli} milli-GPU with {ask.memory_mib} MiB and"
            f" {ask.memory_milli} thousandths of the memory; give 1 to {GPU_MILLI} milli or some"
            " memory, in MiB or in thousandths"
        )
