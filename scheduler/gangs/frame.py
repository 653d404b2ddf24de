"""What a gang's wishes leave of the cluster: candidate rows, domains, segments, quotas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.gangs.members import Member, Party, SegmentKey
from bayplan.scheduler.gangs.topology import NOWHERE
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.types import TopologyLevel

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

EVERYWHERE = np.zeros(0, np.int64)
"""The domains of a frame without a limit of that sort."""

Rung = tuple[TopologyLevel, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One set of wishes, as kernels take it.

    ``rows`` (n_rows,) are the candidates: a row without a domain at a level that counts is none.
    ``domains``, ``segments`` and ``spreads`` (n_rows,; empty where nothing is asked) are the
    numbers of the domains in one of which the gang is to be, that segments are in, and that
    ``quota`` (n_domains,) limits. ``level`` is that of ``domains``. ``fixed`` is the
    domain that members in the cluster are in, ``fixed_segments`` those of their segments.
    """

    rows: BoolArray
    level: TopologyLevel | None
    domains: IntArray
    segments: IntArray
    spreads: IntArray
    quota: IntArray
    fixed: int
    fixed_segments: dict[SegmentKey, int]

    def within(self, domain: int) -> BoolArray:
        """Return the candidates (n_rows,) in one domain of the frame."""
        return self.rows & (self.domains == domain) if self.domains.size else self.rows

    def room(self) -> Room:
        """Return what is to be kept count of while members are placed."""
        return Room(self, self.quota.copy(), dict(self.fixed_segments))


class Room:
    """What the members placed so far leave to the others: quotas, and the domains of segments."""

    def __init__(self, frame: Frame, quota: IntArray, segments: dict[SegmentKey, int]) -> None:
        self._frame = frame
        self.quota = quota
        self.segments = segments

    def copy(self) -> Room:
        """Return one of its own."""
        return Room(self._frame, self.quota.copy(), dict(self.segments))

    def allowed(self, member: Member, rows: BoolArray) -> BoolArray:
        """Return which of ``rows`` (n_rows,) a member may be on."""
        frame = self._frame
        if member.segment in self.segments:
            rows = rows & (frame.segments == self.segments[member.segment])
        if frame.spreads.size:
            # The last entry answers for rows in no domain.
            rows = rows & np.append(self.quota > 0, False)[frame.spreads]
        return rows

    def take(self, member: Member, row: int) -> None:
        """Note that a member is on a row."""
        frame = self._frame
        if frame.spreads.size:
            self.quota[frame.spreads[row]] -= 1
        if member.segment is not None:
            self.segments.setdefault(member.segment, int(frame.segments[row]))


def ladder(gang: Gang) -> list[Rung]:
    """Return the sets of levels to hold, the most wanted first.

    Preferred levels are given up one by one from the nearest outward; the last set is what is
    required.
    """
    required = {wish.level for wish in gang.topology if wish.required}
    preferred = sorted({wish.level for wish in gang.topology} - required)
    preferred = [level for level in preferred if level is not TopologyLevel.GPU_ISLAND]
    return [tuple(sorted(required | set(preferred[i:]))) for i in range(len(preferred) + 1)]


def frame_of(engine: Engine, party: Party, rung: Rung, nodes: BoolArray | None) -> Frame | str:
    """Return the frame of a set of levels, or why the members in the cluster rule it out."""
    gang, ids = party.gang, engine.domains.ids
    rows = ids(TopologyLevel.NODE) >= 0
    if nodes is not None:
        rows &= nodes
    asked = [wish.level for wish in (gang.segment, gang.spread) if wish]
    for level in (*rung, *asked):
        rows &= ids(level) >= 0
    for level in rung:
        if len({int(ids(level)[row]) for _, row, _ in party.bound} | {NOWHERE}) > 2:
            return f"members that are placed already are not in one {word(level)}"
        if any(ids(level)[row] < 0 for _, row, _ in party.bound):
            return f"a member that is placed already is in no {word(level)}"
    inner = rung[0] if rung else None
    domains = EVERYWHERE if inner is None else ids(inner)
    fixed = int(domains[party.bound[0][1]]) if party.bound and domains.size else NOWHERE
    segments = ids(gang.segment.level) if gang.segment else EVERYWHERE
    fixed_segments: dict[SegmentKey, int] = {}
    for uid, row, key in party.bound:
        if key is not None:
            domain = int(segments[row])
            if domain < 0 or fixed_segments.setdefault(key, domain) != domain:
                return f"{uid} is placed already, and not with its segment"
    spreads, quota = _spreads(engine, party)
    return Frame(rows, inner, domains, segments, spreads, quota, fixed, fixed_segments)


def _spreads(engine: Engine, party: Party) -> tuple[IntArray, IntArray]:
    """Return the domains of a spread wish by row, and how many more each may take."""
    spread = party.gang.spread
    if spread is None:
        return EVERYWHERE, EVERYWHERE
    spreads = engine.domains.ids(spread.level)
    count = max(1, engine.domains.count(spread.level))
    quota = np.full(count, spread.max_members, np.int64)
    for _, row, _ in party.bound:
        if spreads[row] >= 0:
            quota[spreads[row]] -= 1
    return spreads, quota


def word(level: TopologyLevel) -> str:
    """Return a level in words."""
    return level.name.lower().replace("_", " ").replace("nvlink", "NVLink")
