"""Depth-first search with a bound on its steps, where greedy placing found nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from bayplan.scheduler.gangs.counts import held_by_domain, held_of_kind
from bayplan.scheduler.gangs.frame import Frame, Room
from bayplan.scheduler.gangs.members import Member
from bayplan.scheduler.gangs.options import (
    Option,
    Options,
    Rank,
    least_cpu,
    least_gpu,
    most_cpu_a_gpu,
)
from bayplan.scheduler.gangs.orders import by_cpu, by_size
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.types import Decision


class Variant(NamedTuple):
    """An order of members and a rank of rows: what one descent is led by."""

    order: Callable[[Sequence[Member]], list[Member]]
    rank: Rank


VARIANTS = (
    Variant(by_size, least_gpu),
    Variant(by_size, least_cpu),
    Variant(by_cpu, least_gpu),
    Variant(by_cpu, least_cpu),
    Variant(by_size, most_cpu_a_gpu),
    Variant(by_cpu, most_cpu_a_gpu),
)
"""Tried in turn: where one descent errs near its root, another often does not."""


class Backtrack:
    """Tries the ways to place the members of a gang in one domain, largest members first.

    A branch is left as soon as some kind of the members to come has, by count, too little room.
    Where a member found no plan on a row, members like it are not tried there either. Complete
    as long as the budget lasts, for members with one GPU or instance, whole GPUs or none;
    for several instances of one pod, only the policy's choice of GPUs is tried.
    """

    def __init__(self, search: Search, domain: int, budget: Budget, variant: Variant) -> None:
        self._search = search
        self._budget = budget
        self._rows = search.frame.within(domain)
        self._members = variant.order(search.party.needed)
        self._options = Options(
            search.engine, search.frame, self._members, search.now_s, variant.rank
        )

    def run(self) -> list[Decision] | None:
        """Return decisions for all that are needed and as many more as fit, or None."""
        room = self._search.frame.room()
        placed: list[Decision] = []
        with self._search.engine.cluster.trial():
            left = self._deeper(0, room, placed, frozenset())
            if left is None:
                return None
            self._search.grow(left, self._rows, placed, self._budget)
        return placed

    def _deeper(
        self, depth: int, room: Room, placed: list[Decision], closed: frozenset[int]
    ) -> Room | None:
        """Place the members from ``depth`` on; what was applied stays if that worked.

        ``closed`` are rows on which members like the one before were tried in vain.
        """
        if depth == len(self._members):
            return room
        if self._hopeless(depth, room):
            return None
        member = self._members[depth]
        if not depth or not _alike(member, self._members[depth - 1]):
            closed = frozenset()
        options = self._options.of(member, room, self._rows, closed)
        for _, on_row in groupby(options, lambda option: option.row):
            for option in on_row:
                if not self._budget.spend():
                    return None
                found = self._try(depth, option, room, placed, closed)
                if found is not None:
                    return found
            closed = closed.union(option.twins)
        return None

    def _try(
        self,
        depth: int,
        option: Option,
        room: Room,
        placed: list[Decision],
        closed: frozenset[int],
    ) -> Room | None:
        after = room.copy()
        with self._search.engine.cluster.trial() as trial:
            self._search.commit(self._members[depth], option.decision, after)
            placed.append(option.decision)
            found = self._deeper(depth + 1, after, placed, closed)
            if found is not None:
                trial.keep()
                return found
        placed.pop()
        return None

    def _hopeless(self, depth: int, room: Room) -> bool:
        frame = self._search.frame
        rest = self._members[depth:]
        here = Frame(
            self._rows, None, frame.domains[:0], frame.segments, frame.spreads, room.quota, -1, {}
        )
        for kind, n in Counter(member.kind for member in rest).items():
            held = held_of_kind(self._search.engine, kind, self._rows, len(rest))
            if held_by_domain(held, here)[0] < n:
                return True
        return False


def _alike(member: Member, other: Member) -> bool:
    return member.kind == other.kind and member.segment == other.segment
