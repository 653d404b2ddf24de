"""What a pod takes of a node's GPUs, told apart from the engine: the oracle's own small rules.

Two kinds of nodes are known: ungoverned GPUs (whole GPUs, and shares that add up) and A100s on
which MIG instances come and go. A pod has one device request at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bayplan.scheduler.hardware import plain_profiles, product_named
from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import GPU_MILLI, GpuShare, MigInstances, Node, Request, WholeGpus


@dataclass(frozen=True, slots=True)
class Taking:
    """``whole`` GPUs, or ``milli`` and ``mib`` of one, or ``count`` instances of a profile."""

    whole: int = 0
    milli: int = 0
    mib: int = 0
    profile: MigProfile | None = None
    count: int = 0


NO_GPU = Taking()


def is_mig(node: Node) -> bool:
    """Whether the node's GPUs are cut into MIG instances as pods ask for them."""
    return node.sharing == (Mig(),)


def taking(request: Request, node: Node) -> Taking | None:
    """Return what a pod takes on a node; None where the node can never give it."""
    if not request.devices:
        return NO_GPU
    ask = request.devices[0].ask
    if isinstance(ask, WholeGpus):
        return Taking(whole=ask.count)
    if isinstance(ask, MigInstances):
        if not is_mig(node):
            return None
        return Taking(profile=_named(product_named(node.gpu_model), ask.profile), count=ask.count)
    if not node.gpu_count:
        return None
    if is_mig(node):
        covering = smallest_cover(product_named(node.gpu_model), ask)
        return Taking(profile=covering, count=1) if covering else None
    memory = node.gpu_memory_mib
    milli = ask.milli or max(1, GPU_MILLI * ask.memory_mib // memory)
    return Taking(milli=milli, mib=ask.memory_mib or ask.milli * memory // GPU_MILLI)


def _named(product: Product, name: str) -> MigProfile:
    return next(each for each in product.profiles if each.name == name)


def smallest_cover(product: Product, ask: GpuShare) -> MigProfile | None:
    """Return the smallest plain profile with enough compute slices, units and memory."""
    return next(
        (
            each
            for each in plain_profiles(product)
            if each.compute_slices / product.compute_slices >= ask.milli / GPU_MILLI
            and each.size / product.units >= ask.milli / GPU_MILLI
            and each.memory_mib >= ask.memory_mib
        ),
        None,
    )


def value_milli(request: Request) -> int:
    """Return what a placed pod is worth: the milli-GPU that it asks for.

    An instance is worth its part of the placement units of an A100-80GB; a share by memory only,
    its part of the memory of such a GPU.
    """
    if not request.devices:
        return 0
    ask = request.devices[0].ask
    if isinstance(ask, WholeGpus):
        return GPU_MILLI * ask.count
    product = product_named("A100-80GB")
    if isinstance(ask, MigInstances):
        return ask.count * _named(product, ask.profile).size * GPU_MILLI // product.units
    return ask.milli or max(1, GPU_MILLI * ask.memory_mib // product.memory_mib)


def classes_of(requests: Iterable[Request]) -> list[tuple[Request, int]]:
    """Return one request of each class of pods that ask for the same, and their number."""
    first: dict[tuple[object, ...], Request] = {}
    number: Counter[tuple[object, ...]] = Counter()
    for each in requests:
        key = each.cpu_milli, each.memory_mib, each.devices, each.node_labels
        first.setdefault(key, each)
        number[key] += 1
    return [(request, number[key]) for key, request in first.items()]
