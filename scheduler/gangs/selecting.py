"""Which GPUs of a node a member may take, where islands tell GPUs in the same state apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bayplan.scheduler.islands import ANY
from bayplan.scheduler.near import islands_on, room_on
from bayplan.scheduler.policies._base import Ask
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import View


def selections(view: View, shape: Shape, ask: Ask) -> Iterator[list[int]]:
    """Yield the choices of slots (indices on the node) for a shape, the tightest islands first.

    Of islands in the same state only the first is named, and of the slots of an island those with
    the least free. One island holds all where the shape requires it; else every way to deal
    its GPUs out to islands is named once.
    """
    groups = _groups(view, shape, ask)
    near = shape.near_required
    if near is None:
        yield from _dealt(groups, shape.count)
        return
    seen = set()
    for number, state, free in groups:
        if near.number in (ANY, number) and len(free) >= shape.count and state not in seen:
            seen.add(state)
            yield free[: shape.count]


Group = tuple[int, bytes, list[int]]
"""An island: its number, its state, and its slots with room, each as often as it has."""


def _groups(view: View, shape: Shape, ask: Ask) -> list[Group]:
    """Return the islands of a row, the fewest slots with room first; one for a row without."""
    found = []
    for number, first, n_slots in islands_on(view, ask.row) or [(0, 0, ask.n_slots)]:
        room = room_on(view, ask, first, n_slots)
        start = ask.start + first
        free = view.slot_free_milli[start : start + n_slots].tolist()
        order = sorted(range(n_slots), key=lambda i: (free[i], i))
        slots = [first + i for i in order for _ in range(room[i])]
        found.append((number, _state(view, start, n_slots), slots))
    return sorted(found, key=lambda group: (len(group[2]), group[1], group[0]))


def _dealt(groups: Sequence[Group], count: int) -> Iterator[list[int]]:
    """Yield the ways to take so many from groups; groups in the same state adjoin."""
    alike = [[group[2] for group in some] for _, some in groupby(groups, lambda g: g[1])]
    return _take(alike, count)


def _take(alike: Sequence[list[list[int]]], count: int) -> Iterator[list[int]]:
    if not count:
        yield []
        return
    if not alike:
        return
    first, *rest = alike
    for some in _of_alike(first, count, count):
        for others in _take(rest, count - len(some)):
            yield some + others


def _of_alike(groups: Sequence[list[int]], count: int, most: int) -> Iterator[list[int]]:
    """Yield ways to take up to ``count``: from each of some groups no more than from the last."""
    if groups:
        for n in range(min(count, most, len(groups[0])), 0, -1):
            for others in _of_alike(groups[1:], count - n, n):
                yield groups[0][:n] + others
    yield []


def states_around(view: View, row: int) -> dict[int, bytes]:
    """Return, by the index of a slot on a row, the state of the island that it is in."""
    start = view.slot_start.item(row)
    return {
        first + i: _state(view, start + first, n_slots)
        for _, first, n_slots in islands_on(view, row)
        for i in range(n_slots)
    }


def _state(view: View, start: int, n_slots: int) -> bytes:
    own = slice(start, start + n_slots)
    arrays = view.slot_kind, view.slot_free_milli, view.slot_free_mib, view.slot_used
    return b"".join(array[own].tobytes() for array in arrays)
