"""In which order members are placed one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from bayplan.scheduler.gangs.members import Member

Unit: TypeAlias = list[Member]
"""Members that are placed next to each other: a segment, or one member."""


def by_size(members: Sequence[Member]) -> list[Member]:
    """Return members with the largest first; segments stay together, the largest first."""
    return _sorted(members, _largeness)


def by_cpu(members: Sequence[Member]) -> list[Member]:
    """Return members with those of most CPU first; segments as in ``by_size``."""
    return _sorted(members, lambda member: (-member.size[2], *_largeness(member)))


def _sorted(members: Sequence[Member], key: Callable[[Member], tuple[int, ...]]) -> list[Member]:
    units = [sorted(unit, key=key) for unit in units_of(members)]
    units.sort(key=lambda unit: (-len(unit), *key(unit[0])))
    return [member for unit in units for member in unit]


def _largeness(member: Member) -> tuple[int, ...]:
    return *(-n for n in member.size), member.order


def units_of(members: Sequence[Member]) -> list[Unit]:
    """Return segments together, and members without one alone, in order of their first."""
    first: dict[object, int] = {}
    for member in members:
        first.setdefault(member.segment or member.order, len(first))
    ordered = sorted(members, key=lambda m: first[m.segment or m.order])
    return [list(unit) for _, unit in groupby(ordered, lambda m: first[m.segment or m.order])]
