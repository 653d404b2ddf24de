"""Slow and obvious rules of GPU sharing, on plain lists of tenants: what may be beside what.

They know nothing of slots, kinds, masks or tables: a GPU is its sharing and a list of tenants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from bayplan.scheduler.hardware import MigProfile, Product
from bayplan.scheduler.sharing import (
    Exclusive,
    Hami,
    Mig,
    Mps,
    Sharing,
    TimeSlicing,
    Ungoverned,
    isolation_of,
)
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Grant,
    Isolation,
    MigInstances,
    WholeGpus,
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """What somebody has of a GPU: an instance has a start and a profile."""

    milli: int
    mib: int
    start: int = 0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of a product, how it is shared, and who is on it."""

    product: Product
    memory_mib: int
    sharing: Sharing
    tenants: tuple[Tenant, ...] = ()


def tenant_of(grant: Grant) -> Tenant:
    return Tenant(grant.milli, grant.memory_mib, grant.slot.start, grant.slot.profile)


def profile_of(product: Product, name: str) -> MigProfile:
    return next(profile for profile in product.profiles if profile.name == name)


def legal(gpu: Gpu) -> str:
    """What is wrong with the tenants of a GPU; nothing if they may be there together."""
    sharing = gpu.sharing
    if isinstance(sharing, Mig) and sharing.layout is None:
        return _legal_instances(gpu)
    if isinstance(sharing, Mig):
        return _legal_in_layout(gpu, sharing)
    limits = {Exclusive: 1, Ungoverned: 10**9}
    limit = limits.get(type(sharing), 0)
    capacity = 1000
    if isinstance(sharing, Mps | TimeSlicing | Hami):
        capacity = sharing.capacity_milli
        limit = seats(sharing)
    if any(tenant.profile for tenant in gpu.tenants):
        return "a MIG instance on a GPU without MIG"
    return _legal_together(gpu.tenants, capacity, gpu.memory_mib, limit)


def seats(sharing: Mps | TimeSlicing | Hami) -> int:
    if isinstance(sharing, Mps):
        return sharing.replicas or sharing.clients
    return sharing.replicas if isinstance(sharing, TimeSlicing) else sharing.vgpus


def _legal_together(tenants: Sequence[Tenant], capacity: int, mib: int, limit: int) -> str:
    if len(tenants) > limit:
        return "too many clients"
    if sum(tenant.milli for tenant in tenants) > capacity:
        return "too much compute"
    return "too much memory" if sum(tenant.mib for tenant in tenants) > mib else ""


def _legal_instances(gpu: Gpu) -> str:
    whole = [tenant for tenant in gpu.tenants if not tenant.profile]
    if whole:
        return "" if len(gpu.tenants) == 1 else "a whole GPU and something beside it"
    units: list[int] = []
    media = 0
    for tenant in gpu.tenants:
        profile = profile_of(gpu.product, tenant.profile)
        if tenant.start not in profile.starts:
            return "an illegal start"
        if tenant.milli != profile.size * 1000 // gpu.product.units:
            return "an instance takes other milli than its slices"
        units += range(tenant.start, tenant.start + profile.size)
        media += "+me" in profile.name
    if len(set(units)) != len(units):
        return "instances overlap"
    return "two instances with media engines" if media > 1 else ""


def _legal_in_layout(gpu: Gpu, mig: Mig) -> str:
    assert mig.layout is not None
    for tenant in gpu.tenants:
        if (tenant.start, tenant.profile) not in mig.layout:
            return "an instance that the layout has not"
    for place in mig.layout:
        profile = profile_of(gpu.product, place[1])
        inside = [t for t in gpu.tenants if (t.start, t.profile) == place]
        capacity = profile.size * 1000 // gpu.product.units
        limit = 1
        if mig.inside is not None:
            limit = clients_in(gpu.product, profile, mig.inside)
            capacity = capacity * mig.inside.capacity_milli // 1000
        wrong = _legal_together(inside, capacity, profile.memory_mib, limit)
        if wrong:
            return f"{wrong} in {place}"
    return ""


def clients_in(product: Product, profile: MigProfile, inside: Mps) -> int:
    if inside.replicas:
        return inside.replicas
    return max(1, inside.clients * profile.compute_slices // product.compute_slices)


def covers(product: Product, profile: MigProfile, ask: GpuShare) -> bool:
    """Whether a profile has the part of the compute slices, of the units, and the memory."""
    part = Fraction(ask.milli, 1000)
    return (
        Fraction(profile.compute_slices, product.compute_slices) >= part
        and Fraction(profile.size, product.units) >= part
        and profile.memory_mib >= ask.memory_mib
    )


def smallest(product: Product, names: Sequence[str], ask: GpuShare) -> MigProfile | None:
    """The smallest of some profiles that covers a share."""
    profiles = [profile_of(product, name) for name in names]
    covering = [profile for profile in profiles if covers(product, profile, ask)]
    return min(covering, key=lambda p: (p.size, p.compute_slices), default=None)


def in_mib(ask: GpuShare, memory_mib: int) -> GpuShare:
    """The same share with its memory in MiB, on a GPU with that much."""
    if not ask.memory_milli:
        return ask
    mib = max(1, ask.memory_milli * memory_mib // 1000)
    return replace(ask, memory_mib=mib, memory_milli=0)


def options(gpu: Gpu, device: DeviceRequest, isolation: Isolation | None) -> list[Tenant]:
    """All the tenants that one more of a device request could be on a GPU as it is."""
    return [
        tenant
        for tenant in _conceivable(gpu, device, isolation)
        if not legal(Gpu(gpu.product, gpu.memory_mib, gpu.sharing, (*gpu.tenants, tenant)))
    ]


def _conceivable(gpu: Gpu, device: DeviceRequest, isolation: Isolation | None) -> list[Tenant]:
    ask, sharing = device.ask, gpu.sharing
    if isinstance(ask, MigInstances):
        return _instances(gpu, ask.profile)
    if isinstance(ask, GpuShare):
        most = max((p.memory_mib for p in gpu.product.profiles), default=0)
        ask = in_mib(ask, most if isinstance(sharing, Mig) else gpu.memory_mib)
    if isinstance(ask, WholeGpus) or (ask.milli == 1000 and isolation is None):
        mib = ask.memory_mib if isinstance(ask, GpuShare) else 0
        return _whole(gpu, mib)
    inside = sharing.inside if isinstance(sharing, Mig) else None
    has = Isolation.MPS if inside else isolation_of(sharing)
    if isolation is not None and has is not isolation:
        return []
    if isinstance(sharing, Mig):
        return _share_on_mig(gpu, ask, sharing)
    return _share(gpu, ask)


def _whole(gpu: Gpu, mib: int) -> list[Tenant]:
    sharing = gpu.sharing
    if mib > gpu.memory_mib or (isinstance(sharing, Mig) and sharing.layout is not None):
        return []
    capacity = getattr(sharing, "capacity_milli", 1000)
    plain = isinstance(sharing, Ungoverned)
    return [Tenant(capacity, mib if plain and mib else gpu.memory_mib)]


def _instances(gpu: Gpu, name: str) -> list[Tenant]:
    sharing = gpu.sharing
    if not isinstance(sharing, Mig) or name not in [p.name for p in gpu.product.profiles]:
        return []
    profile = profile_of(gpu.product, name)
    milli = profile.size * 1000 // gpu.product.units
    mib = profile.memory_mib
    if sharing.layout is None:
        return [Tenant(milli, mib, start, name) for start in profile.starts]
    if sharing.inside is not None:
        milli = milli * sharing.inside.capacity_milli // 1000
    return [
        Tenant(milli, profile.memory_mib, start, name)
        for start, other in sharing.layout
        if other == name
    ]


def _share_on_mig(gpu: Gpu, ask: GpuShare, mig: Mig) -> list[Tenant]:
    if ask.count > 1:
        return []
    if mig.layout is None:
        plain = [p.name for p in gpu.product.profiles if not p.variant]
        profile = smallest(gpu.product, plain, ask)
        return [] if profile is None else _instances(gpu, profile.name)
    if mig.inside is None:
        profile = smallest(gpu.product, [name for _, name in mig.layout], ask)
        return [] if profile is None else _instances(gpu, profile.name)
    return [
        tenant
        for start, name in mig.layout
        if covers(gpu.product, profile_of(gpu.product, name), ask)
        for tenant in _share_in(gpu, ask, mig.inside, start, name)
    ]


def _share_in(gpu: Gpu, ask: GpuShare, mps: Mps, start: int, name: str) -> list[Tenant]:
    profile = profile_of(gpu.product, name)
    capacity = profile.size * 1000 // gpu.product.units * mps.capacity_milli // 1000
    memory = profile.memory_mib
    milli = ask.milli or max(1, capacity * ask.memory_mib // memory)
    mib = ask.memory_mib or milli * memory // capacity
    if mps.replicas:
        part = capacity // mps.replicas, memory // mps.replicas
        return [Tenant(*part, start, name)] if milli <= part[0] and mib <= part[1] else []
    return [Tenant(milli, mib, start, name)]


def _share(gpu: Gpu, ask: GpuShare) -> list[Tenant]:
    memory, sharing = gpu.memory_mib, gpu.sharing
    milli = ask.milli or max(1, 1000 * ask.memory_mib // memory)
    mib = ask.memory_mib or ask.milli * memory // getattr(sharing, "capacity_milli", 1000)
    if milli > getattr(sharing, "capacity_milli", 1000) or mib > memory:
        return []
    if isinstance(sharing, Exclusive):
        return [Tenant(1000, memory)]
    if isinstance(sharing, Mps) and sharing.replicas:
        part = sharing.capacity_milli // sharing.replicas, memory // sharing.replicas
        return [Tenant(*part)] if milli <= part[0] and mib <= part[1] else []
    if isinstance(sharing, Mps) and sharing.chunk_sm:
        chunks = (gpu.product.sm_count or 0) // sharing.chunk_sm
        wanted = -(-milli * chunks // 1000)
        milli = wanted * 1000 // chunks
    if isinstance(sharing, TimeSlicing):
        mib = mib + (sharing.context_mib if ask.memory_mib else 0)
        mib = mib if sharing.check_memory else 0
    return [Tenant(milli, mib)]
