"""Every way to place one member that differs from the others: what a search chooses among."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.gangs.frame import EVERYWHERE, Frame, Room
from bayplan.scheduler.gangs.members import Member
from bayplan.scheduler.gangs.selecting import selections, states_around
from bayplan.scheduler.islands import ANY
from bayplan.scheduler.mig.tables import bits_of
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import ask_of
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import Decision, Grant, Placement, Request, Slot

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

_MOST = 96
"""Options of one member that are looked at, the tightest rows first."""

_NO_KEY = np.uint64(0)

State: TypeAlias = tuple[object, ...]
"""All of a row that matters to what may still come to it."""


Rank: TypeAlias = Callable[[int, int], float]
"""How good a row is, by its free milli-GPU and CPU; the least is tried first."""


class Option(NamedTuple):
    """A way to place a member, its row, and the rows (this one too) that are in the same state."""

    decision: Decision
    row: int
    twins: list[int]


def least_gpu(milli: int, cpu: int) -> float:
    """Return the free milli-GPU, then the free CPU: best fit by the scarcer of the two."""
    return milli * 1e9 + cpu


def least_cpu(milli: int, cpu: int) -> float:
    """Return the free CPU, then the free milli-GPU."""
    return cpu * 1e6 + milli


def most_cpu_a_gpu(milli: int, cpu: int) -> float:
    """Return the free milli-GPU for each free millicore: rows that run out of GPU first."""
    return milli / (cpu + 1)


class Options:
    """The ways to place a member on the rows of a domain, the fullest rows first.

    Of rows in the same state (with the same labels, domains and amounts) only the lowest is
    named, and of a row's GPUs in the same state only the first.
    """

    def __init__(
        self,
        engine: Engine,
        frame: Frame,
        members: Sequence[Member],
        now_s: float,
        rank: Rank,
    ) -> None:
        self._engine = engine
        # Names of hosts are labels too: they count only where someone asks for labels.
        self._labelled = any(_asks_for_labels(member.request) for member in members)
        # Which GPUs a member takes matters to others beyond their number.
        self._apart = frame.islands is not None or any(
            shape.near is not None for member in members for shape in member.shapes
        )
        self._frame = frame
        self._now_s = now_s
        self._rank = rank

    def of(
        self, member: Member, room: Room, rows: BoolArray, closed: frozenset[int]
    ) -> list[Option]:
        """Return the options on other rows than the ``closed`` ones; those of a row adjoin."""
        found: list[tuple[tuple[float, ...], Option]] = []
        allowed = room.allowed(member, rows).copy()
        allowed[list(closed)] = False
        view = self._engine.cluster.view
        for number, shape in self._ways(member, room):
            if shape.refusal:
                continue
            alike = self._engine.column_of(shape)
            fits = allowed & (self._engine.columns.codes(alike) == 0)
            seen: dict[State, list[int]] = {}
            for row in np.flatnonzero(fits).tolist():
                twins = seen.setdefault(self._state(row, room), [])
                twins.append(row)
                if len(twins) > 1:
                    continue
                rank = self._rank(view.idle_milli.item(row), view.cpu_free_milli.item(row))
                score = self._engine.columns.scores(alike).item(row)
                for i, placement in enumerate(self._placements(shape, alike, row)):
                    decision = Decision(member.request, self._now_s, placement, score)
                    found.append(((rank, row, number, i), Option(decision, row, twins)))
            if len(found) >= _MOST:
                break
        found.sort(key=lambda ranked: ranked[0])
        return [option for _, option in found[:_MOST]]

    def _ways(self, member: Member, room: Room) -> Iterator[tuple[int, Shape]]:
        """Yield the shapes of a member, for all islands that its segment may come to be in."""
        for request in room.ways(member):
            yield from enumerate(self._engine.shapes(request))

    def _state(self, row: int, room: Room) -> State:
        view, frame = self._engine.cluster.view, self._frame
        start = view.slot_start.item(row)
        own = slice(start, start + view.slot_count.item(row))
        segments = EVERYWHERE if frame.islands else frame.segments
        domains = tuple([ids.item(row) for ids in (segments, frame.spreads) if ids.size])
        return (
            domains,
            room.open_on(row),
            view.island.item(row) if self._apart else 0,
            view.cpu_free_milli.item(row),
            view.memory_free_mib.item(row),
            view.resources_free[row].tobytes(),
            view.slot_kind[own].tobytes(),
            view.slot_free_milli[own].tobytes(),
            view.slot_free_mib[own].tobytes(),
            view.slot_used[own].tobytes(),
            self._engine.cluster.node_at(row).labels if self._labelled else (),
        )

    def _placements(self, shape: Shape, alike: Shape, row: int) -> Iterator[Placement]:
        engine = self._engine
        view, needs = engine.cluster.view, engine.columns.needs(alike)
        ask = ask_of(view, shape, needs, row, _NO_KEY)
        if self._apart and shape.count and (shape.want.whole or shape.count > 1):
            for chosen in selections(view, shape, ask):
                yield engine.placement_on(shape, ask, chosen)
            return
        if shape.count != 1 or shape.want.whole:
            yield engine.placement(shape, row)
            return
        start = view.slot_start.item(row)
        seen: set[tuple[object, ...]] = set()
        around = states_around(view, row) if self._apart else {}
        number = shape.near.number if shape.near else ANY
        for index in self._slots(needs, start, view.slot_count.item(row)):
            slot = start + index
            if number not in (ANY, view.slot_gpu.item(slot) // max(1, view.island.item(row))):
                continue
            state = (
                around.get(index, b""),
                view.slot_kind.item(slot),
                view.slot_free_milli.item(slot),
                view.slot_free_mib.item(slot),
                view.slot_used.item(slot),
            )
            if state in seen:
                continue
            seen.add(state)
            placement = engine.placement_on(shape, ask, [index])
            yield placement
            yield from self._other_starts(shape, needs, slot, placement)

    def _slots(self, needs: Needs, start: int, count: int) -> list[int]:
        """Return the indices of slots with room, the fullest first."""
        view = self._engine.cluster.view
        free = []
        for index in range(count):
            slot = start + index
            need = needs.by_kind[view.slot_kind.item(slot)]
            milli, mib = view.slot_free_milli.item(slot), view.slot_free_mib.item(slot)
            able = view.slot_able.item(slot) >> need.shift & 15
            if not need.code and milli >= need.milli and mib >= need.mib and able:
                free.append((milli, index))
        return [index for _, index in sorted(free)]

    def _other_starts(
        self, shape: Shape, needs: Needs, slot: int, placement: Placement
    ) -> Iterator[Placement]:
        view = self._engine.cluster.view
        number = view.slot_kind.item(slot)
        kind, profile = view.kinds.kinds[number], needs.by_kind[number].profile
        if not kind.is_dynamic_mig or profile is None:
            return
        grant = next(grants[0] for grants in placement.grants if grants)
        used = view.slot_used.item(slot)
        for start in profile.starts:
            if start == grant.slot.start or used & bits_of(profile, start):
                continue
            other = Grant(
                Slot(grant.slot.gpu, start, grant.slot.size, grant.slot.profile),
                grant.milli,
                grant.memory_mib,
            )
            yield Placement(
                placement.node,
                tuple([(other,) if grants else () for grants in placement.grants]),
                placement.chosen,
            )


def _asks_for_labels(request: Request) -> bool:
    return bool(request.node_labels) or request.constraints is not None
