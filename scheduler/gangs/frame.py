"""What a gang's wishes leave of the cluster: candidate rows, domains, segments, quotas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.gangs.islands import Islands
from bayplan.scheduler.gangs.members import Member, Party, SegmentKey
from bayplan.scheduler.gangs.topology import NOWHERE
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.islands import ANY, all_of
from bayplan.scheduler.types import Placement, Request, TopologyLevel

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
    With ``islands`` segments are in islands of GPUs: their domains are numbered by these, and
    ``segments`` are rows.
    """

    rows: BoolArray
    level: TopologyLevel | None
    domains: IntArray
    segments: IntArray
    spreads: IntArray
    quota: IntArray
    fixed: int
    fixed_segments: dict[SegmentKey, int]
    islands: Islands | None = None

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
            domain = self.segments[member.segment]
            if frame.islands is not None:
                domain = frame.islands.row(domain)
            rows = rows & (frame.segments == domain)
        if frame.spreads.size:
            # The last entry answers for rows in no domain.
            rows = rows & np.append(self.quota > 0, False)[frame.spreads]
        return rows

    def request(self, member: Member) -> Request:
        """Return the request of a member, with a wish for the island of its segment if it has."""
        islands = self._frame.islands
        if islands is None or member.segment is None:
            return member.request
        domain = self.segments.get(member.segment)
        return islands.pinned(member.request, ANY if domain is None else islands.number(domain))

    def ways(self, member: Member) -> list[Request]:
        """Return the requests of a member for all islands that its segment may come to be in."""
        islands = self._frame.islands
        if islands is None or member.segment is None or member.segment in self.segments:
            return [self.request(member)]
        return [islands.pinned(member.request, number) for number in range(islands.most)]

    def open_on(self, row: int) -> tuple[SegmentKey, ...]:
        """Return which segments are in islands of a row."""
        islands = self._frame.islands
        if islands is None:
            return ()
        return tuple(sorted(key for key, d in self.segments.items() if islands.row(d) == row))

    def take(self, member: Member, row: int, placement: Placement) -> None:
        """Note that a member is on a row."""
        frame = self._frame
        if frame.spreads.size:
            self.quota[frame.spreads[row]] -= 1
        if member.segment is None or member.segment in self.segments:
            return
        domain = int(frame.segments[row])
        if frame.islands is not None:
            domain = frame.islands.domain(row, placement)
        if domain >= 0:
            self.segments[member.segment] = domain


def ladder(gang: Gang) -> list[Rung]:
    """Return the sets of levels to hold, the most wanted first.

    Preferred levels are given up one by one from the nearest outward; the last set is what is
    required.
    """
    required = {wish.level for wish in gang.topology if wish.required}
    preferred = sorted({wish.level for wish in gang.topology} - required)
    return [tuple(sorted(required | set(preferred[i:]))) for i in range(len(preferred) + 1)]


def frame_of(engine: Engine, party: Party, rung: Rung, nodes: BoolArray | None) -> Frame | str:
    """Return the frame of a set of levels, or why the members in the cluster rule it out.

    ``party`` is that on the rung (``Party.on``).
    """
    gang = party.gang
    if gang.spread is not None and gang.spread.level is TopologyLevel.GPU_ISLAND:
        return "a spread over GPU islands is not decided; spread over nodes, or make segments"

    def ids(level: TopologyLevel) -> IntArray:
        return engine.domains.ids(around(level))

    view = engine.cluster.view
    rows: BoolArray = view.alive[: view.n_rows].copy()
    if nodes is not None:
        rows &= nodes
    asked = [wish.level for wish in (gang.segment, gang.spread) if wish]
    for level in (*rung, *asked):
        rows &= ids(level) >= 0
    if torn := _torn(rung, ids, party):
        return torn
    inner = around(rung[0]) if rung else None
    domains = EVERYWHERE if inner is None else ids(inner)
    fixed = int(domains[party.bound[0][1]]) if party.bound and domains.size else NOWHERE
    segments = ids(gang.segment.level) if gang.segment else EVERYWHERE
    islands = None
    if party.in_islands:
        segments, islands = ids(TopologyLevel.NODE), Islands(engine.cluster.view)
    fixed_segments = _fixed_segments(engine, party, segments, islands)
    if isinstance(fixed_segments, str):
        return fixed_segments
    spreads, quota = _spreads(engine, party)
    return Frame(rows, inner, domains, segments, spreads, quota, fixed, fixed_segments, islands)


def _torn(rung: Rung, ids: Callable[[TopologyLevel], IntArray], party: Party) -> str:
    """Return why members in the cluster rule a level out; empty when none does."""
    for level in rung:
        there = {int(ids(level)[row]) for _, row, _ in party.bound}
        if len(there | {NOWHERE}) > 2:
            return f"members that are placed already are not in one {word(level)}"
        if NOWHERE in there:
            return f"a member that is placed already is in no {word(level)}"
    return ""


def _fixed_segments(
    engine: Engine, party: Party, segments: IntArray, islands: Islands | None
) -> dict[SegmentKey, int] | str:
    """Return the domains of segments that have members in the cluster, or who is apart from his."""
    fixed: dict[SegmentKey, int] = {}
    for uid, row, key in party.bound:
        if key is None:
            continue
        domain = int(segments[row])
        if islands is not None:
            placement = engine.cluster.pods[uid].placement
            if not all_of(placement):
                continue  # of its wishes it got one without GPUs
            domain = islands.domain(row, placement)
        if domain < 0 or fixed.setdefault(key, domain) != domain:
            return f"{uid} is placed already, and not with its segment"
    return fixed


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
    text = level.name.lower().replace("_", " ")
    return text.replace("nvlink", "NVLink").replace("gpu", "GPU")


def around(level: TopologyLevel) -> TopologyLevel:
    """Return the level of nodes that domains of a level are in: an island is in a node."""
    return TopologyLevel.NODE if level is TopologyLevel.GPU_ISLAND else level
