"""Which domains cannot hold a gang whose members have constraints, said before any search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.gangs.counts import Bounds, at_most, held_by_domain
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.members import Member, Party
from bayplan.scheduler.gangs.siblings import Suiting, looks_at_pods

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

MOST_KINDS = 32
"""How many kinds of members with constraints of their own are counted."""


def may_hold(engine: Engine, party: Party, frame: Frame) -> BoolArray | None:
    """Return which domains (n_domains,) are not too small for the members that are needed.

    Constraints only take rows away, so bounds on free room hold for members with constraints, too;
    and where a kind looks at no pods, only rows that suit it count. None: no member has any, and
    ``Bounds`` say all that there is to say. Members with claims do not count.
    """
    needed = tuple([member for member in party.needed if not member.has_claim])
    if all(member.request.constraints is None for member in needed):
        return None
    bounds = Bounds(engine, frame, needed, gathered=party.gathered, constrained=True)
    may = bounds.holding(bounds.counts)
    suiting = Suiting(engine)
    for members in islice(_steady(needed), MOST_KINDS):
        first = members[0]
        rows = suiting.rows(first.request, frame.rows)
        held = held_by_domain(at_most(engine, first.kind, rows, party.gathered), frame)
        may[: held.size] &= held >= len(members)
        may[held.size :] = False
    return may


def _steady(members: Iterable[Member]) -> Iterator[list[Member]]:
    """Yield the members of each kind for which the rows that suit stay the same."""
    groups: dict[object, list[Member]] = {}
    for member in members:
        groups.setdefault((member.kind, id(member.request.constraints)), []).append(member)
    for group in groups.values():
        constraints = group[0].request.constraints
        if constraints is not None and not looks_at_pods(constraints):
            yield group
