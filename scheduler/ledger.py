"""Writing what a tenancy takes into the arrays, and moving tenancies when slots are cut anew."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.kernels.change import change_room
from bayplan.scheduler.health import is_unhealthy
from bayplan.scheduler.tenancy import NO_CLASS, Tenancy
from bayplan.scheduler.view import View

_HOST = ((-1, 0, 0, 0),)
"""Of the slots of a node, none."""


def change(view: View, sign: int, tenancy: Tenancy) -> None:
    """Allocate (``sign`` -1) or release (+1) a tenancy."""
    row = tenancy.row
    cpu, memory, gpu_class = tenancy.cpu, tenancy.memory, tenancy.gpu_class
    some_unhealthy = bool(view.kinds.unhealthy)
    if gpu_class >= view.class_pods.shape[1]:
        view.reserve_classes(gpu_class)
    for slot, milli, mib, units in tenancy.taken or _HOST:
        if some_unhealthy and is_unhealthy(view, slot):
            view.slot_used[slot] -= sign * units  # nothing of it is free, whoever comes or goes
            slot = -1
        change_room(
            sign,
            row,
            cpu,
            memory,
            slot,
            milli,
            mib,
            units,
            *view.for_change,
            view.kinds.tables,
            gpu_class,
            view.class_pods,
        )
        cpu, memory, gpu_class = 0, 0, NO_CLASS  # once a pod
    for column, amount in tenancy.resources:
        view.resources_free[row, column] += sign * amount


def moved(tenancy: Tenancy, went: Mapping[int, int]) -> Tenancy:
    """Return a tenancy whose slots went elsewhere."""
    taken = tuple([(went[s], milli, mib, units) for s, milli, mib, units in tenancy.taken])
    return tenancy._replace(slots=tuple([part[0] for part in taken]), taken=taken)
