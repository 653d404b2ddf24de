"""Kinds of slots: what is the same for all slots that are cut and governed alike.

A slot is a GPU, or one instance of a MIG layout. A node has a handful of kinds, so what a request
takes of a slot is worked out once a kind (``needs``), and kernels look it up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.mig.tables import MEDIA, bits_of
from bayplan.scheduler.sharing import (
    Hami,
    Mig,
    Mps,
    Sharing,
    TimeSlicing,
    Ungoverned,
    sharing_of,
)
from bayplan.scheduler.types import GPU_MILLI, Node

NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of slot.

    ``sharing`` is how the slot is shared; of a layout's instance, what is inside of it, or MIG.
    ``product`` is set on MIG GPUs, ``profile`` on instances of a layout; ``smaller`` are the
    smaller profiles of the same layout. One that is not ``healthy`` takes no new pods. ``uuid`` is
    that of its GPU where some request names it, and empty elsewhere: kinds stay few.
    """

    model: str
    memory_mib: int
    capacity_milli: int
    anonymous: bool
    sharing: Sharing
    product: Product | None = None
    profile: MigProfile | None = None
    smaller: tuple[MigProfile, ...] = ()
    healthy: bool = True
    uuid: str = ""

    @property
    def is_mig(self) -> bool:
        """Whether it is a MIG GPU, or an instance on one."""
        return isinstance(self.sharing, Mig) or self.profile is not None

    @property
    def is_dynamic_mig(self) -> bool:
        """Whether instances come and go on it."""
        return isinstance(self.sharing, Mig) and self.profile is None

    @property
    def is_plain(self) -> bool:
        """Whether it is a whole GPU whose milli and MiB add up, and no more."""
        return isinstance(self.sharing, Ungoverned) and self.healthy

    @property
    def seats(self) -> int:
        """How many clients it takes at most; ``NO_LIMIT`` where nothing counts them."""
        sharing = self.sharing
        if isinstance(sharing, Mps):
            return self._mps_clients(sharing)
        if isinstance(sharing, TimeSlicing):
            return sharing.replicas
        if isinstance(sharing, Hami):
            return sharing.vgpus
        return NO_LIMIT

    def _mps_clients(self, mps: Mps) -> int:
        if mps.replicas:
            return mps.replicas
        if self.product is None or self.profile is None:
            return mps.clients
        # In an instance the limit shrinks with the compute slices (NVIDIA MPS documentation).
        return max(1, mps.clients * self.profile.compute_slices // self.product.compute_slices)


class SlotPlan(NamedTuple):
    """A slot of a GPU: its kind, and where on the GPU it is (size 0: all of it)."""

    kind: Kind
    start: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NodeSlots:
    """The slots of a node, by GPU and start: columns (n_slots,) int64.

    ``kind`` is an index into ``kinds``, ``gpu`` that of the slot's GPU on the node, ``start`` and
    ``size`` its place there. ``free_milli`` and ``memory_mib`` are what is free while nothing is on
    it: nothing of a GPU that takes no new pods. ``total_milli`` is the sum of ``free_milli``.
    """

    kinds: tuple[Kind, ...]
    kind: IntArray
    gpu: IntArray
    start: IntArray
    size: IntArray
    capacity_milli: IntArray
    free_milli: IntArray
    memory_mib: IntArray
    total_milli: int

    def __len__(self) -> int:
        return len(self.kind)


def slots_of(node: Node) -> NodeSlots:
    """Return the slots of a node.

    Raises
    ------
    InvalidRequest
        The GPUs are shared in a way that their model cannot be.
    """
    gpus = Gpus(
        node.gpu_count, node.gpu_model, node.gpu_memory_mib, node.anonymous_gpus, node.sharing
    )
    try:
        slots = _node_slots(gpus)
    except InvalidRequest as error:
        raise InvalidRequest(f"node {node.name}: {error}") from None
    if node.gpu_uuids:
        slots = _named(slots, node)
    return _less(slots, node) if node.unhealthy else slots


def _named(slots: NodeSlots, node: Node) -> NodeSlots:
    """Return the slots of a node some of whose GPUs have names: not cached, there are many."""
    uuids = dict(node.gpu_uuids)
    of_slot = list(zip(slots.kind.tolist(), slots.gpu.tolist(), strict=True))
    each = [replace(slots.kinds[k], uuid=uuids.get(gpu, "")) for k, gpu in of_slot]
    kinds = list(dict.fromkeys(each))
    kind = np.array([kinds.index(one) for one in each], np.int64)
    return replace(slots, kinds=tuple(kinds), kind=kind)


def _less(slots: NodeSlots, node: Node) -> NodeSlots:
    """Return the slots of a node some of whose GPUs take no new pods: not cached, they change."""
    closed = np.zeros(node.gpu_count, np.bool_)
    closed[-len(node.unhealthy) :] = True  # whichever they are, where the device plugin picks
    if not node.anonymous_gpus:
        closed = np.isin(np.arange(node.gpu_count), node.unhealthy)
    of_slot = closed[slots.gpu]
    kinds = (*slots.kinds, *(replace(kind, healthy=False) for kind in slots.kinds))
    used, kind = np.unique(slots.kind + len(slots.kinds) * of_slot, return_inverse=True)
    return replace(
        slots,
        kinds=tuple(kinds[number] for number in used.tolist()),
        kind=kind,
        free_milli=np.where(of_slot, 0, slots.free_milli),
        memory_mib=np.where(of_slot, 0, slots.memory_mib),
        total_milli=int(slots.free_milli[~of_slot].sum()),
    )


class Gpus(NamedTuple):
    """What the slots of a node depend on."""

    n_gpus: int
    model: str
    memory_mib: int
    anonymous: bool
    sharing: tuple[Sharing, ...]


@lru_cache(4096)  # a cluster has a few kinds of nodes, and many of each
def _node_slots(gpus: Gpus) -> NodeSlots:
    if len(gpus.sharing) > 1 and len(gpus.sharing) != gpus.n_gpus:
        raise InvalidRequest(
            f"{len(gpus.sharing)} ways to share {gpus.n_gpus} GPUs; state one for all, or one a GPU"
        )
    if gpus.anonymous and len(set(gpus.sharing)) > 1:
        raise InvalidRequest("GPUs that the device plugin picks are all shared in the same way")
    known: dict[Sharing, tuple[SlotPlan, ...]] = {}
    plans: list[tuple[int, SlotPlan]] = []
    for gpu in range(gpus.n_gpus):
        sharing = sharing_of(gpus.sharing, gpu)
        if sharing not in known:
            known[sharing] = _slots(gpus, sharing)
        plans += [(gpu, plan) for plan in known[sharing]]
    kinds = list(dict.fromkeys(plan.kind for _, plan in plans))
    milli = np.array([plan.kind.capacity_milli for _, plan in plans], np.int64)
    return NodeSlots(
        tuple(kinds),
        np.array([kinds.index(plan.kind) for _, plan in plans], np.int64),
        np.array([gpu for gpu, _ in plans], np.int64),
        np.array([plan.start for _, plan in plans], np.int64),
        np.array([plan.size for _, plan in plans], np.int64),
        milli,
        milli,
        np.array([plan.kind.memory_mib for _, plan in plans], np.int64),
        int(milli.sum()),
    )


def _slots(gpus: Gpus, sharing: Sharing) -> tuple[SlotPlan, ...]:
    if not isinstance(sharing, Mig):
        capacity = getattr(sharing, "capacity_milli", GPU_MILLI)
        kind = Kind(
            gpus.model, gpus.memory_mib, capacity, gpus.anonymous, sharing,
            find_product(gpus.model) if isinstance(sharing, Mps) and sharing.chunk_sm else None,
        )  # fmt: skip
        return (SlotPlan(kind),)
    return _mig_slots(gpus, sharing)


def _mig_slots(gpus: Gpus, sharing: Mig) -> tuple[SlotPlan, ...]:
    product = find_product(gpus.model)
    if product is None or not product.has_mig:
        raise InvalidRequest(f"{gpus.model!r} is no GPU with MIG")
    if gpus.anonymous:
        raise InvalidRequest("a MIG GPU needs an index, and these are anonymous")
    if sharing.layout is None:
        # What instances have is the product's, whatever the node says: so is their sum.
        kind = Kind(gpus.model, product.memory_mib, GPU_MILLI, False, sharing, product)
        return (SlotPlan(kind),)
    instances = _instances(product, sharing.layout)
    order = sorted({profile for _, profile in instances}, key=_by_size)
    return tuple(
        SlotPlan(
            _instance_kind(gpus, product, profile, tuple(order[: order.index(profile)]), sharing),
            start,
            profile.size,
        )
        for start, profile in instances
    )


def _by_size(profile: MigProfile) -> tuple[int, int, str]:
    return profile.size, profile.compute_slices, profile.name


def _instance_kind(
    gpus: Gpus, product: Product, profile: MigProfile, smaller: tuple[MigProfile, ...], mig: Mig
) -> Kind:
    capacity = profile.size * GPU_MILLI // product.units
    if mig.inside is not None:
        capacity = capacity * mig.inside.capacity_milli // GPU_MILLI
    inside = mig.inside or Mig()  # whatever else is in the layout: kinds stay few
    return Kind(gpus.model, profile.memory_mib, capacity, False, inside, product, profile, smaller)


def _instances(
    product: Product, layout: tuple[tuple[int, str], ...]
) -> list[tuple[int, MigProfile]]:
    """Return the instances of a layout by start, or say what is wrong with it."""
    used = 0
    instances = []
    for start, name in sorted(layout):
        profile = next((p for p in product.profiles if p.name == name), None)
        if profile is None:
            raise InvalidRequest(f"{product.name} has no MIG profile {name}")
        if start not in profile.starts:
            raise InvalidRequest(f"an instance {name} of {product.name} cannot start at {start}")
        bits = bits_of(profile, start)
        if used & bits:
            what = "has media engines, like another" if used & bits == MEDIA else "overlaps another"
            raise InvalidRequest(f"instance {name} at {start} {what}")
        used |= bits
        instances.append((start, profile))
    return instances
