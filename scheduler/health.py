"""GPUs that are told apart from others of their node, while pods may be on them.

Some have a uuid that a request names, and so a kind of their own. Others take no new pods: a slot
of such a GPU is of another kind, too (``Kind.healthy`` is False), which no request may have, and
nothing of it is free; ``slot_used`` goes on to say what is on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.kinds import NodeSlots, slots_of
from bayplan.scheduler.tenancy import Tenancy
from bayplan.scheduler.types import Node, Placement
from bayplan.scheduler.view import NO_KIND, View


def is_unhealthy(view: View, slot: int) -> bool:
    """Whether a slot, by its flat number (below 0: none), takes no new pods."""
    return slot >= 0 and view.slot_kind.item(slot) in view.kinds.unhealthy


def may_return(view: View, row: int, node: Node, placement: Placement) -> bool:
    """Whether a pod that is on a row might be put where it is again, were it to leave.

    That is while the row takes pods, and no GPU that the pod has is unhealthy. Where the device
    plugin picks GPUs, it is while no unhealthy one is in use.
    """
    if not view.schedulable.item(row):
        return False
    grants = [grant for each in placement.grants for grant in each]
    if not (node.unhealthy and grants):
        return True
    if not node.anonymous_gpus:
        return not any(grant.slot.gpu in node.unhealthy for grant in grants)
    start = view.slot_start.item(row)
    own = range(start, start + view.slot_count.item(row))
    return not any(view.slot_used.item(slot) and is_unhealthy(view, slot) for slot in own)


def kinds_of(view: View, row: int, node: Node, slots: NodeSlots) -> IntArray:
    """Return the kind of each slot of a row, as an index into the kinds of ``slots``: (n_slots,).

    Where the device plugin picks GPUs, nobody knows which of them a pod has. So many as are
    unhealthy are taken away from those that are free, the last ones first, so that what is left
    is the GPUs less the unhealthy ones less the used ones, as kube-scheduler counts
    (``allocatable`` less requests); only when none is free, from those in use.
    """
    if not (node.anonymous_gpus and node.unhealthy):
        return slots.kind
    start = view.slot_start.item(row)
    used = view.slot_used[start : start + len(slots)] != 0
    # Free ones before those in use, and the last one first.
    order = np.lexsort((-np.arange(len(slots)), used))
    kind = np.empty(len(slots), np.int64)
    kind[order] = slots.kind[::-1]  # there the unhealthy ones are the last
    return kind


def mark(view: View, row: int, node: Node, tenancies: Iterable[Tenancy]) -> None:
    """Let the slots of a row be of the kinds that health and names of its GPUs ask for.

    Parameters
    ----------
    view
        The arrays, which are written.
    row
        The row of ``node``, whose slots are there.
    node
        The node as it is by now.
    tenancies
        What is on the row.
    """
    slots = slots_of(node)
    if not len(slots):
        return
    numbers = np.array([view.kinds.number(kind) for kind in slots.kinds], np.int64)
    start, taken = view.slot_start.item(row), _taken(tenancies)
    own = slice(start, start + len(slots))
    wanted = numbers[kinds_of(view, row, node, slots)]
    for index in np.flatnonzero(view.slot_kind[own] != wanted).tolist():
        slot, number = start + index, wanted.item(index)
        kind = view.kinds.kinds[number]
        view.slot_kind[slot] = number
        milli, mib = taken.get(slot, (0, 0))
        view.slot_free_milli[slot] = kind.capacity_milli - milli if kind.healthy else 0
        view.slot_free_mib[slot] = kind.memory_mib - mib if kind.healthy else 0
        view.slot_able[slot] = view.kinds.able(number, view.slot_used.item(slot))
    view.idle_milli[row] = view.slot_free_milli[own].sum()
    view.row_kind[row] = numbers[0] if len(slots.kinds) == 1 else NO_KIND
    view.has_mixed |= len(slots.kinds) > 1


def _taken(tenancies: Iterable[Tenancy]) -> dict[int, tuple[int, int]]:
    """Return what is taken of each slot: milli-GPU and MiB."""
    found: dict[int, tuple[int, int]] = {}
    for tenancy in tenancies:
        for slot, milli, mib, _ in tenancy.taken:
            before = found.get(slot, (0, 0))
            found[slot] = before[0] + milli, before[1] + mib
    return found
