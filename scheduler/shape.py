"""Requests compiled for the kernels: what makes two requests the same to every node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from bayplan.kernels.fit import needed_mib, needed_milli
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.tenancy import gpu_class
from bayplan.scheduler.types import (
    GPU_MILLI,
    MAX_AMOUNT,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Reason,
    Request,
    TopologyLevel,
    WholeGpus,
)

MAX_WAYS = 1024
"""The most ways to satisfy one request: the product of its device requests' alternatives."""

_NO_KIND = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One way to satisfy a request: the first wish, or a choice among the alternatives.

    ``count`` GPUs with ``milli`` and/or ``mib`` each (0: derived from the other). ``asks`` are
    the device requests in order, ``chosen`` says which of the alternatives each is.
    ``refusal`` is set when no node can satisfy it today, whatever is free. Shapes are compared
    by identity; those with the same ``content`` mean the same to every node.
    """

    cpu: int
    memory: int
    count: int
    milli: int
    mib: int
    models: tuple[str, ...]
    resources: tuple[tuple[str, int], ...]
    labels: tuple[tuple[str, str], ...]
    asks: tuple[DeviceRequest, ...]
    chosen: tuple[int, ...]
    refusal: Reason = Reason.FITS

    @property
    def content(self) -> tuple[object, ...]:
        """What a node sees of it."""
        numbers = self.cpu, self.memory, self.count, self.milli, self.mib
        return *numbers, self.models, self.resources, self.labels

    @property
    def gpu_class(self) -> int:
        """The GPU class of a pod of this shape: 0 a share of one GPU, k GPUs, -1 none."""
        return gpu_class(self.count, share=self.milli != GPU_MILLI)


def shapes_of(request: Request) -> tuple[Shape, ...]:
    """Return the ways to satisfy a request, the most wanted first.

    With alternatives in several device requests, the wishes of the last one vary fastest.

    Raises
    ------
    InvalidRequest
        A negative amount or a fraction, a share of nothing or of more than a GPU, no MIG profile,
        a resource or a claim named twice, an alternative with a claim or alternatives of its own.
    """
    _validate(request)
    wishes = [(device, *device.alternatives) for device in request.devices]
    choices = product(*(range(len(wish)) for wish in wishes))
    return tuple(
        _shape(request, tuple(w[i] for w, i in zip(wishes, chosen, strict=True)), chosen)
        for chosen in choices
    )


def _shape(request: Request, asks: tuple[DeviceRequest, ...], chosen: tuple[int, ...]) -> Shape:
    used = [device for device in asks if _count(device)]
    kinds = {(per_gpu(device), tuple(sorted(set(device.models)))) for device in used}
    (milli, mib), models = next(iter(kinds)) if len(kinds) == 1 else (_NO_KIND, ())
    if len(kinds) > 1 and not any(is_share(device.ask) for device in used):
        milli = GPU_MILLI  # of several models: what a node lacks of whole GPUs can still be said
    return Shape(
        request.cpu_milli,
        request.memory_mib,
        sum(_count(device) for device in asks if not isinstance(device.ask, MigInstances)),
        milli,
        mib,
        models,
        tuple([(name, amount) for name, amount in request.resources if amount]),
        request.node_labels,
        asks,
        chosen,
        _refusal(request, asks, len(kinds)),
    )


def _refusal(request: Request, asks: tuple[DeviceRequest, ...], kinds: int) -> Reason:
    used = [device for device in asks if _count(device)]
    shares = [device.ask for device in used if isinstance(device.ask, GpuShare)]
    if any(isinstance(device.ask, MigInstances) for device in used):
        return Reason.PROFILE
    if any(share.isolations for share in shares):
        return Reason.ISOLATION
    wish = request.topology
    together = sum(device.ask.count for device in used) > 1
    if wish and wish.required and wish.level is TopologyLevel.GPU_ISLAND and together:
        return Reason.TOPOLOGY
    # Several whole-GPU requests add up. Two shares may well meet on one GPU: another question.
    if kinds > 1 or len(shares) > 1:
        return Reason.MIXED_DEVICES
    return Reason.FITS


def is_share(ask: WholeGpus | GpuShare | MigInstances) -> bool:
    """Whether a device request asks for parts of GPUs."""
    return isinstance(ask, GpuShare) and ask.milli != GPU_MILLI


def _count(device: DeviceRequest) -> int:
    return device.ask.count


def per_gpu(device: DeviceRequest) -> tuple[int, int]:
    """Return (milli, MiB) that a device request asks for of each GPU; 0 is to be derived."""
    if isinstance(device.ask, GpuShare):
        return device.ask.milli, device.ask.memory_mib
    return GPU_MILLI, 0


def taken_per_gpu(milli: int, mib: int, gpu_memory_mib: int) -> tuple[int, int]:
    """Return (milli, MiB) that such a request takes of a GPU with that much memory."""
    if not gpu_memory_mib and milli:
        return milli, mib
    return needed_milli(milli, mib, gpu_memory_mib), needed_mib(milli, mib, gpu_memory_mib)


def _validate(request: Request) -> None:
    _validate_names(request.uid, "resource", [name for name, _ in request.resources])
    _validate_names(request.uid, "claim", [d.claim for d in request.devices if d.claim])
    amounts = [request.cpu_milli, request.memory_mib, *(n for _, n in request.resources)]
    if not are_amounts(amounts):
        raise InvalidRequest(f"pod {request.uid}: amounts are whole numbers from 0 to {MAX_AMOUNT}")
    ways = prod(1 + len(device.alternatives) for device in request.devices)
    if ways > MAX_WAYS:
        raise InvalidRequest(
            f"pod {request.uid}: its alternatives make {ways} combinations; at most {MAX_WAYS}"
        )
    for device in request.devices:
        for wish in (device, *device.alternatives):
            _validate_ask(request.uid, wish.ask)
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
    if isinstance(ask, MigInstances) and not ask.profile:
        raise InvalidRequest(f"pod {uid}: a MIG request without a profile")
    if isinstance(ask, GpuShare) and not (
        are_amounts([ask.milli, ask.memory_mib])
        and ask.milli <= GPU_MILLI
        and ask.milli + ask.memory_mib > 0
    ):
        raise InvalidRequest(
            f"pod {uid}: a share of {ask.milli} milli-GPU and {ask.memory_mib} MiB; give 1 to"
            f" {GPU_MILLI} milli or some memory"
        )
