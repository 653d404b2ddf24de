"""How many members each row and each domain holds: what domains are chosen by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayplan.kernels.fit import NIBBLE, SEAT_SHIFT
from bayplan.kernels.gang import hold_members, sum_by_domain
from bayplan.scheduler.arrays import BoolArray, IntArray, IntTable
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.islands import Islands
from bayplan.scheduler.gangs.joint import Joint, summed
from bayplan.scheduler.gangs.members import Kind, Member
from bayplan.scheduler.islands import ANY
from bayplan.scheduler.near import islands_of, most_islands, only_island
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import NO_KIND

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine


UNLIMITED = NIBBLE << SEAT_SHIFT

MOST_A_ROW = 1 << 20
"""How many members that ask for nothing a row is said to hold. Rooms are compared by these counts,
so the number of members is no bound."""


def held_by_row(engine: Engine, shape: Shape, rows: BoolArray, most: int) -> IntArray:
    """Return how many members of a shape each row holds, (n_rows,): exact or an upper bound.

    ``shape`` is one with a column. ``most`` is the most of one row that matters.
    """
    held = _held(engine, shape, rows, most, ANY)
    if shape.near_required is None:
        return held
    by_island = np.zeros_like(held)
    for number in islands_of(shape, engine.cluster.view):
        by_island += _held(engine, shape, rows, most, number)
    return np.minimum(held, by_island)


def _held(engine: Engine, shape: Shape, rows: BoolArray, most: int, number: int) -> IntArray:
    """Return how many each row holds, on all of its GPUs or in the island of a number."""
    view = engine.cluster.view
    out = np.zeros(rows.size, np.int64)
    if shape.refusal:
        return out
    codes = engine.columns.codes(shape)
    names = view.resource_names
    known = [(names.index(name), n) for name, n in shape.resources if name in names]
    needs = engine.columns.needs(shape)
    table, slot_kind, row_kind = needs.table, view.slot_kind, view.row_kind
    slot_able = view.slot_able
    if number != ANY:
        slot_kind, table = only_island(view, needs, number)
        row_kind = np.full_like(row_kind, NO_KIND)
        # Rows are no longer known to be of ungoverned GPUs, of which any number of pods has a seat.
        slot_able = np.where(view.kinds.plain[view.slot_kind], UNLIMITED, slot_able)
    hold_members(
        codes,
        rows,
        shape.cpu,
        shape.memory,
        shape.count,
        table,
        view.kinds.plain,
        np.array([column for column, _ in known], np.int64),
        np.array([n for _, n in known], np.int64),
        most,
        view.cpu_free_milli,
        view.memory_free_mib,
        view.resources_free,
        row_kind,
        view.slot_start,
        view.slot_count,
        slot_kind,
        view.slot_free_milli,
        view.slot_free_mib,
        slot_able,
        out,
    )
    return out


def held_of_kind(engine: Engine, kind: Kind, rows: BoolArray, most: int) -> IntArray:
    """Return at most how many members of a kind each row holds, by any of their shapes."""
    held = held_by_row(engine, kind[0], rows, most)
    for shape in kind[1:]:
        held = np.minimum(held + held_by_row(engine, shape, rows, most), most)
    return held


def held_in_islands(engine: Engine, kind: Kind, rows: BoolArray) -> IntTable:
    """Return at most how many of a kind each island of each row holds, (most islands, n_rows)."""
    numbers = range(most_islands(engine.cluster.view))
    held = np.zeros((len(numbers), rows.size), np.int64)
    for number in numbers:
        for shape in kind:
            held[number] += _held(engine, shape, rows, MOST_A_ROW, number)
    return held


def islands_for(
    engine: Engine, islands: Islands, unit: Sequence[Member], rows: BoolArray
) -> list[int]:
    """Return the numbers of the islands that may hold a segment, those with the least room first.

    Members that depend on others do not count, as in ``Bounds``.
    """
    counts = Counter(member.kind for member in unit if not member.depends)
    may = np.repeat(rows[None, :], islands.most, axis=0)
    room = np.zeros(may.shape, np.int64)
    for kind, n in counts.items():
        held = held_in_islands(engine, kind, rows)
        may &= held >= n
        room += held
    row_of, number_of = np.nonzero(may.T)
    order = np.argsort(room.T[row_of, number_of], kind="stable")
    domains: list[int] = (row_of * islands.most + number_of)[order].tolist()
    return domains


def held_by_domain(held: IntArray, frame: Frame) -> IntArray:
    """Return what each domain of a frame holds under its quotas, (n_domains,); (1,) without."""
    if frame.spreads.size:
        return _under_quota(held, frame)
    if not frame.domains.size:
        return np.array([held.sum()], np.int64)
    return summed(held, frame.domains)


def _under_quota(held: IntArray, frame: Frame) -> IntArray:
    quota = np.maximum(frame.quota, 0)
    rows = np.flatnonzero(held)
    if not frame.domains.size:
        by_spread = np.zeros(quota.size, np.int64)
        sum_by_domain(held, frame.spreads, by_spread)
        return np.array([np.minimum(by_spread, quota).sum()], np.int64)
    # Whichever level is the inner one: the parts that both make of the rows.
    parts, part_of = np.unique(
        frame.domains[rows] * quota.size + frame.spreads[rows], return_inverse=True
    )
    sums = np.zeros(max(1, parts.size), np.int64)
    sum_by_domain(held[rows], part_of.astype(np.int64), sums)
    sums = np.minimum(sums[: parts.size], quota[parts % quota.size])
    out = np.zeros(max(1, int(frame.domains.max(initial=-1)) + 1), np.int64)
    np.add.at(out, parts // quota.size, sums)
    return out


class Bounds:
    """At most how many members of each kind the domains of a frame hold.

    ``table`` (n_kinds, n_domains). Members that depend on others do not count: their room may
    be taken by a claim already. ``gathered``: all with GPUs are to be in one island.
    ``constrained``: ``members`` have no claims, and count whatever their constraints; these are not
    looked at.
    """

    def __init__(
        self,
        engine: Engine,
        frame: Frame,
        members: tuple[Member, ...],
        *,
        gathered: bool = False,
        constrained: bool = False,
    ) -> None:
        counts = Counter(m.kind for m in members if constrained or not m.depends)
        self.kinds = list(counts)
        self.counts = np.array(list(counts.values()), np.int64)
        self.held = [at_most(engine, kind, frame.rows, gathered) for kind in self.kinds]
        n_domains = max(1, int(frame.domains.max(initial=-1)) + 1)
        self.table = np.zeros((len(self.kinds), n_domains), np.int64)
        for i, held in enumerate(self.held):
            sums = held_by_domain(held, frame)
            self.table[i, : sums.size] = sums
        self._joint = Joint(engine, frame, self.kinds, self.held, n_domains)

    def wanted(self, members: tuple[Member, ...]) -> IntArray:
        """Return how many of each kind (n_kinds,) are among some members."""
        counts = Counter(member.kind for member in members if not member.depends)
        return np.array([counts[kind] for kind in self.kinds], np.int64)

    def holding(self, wanted: IntArray) -> BoolArray:
        """Return which domains (n_domains,) may hold that many of each kind."""
        by_kind: BoolArray = np.all(self.table >= self._joint.at_least(wanted)[:, None], axis=0)
        return by_kind & self._joint.suffices(wanted)


def at_most(engine: Engine, kind: Kind, rows: BoolArray, gathered: bool) -> IntArray:
    """Return at most how many members of a kind each row holds, (n_rows,).

    ``gathered``: all of them on one island of it.
    """
    if not gathered:
        return held_of_kind(engine, kind, rows, MOST_A_ROW)
    held: IntArray = held_in_islands(engine, kind, rows).max(axis=0)
    return held
