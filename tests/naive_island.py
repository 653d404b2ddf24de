"""Slow oracle of the kernel for GPU islands."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.types import Reason
from naive import Node, Request, Slot


def refit_islands(
    nodes: Sequence[Node],
    codes: dict[int, int],
    sizes: Sequence[int],
    number: int,
    request: Request,
) -> tuple[dict[int, int], list[int]]:
    """The codes of rows once islands of so many GPUs count, and the rows that fit."""
    after = {
        row: _code(nodes[row], code, sizes[row], number, request) for row, code in codes.items()
    }
    return after, [row for row, code in after.items() if code == Reason.FITS]


def _code(node: Node, code: int, size: int, number: int, request: Request) -> int:
    islands: dict[int, list[Slot]] = {}
    for i, slot in enumerate(node.slots if size else ()):
        islands.setdefault(node.gpu_of(i) // size, []).append(slot)
    if number >= 0:
        islands = {number: islands.get(number, [])}
    usable, having, sound = 0, 0, 0
    for slots in islands.values():
        serving = [(slot, request.needs[slot.kind.number]) for slot in slots]
        either = (Reason.FITS, Reason.GPU_UNHEALTHY)
        sound = max(sound, sum(need.most for _, need in serving if need.code in either))
        serving = [(slot, need) for slot, need in serving if need.code == Reason.FITS]
        usable = max(usable, sum(need.most for _, need in serving))
        having = max(
            having,
            sum(
                min(slot.left(need.thing), need.most, slot.free_milli // need.milli)
                for slot, need in serving
                if slot.free_milli >= need.milli and slot.free_mib >= need.mib
            ),
        )
    if code != Reason.FITS and code <= Reason.TOPOLOGY:
        return code
    if usable < request.count:
        return Reason.TOPOLOGY if sound < request.count else Reason.GPU_UNHEALTHY
    return Reason.ISLAND_FREE if code == Reason.FITS and having < request.count else code
