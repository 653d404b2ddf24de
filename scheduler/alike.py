"""What pods take of nodes whose GPUs are all of one kind: worked out once for pods of one class.

Most placements are alike: the same devices, the same grants of the same GPUs of a node. What
``taking`` would look up for each pod again is remembered here.
"""

from __future__ import annotations

from typing import NamedTuple

from bayplan.scheduler.kinds import Kind
from bayplan.scheduler.shape import is_share
from bayplan.scheduler.taking import as_asked, units_in, wish_of
from bayplan.scheduler.tenancy import Tenancy, gpu_class
from bayplan.scheduler.types import DeviceRequest, Grant, Placement, Request
from bayplan.scheduler.view import View

_MAX_KNOWN = 16_384


class _Parts(NamedTuple):
    """(GPU, milli, MiB, units) of each grant; the objects that it was worked out for stay alive."""

    device: DeviceRequest
    grants: tuple[Grant, ...]
    parts: tuple[tuple[int, int, int, int], ...]
    gpu_class: int


class AlikeTakings:
    """A bounded table, emptied when it is full, of one cluster: kinds of slots are its own.

    Found by identity: pods of one class have one ``devices`` object, and an engine gives equal
    grants as one object. Hashing them for every pod would take as long as working it out.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int], _Parts] = {}

    def tenancy(
        self, view: View, request: Request, placement: Placement, row: int
    ) -> Tenancy | None:
        """Return what a pod takes of a row, which need not be free.

        None where that has to be worked out by ``taking``, or the placement is not what the
        request asks for.
        """
        if len(request.devices) != 1 or len(placement.chosen) != 1 or len(placement.grants) != 1:
            return None
        if request.node_labels or request.resources or request.topology is not None:
            return None
        device, grants, chosen = request.devices[0], placement.grants[0], placement.chosen[0]
        number = view.row_kind.item(row)
        known = self._known.get((id(device), id(grants), number, chosen))
        if known is None:
            known = self._new(view, device, grants, number, chosen)
            if known is None:
                return None
        start = view.slot_start.item(row)
        taken = [(start + gpu, milli, mib, units) for gpu, milli, mib, units in known.parts]
        slots = tuple([part[0] for part in taken])
        cpu, memory = request.cpu_milli, request.memory_mib
        return Tenancy(row, cpu, memory, (), slots, tuple(taken), known.gpu_class)

    def _new(
        self, view: View, device: DeviceRequest, grants: tuple[Grant, ...], number: int, chosen: int
    ) -> _Parts | None:
        if number < 0 or device.claim or not grants:
            return None
        kind = view.kinds.kinds[number]
        if kind.anonymous or kind.profile is not None:
            return None
        wish = wish_of(device, chosen)
        if not as_asked(wish, grants, view, number):
            return None
        parts = tuple([_part(kind, grant) for grant in grants])
        share = gpu_class(len(grants), share=is_share(wish.ask))
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        found = _Parts(device, grants, parts, share)
        self._known[id(device), id(grants), number, chosen] = found
        return found


def _part(kind: Kind, grant: Grant) -> tuple[int, int, int, int]:
    return grant.slot.gpu, grant.milli, grant.memory_mib, units_in(kind, grant.slot)
