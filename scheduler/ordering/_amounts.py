"""How much of GPUs a request asks for, before it is known on which."""

from __future__ import annotations

from functools import cache

from bayplan.scheduler.hardware import products
from bayplan.scheduler.types import GPU_MILLI, DeviceRequest, MigInstances, Request, WholeGpus


def gpus_of(request: Request, gpu_memory_mib: int) -> tuple[int, int]:
    """Return the GPUs (or instances) and the milli-GPU of all of a request's first wishes.

    A share without milli is its part of the memory, of ``gpu_memory_mib`` where it states MiB. An
    instance is its part of the memory slices of the first product in the catalogue that
    has the profile (and is allowed), a whole GPU where none has.
    """
    count = milli = 0
    for device in request.devices:
        count += device.ask.count
        milli += device.ask.count * _milli_each(device, gpu_memory_mib)
    return count, milli


def _milli_each(device: DeviceRequest, gpu_memory_mib: int) -> int:
    ask = device.ask
    if isinstance(ask, WholeGpus):
        return GPU_MILLI
    if isinstance(ask, MigInstances):
        return _milli_of_instance(ask.profile, device.models)
    if ask.milli or ask.memory_milli:
        return ask.milli or ask.memory_milli
    return min(GPU_MILLI, max(1, GPU_MILLI * ask.memory_mib // gpu_memory_mib))


@cache
def _milli_of_instance(name: str, models: tuple[str, ...]) -> int:
    for product in products():
        if not models or product.name in models:
            for profile in product.profiles:
                if profile.name == name:
                    return GPU_MILLI * profile.size // product.units
    return GPU_MILLI
