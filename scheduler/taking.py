"""What a placement takes of its node, and whether the node can still give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bayplan.scheduler.errors import Conflict, InvalidRequest
from bayplan.scheduler.health import is_unhealthy
from bayplan.scheduler.islands import stays_near
from bayplan.scheduler.kinds import Kind
from bayplan.scheduler.labels import has_labels
from bayplan.scheduler.mig.tables import all_units, bits_of
from bayplan.scheduler.needs import Need
from bayplan.scheduler.shape import is_share
from bayplan.scheduler.tenancy import NO_CLASS, Claim, Tenancy, gpu_class
from bayplan.scheduler.types import (
    ANONYMOUS,
    DeviceRequest,
    Grant,
    Node,
    Placement,
    Request,
    Slot,
)
from bayplan.scheduler.view import View

Grants = tuple[Grant, ...]
Flat = tuple[int, ...]
"""Flat slot numbers, or what goes with them."""

Taken = tuple[tuple[int, int, int, int], ...]

NOWHERE = -1


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
        wish = wish_of(devices[0], placement.chosen[0])
        return _own(request, row, view, placement.grants[0], (), is_share(wish.ask)), {}
    own: Grants = ()
    share = False
    shared: dict[str, Claim] = {}
    taken: Flat = ()
    for device, chosen, grants in zip(devices, placement.chosen, placement.grants, strict=True):
        wish = wish_of(device, chosen)
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
        taken += present.tenancy.slots
    return _own(request, row, view, own, taken, share), shared


def wish_of(device: DeviceRequest, chosen: int) -> DeviceRequest:
    """Return the wish of a device request that a placement chose."""
    return device.alternatives[chosen - 1] if chosen else device


def _own(request: Request, row: int, view: View, own: Grants, taken: Flat, share: bool) -> Tenancy:
    resources = _columns(view, request.resources) if request.resources else ()
    cpu, memory = request.cpu_milli, request.memory_mib
    return Tenancy(row, cpu, memory, resources, *_take(view, row, own, taken, share))


def _columns(view: View, resources: tuple[tuple[str, int], ...]) -> tuple[tuple[int, int], ...]:
    known = view.resource_names
    return tuple([(known.index(name) if name in known else -1, n) for name, n in resources if n])


def suits(
    request: Request, placement: Placement, row: int, node: Node, view: View,
    claims: Mapping[str, Claim],
) -> bool:  # fmt: skip
    """Whether a placement is what the request asks for of a node as it is by now.

    Of claims that are allocated only the health of their GPUs counts: ``taken_by`` compares them.
    """
    if request.node_labels and not has_labels(node, request.node_labels):
        return False
    if request.topology is not None and not stays_near(request, placement, view.island.item(row)):
        return False
    dealt = zip(request.devices, placement.chosen, placement.grants, strict=True)
    for device, chosen, grants in dealt:
        if device.claim in claims:
            if is_stranded(view, claims[device.claim]):
                return False
        elif not _as_asked(wish_of(device, chosen), grants, row, view):
            return False
    return True


def is_stranded(view: View, claim: Claim) -> bool:
    """Whether a claim takes no new users, because it has a GPU that takes no new pods."""
    return bool(view.kinds.unhealthy) and any(
        is_unhealthy(view, slot) for slot in claim.tenancy.slots
    )


def _as_asked(wish: DeviceRequest, grants: Grants, row: int, view: View) -> bool:
    number = view.row_kind.item(row)
    if grants and number == NOWHERE:
        return len(grants) == wish.ask.count and _as_asked_of_mixed(wish, grants, row, view)
    return as_asked(wish, grants, view, number)


def as_asked(wish: DeviceRequest, grants: Grants, view: View, number: int) -> bool:
    """Whether grants are what a device request asks for of slots of the kind of that number."""
    if len(grants) != wish.ask.count:
        return False
    if not grants:
        return True
    kind = view.kinds.kinds[number]
    for need in view.kinds.needs_of(wish, number):
        for grant in grants:
            if not _is_need(kind, need, grant):
                break
        else:
            return True
    return False


def _as_asked_of_mixed(wish: DeviceRequest, grants: Grants, row: int, view: View) -> bool:
    flat = [flat_slot(view, row, grant.slot) for grant in grants]
    if NOWHERE in flat:
        return False
    kinds, numbers = view.kinds, [view.slot_kind.item(slot) for slot in flat]
    needs = [kinds.needs_of(wish, number) for number in numbers]
    # All of one accepted isolation.
    return any(
        all(
            _is_need(kinds.kinds[number], need, grant)
            for number, need, grant in zip(numbers, each, grants, strict=True)
        )
        for each in zip(*needs, strict=True)
    )


def _is_need(kind: Kind, need: Need, grant: Grant) -> bool:
    slot, profile = grant.slot, need.profile
    if grant.milli != need.milli or grant.memory_mib != need.mib:
        return False
    if (slot.gpu == ANONYMOUS) != kind.anonymous:
        return False
    if profile is None:
        return not slot.size and not slot.profile
    # Where an instance of a layout is was looked up; a new one may start where its profile may.
    legal = kind.profile is not None or slot.start in profile.starts
    return legal and slot.size == profile.size and slot.profile == profile.name


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
    if not _slots_free(view, row, own):
        return False
    if not new:
        return len(set(own.slots)) == len(own.slots) or _together_free(view, (own,))
    # Each by itself first: a negative one must not hide in the sum.
    return all(_slots_free(view, row, tenancy) for tenancy in new) and _together_free(
        view, (own, *new)
    )


def _slots_free(view: View, row: int, tenancy: Tenancy) -> bool:
    start = view.slot_start.item(row)
    stop = start + view.slot_count.item(row)
    plain = view.kinds.all_plain
    for slot, milli, mib, units in tenancy.taken:
        if not (
            start <= slot < stop
            and view.slot_free_milli.item(slot) >= milli >= 0
            and view.slot_free_mib.item(slot) >= mib >= 0
            and (plain or view.slot_table.item(slot) < 0 or _units_free(view, slot, (units,)))
        ):
            return False
    return True


def _units_free(view: View, slot: int, units: Sequence[int]) -> bool:
    if view.slot_table.item(slot) < 0:
        return True
    kind = view.kinds.kinds[view.slot_kind.item(slot)]
    used = view.slot_used.item(slot)
    if not kind.is_dynamic_mig:
        return used + len(units) <= kind.seats
    for bits in units:
        if not bits or used & bits:
            return False
        used |= bits
    return True


def _together_free(view: View, tenancies: Sequence[Tenancy]) -> bool:
    """Whether what several tenancies, or one several times, take of the same slots is free."""
    taken: dict[int, list[tuple[int, int, int]]] = {}
    for tenancy in tenancies:
        for slot, milli, mib, units in tenancy.taken:
            taken.setdefault(slot, []).append((milli, mib, units))
        stacked = [slot for slot in set(tenancy.slots) if tenancy.slots.count(slot) > 1]
        if not all(view.kinds.kinds[view.slot_kind.item(slot)].is_dynamic_mig for slot in stacked):
            return False  # several of one pod go to different GPUs
    return all(
        view.slot_free_milli.item(slot) >= sum(milli for milli, _, _ in parts)
        and view.slot_free_mib.item(slot) >= sum(mib for _, mib, _ in parts)
        and _units_free(view, slot, [units for _, _, units in parts])
        for slot, parts in taken.items()
    )


def _take(
    view: View, row: int, grants: Grants, beside: Flat, share: bool
) -> tuple[Flat, Taken, int]:
    """Return (flat slots, what is taken of each, GPU class) of grants on a row.

    ``beside`` are flat slots that the same pod takes beside them.
    """
    if not grants:
        return (), (), NO_CLASS
    plain = view.kinds.all_plain
    if grants[0].slot.gpu == ANONYMOUS:
        flat = _anonymous_slots(view, row, len(grants), beside)
    elif plain:  # a slot a GPU; whether there is such a GPU is looked at later
        start = view.slot_start.item(row)
        flat = tuple([start + grant.slot.gpu for grant in grants])
    else:
        flat = tuple([flat_slot(view, row, grant.slot) for grant in grants])
    taken = tuple(
        [
            (slot, g.milli, g.memory_mib, 1 if plain else units_of(view, slot, g.slot))
            for slot, g in zip(flat, grants, strict=True)
        ]
    )
    return flat, taken, gpu_class(len(grants), share=share)


def _anonymous_slots(view: View, row: int, count: int, beside: Flat) -> Flat:
    # The device plugin picks; counting the lowest free ones keeps the tally right.
    start = view.slot_start.item(row)
    own = slice(start, start + view.slot_count.item(row))
    free = np.flatnonzero(view.slot_free_milli[own] == view.slot_capacity[own]).tolist()
    lowest = [start + i for i in free if start + i not in beside]
    missing = count - len(lowest)  # fewer are free than were promised
    return tuple(lowest[:count] + [NOWHERE] * missing)


def units_of(view: View, flat: int, slot: Slot) -> int:
    """Return what a grant takes of a slot: the bits of a MIG instance, or 1 for a seat."""
    return units_in(view.kinds.kinds[view.slot_kind.item(flat)], slot)


def units_in(kind: Kind, slot: Slot) -> int:
    """Return what a grant takes of a slot of a kind, as ``units_of`` does."""
    if not kind.is_dynamic_mig or kind.product is None:
        return 1
    profile = next((p for p in kind.product.profiles if p.name == slot.profile), None)
    return all_units(kind.product) if profile is None else bits_of(profile, slot.start)


def flat_slot(view: View, row: int, slot: Slot) -> int:
    """Return the flat number of the slot that a grant of a row is in, or ``NOWHERE``."""
    start, count = view.slot_start.item(row), view.slot_count.item(row)
    n_gpus = view.gpu_count.item(row)
    if slot.gpu == ANONYMOUS:
        return start if count else NOWHERE
    if not 0 <= slot.gpu < n_gpus:
        return NOWHERE
    if count == n_gpus and not view.slot_size.item(start + slot.gpu):
        return start + slot.gpu
    own = slice(start, start + count)
    here = view.slot_gpu[own] == slot.gpu
    here &= (view.slot_size[own] == 0) | (view.slot_first[own] == slot.start)
    found = np.flatnonzero(here)
    return start + int(found[0]) if found.size else NOWHERE
