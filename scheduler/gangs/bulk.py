"""The quick way for members that are all alike: counted by row, dealt out, slots taken in bulk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from bayplan.kernels.gang import deal_members, take_slots
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.constraints.deciding import allowed
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.choosing import in_order
from bayplan.scheduler.gangs.counts import MOST_A_ROW, held_by_domain, held_by_row
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.joint import summed
from bayplan.scheduler.gangs.members import Member, Party, SegmentKey
from bayplan.scheduler.gangs.siblings import are_independent
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import Decision

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

_NO_KEY = np.uint64(0)

Taken = tuple[IntArray, IntArray]
"""Rows, and how many members go to each."""


def applies(party: Party) -> bool:
    """Whether the quick way is exact for a gang.

    All its open members have one and the same shape, with whole GPUs or none and no claim, and the
    same constraints, which do not look at other members. Segments that may grow, or that are wider
    than the domains of a spread wish, go the slow way; so do wishes for islands of GPUs.
    """
    members, gang = party.members, party.gang
    if not members or party.in_islands or any(member.shapes[0].near for member in members):
        return False
    first, constraints = members[0].kind, members[0].request.constraints
    if len(first) != 1 or first[0].refusal or any(member.kind != first for member in members):
        return False
    if first[0].count and not first[0].want.whole:
        return False
    if any(member.request.constraints != constraints for member in members):
        return False
    if not are_independent(member.request for member in members):
        return False
    if gang.segment is None:
        return True
    inside = gang.spread is None or gang.spread.level <= gang.segment.level
    return inside and not party.growing


def candidates(engine: Engine, party: Party, frame: Frame) -> BoolArray:
    """Return the rows (n_rows,) where members that are all alike may be, if there is room."""
    rows = allowed(engine.cluster, party.members[0].request, frame.rows)
    assert rows is not None
    return rows


def place_alike(engine: Engine, party: Party, frame: Frame, now_s: float) -> list[Decision] | None:
    """Return decisions for as many members as fit, or None if not all that are needed do.

    The domain is the first of ``in_order``; in it, nodes are filled in the order of the policy's
    score for one member, the lowest row among equals.
    """
    members, shape = party.members, party.members[0].kind[0]
    held, room = counted(engine, party, frame)
    order = in_order(engine, frame, room, room >= len(members), room >= len(party.needed))
    for domain in order:
        if party.gang.segment is None:
            n = min(len(members), room.item(domain))
            return _filled(engine, list(members[:n]), frame, held, domain, now_s)
        rows = _by_score(engine, shape, _inside(held, frame, domain))
        found = _segments(engine, party, frame, held, rows, now_s)
        if found is not None:
            return found
    return None


def counted(engine: Engine, party: Party, frame: Frame) -> tuple[IntArray, IntArray]:
    """Return how many members each row (n_rows,) and each domain (n_domains,) holds."""
    shape = party.members[0].kind[0]
    held = held_by_row(engine, shape, candidates(engine, party, frame), MOST_A_ROW)
    return held, held_by_domain(held, frame)


def place_most(
    engine: Engine, party: Party, frame: Frame, domain: int, now_s: float
) -> tuple[list[Decision], Member | None, Decision | None]:
    """Return what fits of those needed into a domain, the first that does not, and why.

    As ``Search.place_most``, for gangs without segments in frames without quotas: there the order
    in which rows are filled decides which have room left.
    """
    held, room = counted(engine, party, frame)
    n, needed = room.item(domain), party.needed
    placed = _filled(engine, list(needed[:n]), frame, held, domain, now_s)
    if n >= len(needed):
        return placed, None, None
    with engine.cluster.trial():
        for decision in placed:
            engine.cluster.apply(Bound(decision, now_s))
        why = engine.decide(needed[n].request, now_s, frame.within(domain))
    return placed, needed[n], why


def _inside(held: IntArray, frame: Frame, domain: int) -> IntArray:
    return held * (frame.domains == domain) if frame.domains.size else held


def _filled(
    engine: Engine,
    members: list[Member],
    frame: Frame,
    held: IntArray,
    domain: int,
    now_s: float,
) -> list[Decision]:
    """Make decisions for members in one domain, which holds them all."""
    if not members:
        return []
    shape = members[0].kind[0]
    rows = _by_score(engine, shape, _inside(held, frame, domain))
    times = np.zeros(rows.size, np.int64)
    deal_members(rows, held, len(members), frame.spreads, frame.quota.copy(), times)
    return _decide(engine, members, shape, (rows, times), now_s)


def _by_score(engine: Engine, shape: Shape, held: IntArray) -> IntArray:
    rows = np.flatnonzero(held)
    scores = engine.columns.scores(shape)[rows]
    if engine.policy.ties is Ties.LEAST_HASH:
        keys = engine.cluster.view.name_key[rows]
        return rows[np.lexsort((keys, -scores))]
    return rows[np.argsort(-scores, kind="stable")]


def _segments(
    engine: Engine, party: Party, frame: Frame, held: IntArray, rows: IntArray, now_s: float
) -> list[Decision] | None:
    """Deal segment by segment, each to the domain that it fills best."""
    groups: dict[SegmentKey, list[Member]] = {}
    for member in party.needed:
        assert member.segment is not None
        groups.setdefault(member.segment, []).append(member)
    # Those that are tied to a domain first; then the large ones.
    keys = sorted(groups, key=lambda key: (key not in frame.fixed_segments, -len(groups[key]), key))
    held, quota = held.copy(), frame.quota.copy()
    mask = np.zeros(held.size, np.bool_)
    mask[rows] = True
    room = _room_of_segments(frame, held * mask)
    ordered, ranges = _grouped(frame.segments[rows], rows)
    dealt = []
    for key in keys:
        group = groups[key]
        domain = frame.fixed_segments.get(key)
        if domain is None:
            enough = np.flatnonzero(room >= len(group))
            if not enough.size:
                return None
            domain = enough.item(room[enough].argmin())
        start, stop = ranges.get(domain, (0, 0))
        here = ordered[start:stop]
        times = np.zeros(here.size, np.int64)
        n = deal_members(here, held, len(group), frame.spreads, quota, times)
        if n < len(group):
            return None
        held[here] -= times
        room[domain] -= n
        dealt.append((group, here, times))
    return _decide_groups(engine, dealt, party.needed[0].kind[0], now_s)


def _room_of_segments(frame: Frame, held: IntArray) -> IntArray:
    if not frame.spreads.size:
        return summed(held, frame.segments)
    by_spread = np.minimum(summed(held, frame.spreads), np.maximum(frame.quota, 0)[: held.size])
    outer = np.full(by_spread.size, -1, np.int64)
    outer[frame.spreads[frame.rows]] = frame.segments[frame.rows]
    return summed(by_spread, outer)


def _grouped(keys: IntArray, rows: IntArray) -> tuple[IntArray, dict[int, tuple[int, int]]]:
    """Return rows by key, in their order, and from where to where those of each key are."""
    order = np.argsort(keys, kind="stable")
    numbers, starts = np.unique(keys[order], return_index=True)
    stops = [*starts[1:].tolist(), rows.size]
    ranges = zip(starts.tolist(), stops, strict=True)
    return rows[order], dict(zip(numbers.tolist(), ranges, strict=True))


def _decide_groups(
    engine: Engine, dealt: list[tuple[list[Member], IntArray, IntArray]], shape: Shape, now_s: float
) -> list[Decision]:
    """Make the decisions of several groups, which may share rows."""
    row_of: list[tuple[Member, int]] = []
    for group, rows, times in dealt:
        row_of += zip(group, np.repeat(rows, times).tolist(), strict=True)
    counts = Counter(row for _, row in row_of)
    rows = np.array(list(counts), np.int64)
    by_row: dict[int, list[Member]] = {}
    for member, row in row_of:
        by_row.setdefault(row, []).append(member)
    members = [member for row in counts for member in by_row[row]]
    times = np.array(list(counts.values()), np.int64)
    return _decide(engine, members, shape, (rows, times), now_s)


def _decide(
    engine: Engine, members: list[Member], shape: Shape, taken: Taken, now_s: float
) -> list[Decision]:
    """Make decisions for members, in the order of the rows that take them."""
    rows, times = taken[0][taken[1] > 0], taken[1][taken[1] > 0]
    view, needs = engine.cluster.view, engine.columns.needs(shape)
    slots = np.zeros(max(1, int(times.sum()) * shape.count), np.int64)
    if shape.count:
        take_slots(
            rows,
            times,
            shape.count,
            needs.table,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_free_milli,
            view.slot_free_mib,
            view.slot_able,
            slots,
        )
    scores = engine.columns.scores(shape)[rows].tolist()
    indices, count = slots.tolist(), shape.count
    decisions: list[Decision] = []
    done = 0
    for row, n, score in zip(rows.tolist(), times.tolist(), scores, strict=True):
        name = engine.cluster.name(row)
        rests_on = ((name, view.version.item(row)),)
        start, n_slots = view.slot_start.item(row), view.slot_count.item(row)
        ask = Ask(row, start, n_slots, n * count, needs, _NO_KEY)
        grants = engine.grants_on(ask, indices[done * count : (done + n) * count])
        for i, member in enumerate(members[done : done + n]):
            placement = engine.dealt(member.shapes[0], name, grants[i * count : (i + 1) * count])
            decisions.append(Decision(member.request, now_s, placement, score, rests_on))
        done += n
    return decisions
