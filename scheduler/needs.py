"""What a request takes of a slot, by kind of slot: what kernels look up instead of asking modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayplan.kernels.fit import needed_mib, needed_milli
from bayplan.scheduler.arrays import FloatTable, IntTable
from bayplan.scheduler.hardware import smallest_covering
from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.kinds import Kind
from bayplan.scheduler.mig.tables import SEAT_SHIFT, shift_of
from bayplan.scheduler.sharing import Exclusive, Mig, Mps, TimeSlicing, isolation_of
from bayplan.scheduler.types import GPU_MILLI, Isolation, Reason

# Asked a few times, from Python: loading the compiled code takes longer than that.
_needed_milli = getattr(needed_milli, "py_func", needed_milli)
_needed_mib = getattr(needed_mib, "py_func", needed_mib)

NEVER = 1 << 50
"""More milli-GPU than any slot has: the need of a request that a kind of slot cannot serve."""


class Want(NamedTuple):
    """What a device request wants of each slot, whatever the slot.

    ``milli``, ``mib`` and ``memory_milli`` as in ``GpuShare`` (0: derived); a whole GPU is 1000
    milli and ``whole``.
    ``profile`` is a MIG profile's name or empty. ``spread``: several GPUs are wanted.
    ``least_mib``, ``uuids`` and ``not_uuids`` as in ``DeviceRequest``.
    """

    milli: int = 0
    mib: int = 0
    whole: bool = False
    profile: str = ""
    models: tuple[str, ...] = ()
    isolation: Isolation | None = None
    spread: bool = False
    memory_milli: int = 0
    least_mib: int = 0
    uuids: tuple[str, ...] = ()
    not_uuids: tuple[str, ...] = ()

    @property
    def which(self) -> tuple[object, ...]:
        """Which GPUs it may have, whatever is free of them."""
        return self.models, self.least_mib, self.uuids, self.not_uuids


class Need(NamedTuple):
    """What a want takes of a slot of one kind.

    ``code`` is ``Reason.FITS`` or why slots of the kind never serve it; then ``milli`` is
    ``NEVER``, and ``most`` of an unhealthy GPU what it would hold. ``shift`` says where in the
    slot's ``able`` stands how many more fit; ``most``, how many of it one slot may hold for one
    pod. ``profile`` is the MIG instance that it becomes or is in.
    """

    code: Reason
    milli: int = NEVER
    mib: int = 0
    shift: int = SEAT_SHIFT
    most: int = 1
    profile: MigProfile | None = None


class Needs(NamedTuple):
    """The needs of one shape, by kind of slot, as kernels take them.

    ``table`` (6, n_kinds) is stated in ``kernels.fit``. Its last row is a row of ``places``
    (n_profiles, n_masks), the bits that a new MIG instance takes, and of ``gains``, how good a
    place that is; -1 where a seat is taken.
    """

    table: IntTable
    places: IntTable
    gains: FloatTable
    by_kind: tuple[Need, ...]


def as_table(needs: Sequence[Need], place: Sequence[int]) -> IntTable:
    """Return needs by kind, and their rows of places, as a table (6, n_kinds)."""
    rows = [
        (need.code, need.milli, need.mib, need.shift, need.most, row)
        for need, row in zip(needs, place, strict=True)
    ]
    return np.ascontiguousarray(np.array(rows, np.int64).reshape(len(rows), 6).T)


def need_of(want: Want, kind: Kind) -> Need:
    """Return what a want takes of a slot of a kind."""
    if not kind.healthy:
        need = need_of(want, replace(kind, healthy=True))
        return need if need.code else Need(Reason.GPU_UNHEALTHY, most=need.most)
    if want.models and kind.model not in want.models:
        return Need(Reason.GPU_MODEL)
    if (want.uuids or want.not_uuids) and not _is_named_well(want, kind):
        return Need(Reason.GPU_UUID)
    need = _of_any(want, kind)
    if need.code or not want.least_mib:
        return need
    memory = kind.memory_mib if need.profile is None else need.profile.memory_mib
    return need if memory >= want.least_mib else Need(Reason.GPU_COUNT)


def _is_named_well(want: Want, kind: Kind) -> bool:
    # Which GPU the device plugin is to pick nobody knows: it may be one to avoid.
    allowed = not want.uuids or kind.uuid in want.uuids
    return allowed and kind.uuid not in want.not_uuids and not kind.anonymous


def _of_any(want: Want, kind: Kind) -> Need:
    """Return what a want takes of a slot of a kind that it may have."""
    if want.profile:
        return _instance(want, kind)
    if want.memory_milli:
        want = _in_mib(want, kind)
    if want.whole:
        return _whole(want, kind)
    need = _share(want, kind)
    if need.code:
        return need
    if need.milli > kind.capacity_milli or need.mib > kind.memory_mib:
        return Need(Reason.GPU_COUNT)
    if kind.anonymous and need.milli < kind.capacity_milli:
        return Need(Reason.GPU_ANONYMOUS)
    if want.isolation is not None and isolation_of(kind.sharing) is not want.isolation:
        return Need(Reason.ISOLATION)
    return need


def _in_mib(want: Want, kind: Kind) -> Want:
    memory = kind.memory_mib
    if kind.is_mig and kind.product is not None:
        # A part of the GPU, not of the instance, and of what its instances may have together.
        memory = max(profile.memory_mib for profile in kind.product.profiles)
    return want._replace(mib=max(1, want.memory_milli * memory // GPU_MILLI))


def _instance(want: Want, kind: Kind) -> Need:
    if not kind.is_mig or kind.product is None:
        return Need(Reason.PROFILE)
    profile = next((p for p in kind.product.profiles if p.name == want.profile), None)
    if profile is None or kind.profile not in (None, profile):
        return Need(Reason.PROFILE)
    if kind.profile is not None:
        return _all_of(kind)
    return _new_instance(want, kind, profile)


def _new_instance(want: Want, kind: Kind, profile: MigProfile) -> Need:
    assert kind.product is not None
    milli = profile.size * GPU_MILLI // kind.product.units
    shift = shift_of(kind.product, profile)
    most = 1 if want.spread else profile.max_instances
    return Need(Reason.FITS, milli, profile.memory_mib, shift, most, profile)


def _all_of(kind: Kind) -> Need:
    return Need(Reason.FITS, kind.capacity_milli, kind.memory_mib, SEAT_SHIFT, 1, kind.profile)


def _whole(want: Want, kind: Kind) -> Need:
    if kind.profile is not None or want.mib > kind.memory_mib:
        return Need(Reason.GPU_COUNT)  # partitioned: no GPU of it is whole
    if kind.is_plain and want.mib:
        return Need(Reason.FITS, GPU_MILLI, want.mib)
    return _all_of(kind)


def _share(want: Want, kind: Kind) -> Need:
    if isinstance(kind.sharing, Mig):
        return _share_of_mig(want, kind)
    if kind.profile is not None:
        return _share_of_instance(want, kind)
    memory = kind.memory_mib
    # Memory is not oversubscribed: what is derived is the pod's part of what is handed out.
    milli = _needed_milli(want.milli, want.mib, memory)
    mib = _needed_mib(want.milli, want.mib, memory, kind.capacity_milli)
    sharing = kind.sharing
    if isinstance(sharing, Exclusive):
        if mib > memory or milli > GPU_MILLI:
            return Need(Reason.GPU_COUNT)
        return _all_of(kind)
    if isinstance(sharing, Mps):
        return _mps(sharing, kind, milli, mib)
    if isinstance(sharing, TimeSlicing):
        # Memory that is only derived is the pod's part of the GPU, its context included.
        context = sharing.context_mib if want.mib else 0
        if mib > memory:
            return Need(Reason.GPU_COUNT)  # too much alone, whoever looks at the sum
        return Need(Reason.FITS, milli, mib + context if sharing.check_memory else 0)
    return Need(Reason.FITS, milli, mib)


def _mps(mps: Mps, kind: Kind, milli: int, mib: int) -> Need:
    if mps.replicas:
        part, memory = kind.capacity_milli // mps.replicas, kind.memory_mib // mps.replicas
        if milli > part or mib > memory:
            return Need(Reason.GPU_COUNT)
        return Need(Reason.FITS, part, memory)
    if mps.chunk_sm:
        milli = _in_chunks(mps, kind, milli)
    return Need(Reason.FITS, milli, mib)


def _in_chunks(mps: Mps, kind: Kind, milli: int) -> int:
    sm_count = (kind.product.sm_count if kind.product else None) or 0
    chunks = sm_count // mps.chunk_sm
    if not chunks:
        return NEVER
    return -(-milli * chunks // GPU_MILLI) * GPU_MILLI // chunks


def _share_of_mig(want: Want, kind: Kind) -> Need:
    assert kind.product is not None
    if want.spread:
        return Need(Reason.MIG_SPAN)
    if kind.profile is not None:
        return _all_of(kind) if _is_smallest(want, kind) else Need(Reason.GPU_COUNT)
    profile = smallest_covering(kind.product, want.milli, want.mib)
    return _new_instance(want, kind, profile) if profile else Need(Reason.GPU_COUNT)


def _is_smallest(want: Want, kind: Kind) -> bool:
    """Whether of the instances of its layout this is the smallest that covers a share."""
    assert kind.product is not None
    assert kind.profile is not None
    return _covers(want, kind.product, kind.profile) and not any(
        _covers(want, kind.product, smaller) for smaller in kind.smaller
    )


def _covers(want: Want, product: Product, profile: MigProfile) -> bool:
    return (
        profile.compute_slices * GPU_MILLI >= want.milli * product.compute_slices
        and profile.size * GPU_MILLI >= want.milli * product.units
        and profile.memory_mib >= want.mib
    )


def _share_of_instance(want: Want, kind: Kind) -> Need:
    """Return what a share of a GPU takes of an instance that is itself shared."""
    if want.spread:
        return Need(Reason.MIG_SPAN)
    assert isinstance(kind.sharing, Mps)
    assert kind.product is not None
    assert kind.profile is not None
    if not _covers(want, kind.product, kind.profile):
        return Need(Reason.GPU_COUNT)
    memory = kind.memory_mib
    milli = want.milli or max(1, kind.capacity_milli * want.mib // memory)
    mib = want.mib or milli * memory // kind.capacity_milli
    need = _mps(kind.sharing, kind, milli, mib)
    return need if need.code else need._replace(profile=kind.profile)
