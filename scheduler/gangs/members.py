"""Who is in a gang: what is in the cluster already, what must start, and what may grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.gangs.siblings import has_claim
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import Request, TopologyLevel

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

SegmentKey: TypeAlias = tuple[int, int]
"""A segment: the number of the role, and that of the segment in it."""

EVERYONE: SegmentKey = (-1, -1)
"""The segment of a gang that is to be in one island of GPUs: all its members with GPUs."""

Standing: TypeAlias = tuple[str, int, SegmentKey | None]
"""A member in the cluster: its uid, its row, its segment."""

Kind: TypeAlias = tuple[Shape, ...]
"""What members are alike by: the columns of their shapes, in the order of wish."""


Size: TypeAlias = tuple[int, int, int, int]
"""Of a member: milli-GPU at most, minus the places where a MIG instance may start, CPU, memory."""


_ISLAND = TopologyLevel.GPU_ISLAND


class Member(NamedTuple):
    """A member that is not in the cluster. ``order`` counts through all roles.

    ``size`` is what the members that are hardest to place are told by.
    """

    request: Request
    order: int
    role: int
    segment: SegmentKey | None
    shapes: tuple[Shape, ...]
    kind: Kind
    size: Size

    @property
    def has_claim(self) -> bool:
        """Whether it may use an allocation together with other pods."""
        return has_claim(self.request)

    @property
    def depends(self) -> bool:
        """Whether more than free room decides where it fits: claims, or constraints."""
        return self.has_claim or self.request.constraints is not None


@dataclass(frozen=True, slots=True)
class Party:
    """A gang as it stands.

    ``needed`` are the members that must start now, ``growing`` those that may; both in the order
    of roles and members. ``bound`` are (uid, row, segment) of those in the cluster. ``gathered``:
    all that have GPUs are to be in one island, and make one segment.
    """

    gang: Gang
    needed: tuple[Member, ...]
    growing: tuple[Member, ...]
    bound: tuple[Standing, ...]
    gathered: bool = False

    @property
    def members(self) -> tuple[Member, ...]:
        """Those that are needed, and then those that may grow."""
        return self.needed + self.growing

    @property
    def in_islands(self) -> bool:
        """Whether segments are to be in islands of GPUs."""
        segment = self.gang.segment
        return self.gathered or (segment is not None and segment.level is _ISLAND)

    def on(self, rung: Iterable[TopologyLevel]) -> Party:
        """Return the party as a set of levels sees it: gathered, if an island is among them."""
        if _ISLAND not in rung:
            return self
        requests = {r.uid: r for role in self.gang.roles for r in role.members}
        return Party(
            self.gang,
            tuple([each._replace(segment=_gathered(each.request)) for each in self.needed]),
            tuple([each._replace(segment=_gathered(each.request)) for each in self.growing]),
            tuple([(uid, row, _gathered(requests[uid])) for uid, row, _ in self.bound]),
            gathered=True,
        )


def muster(engine: Engine, gang: Gang) -> Party:
    """Tell the members of a gang apart.

    Segments are counted within each role, over all its members, so that they stay the same
    however far a gang has grown.

    Raises
    ------
    InvalidRequest
        A gang without members, a uid twice, a minimum that is negative or more than there are
        members, a segment or a spread of less than one.
    """
    _validate(gang)
    needed: list[Member] = []
    growing: list[Member] = []
    bound: list[Standing] = []
    cluster, sizes = engine.cluster, _Sizes(engine)
    islands = gang.segment is not None and gang.segment.level is _ISLAND
    for number, role, start in _roles(gang):
        least = len(role.members) if role.min_members is None else role.min_members
        present = sum(request.uid in cluster.pods for request in role.members)
        missing = max(0, least - present)
        for i, request in enumerate(role.members):
            segment = (number, i // gang.segment.size) if gang.segment else None
            if segment and islands and not has_gpus(request):
                segment = None
            if request.uid in cluster.pods:
                row = cluster.row(cluster.pods[request.uid].placement.node)
                bound.append((request.uid, row, segment))
                continue
            shapes = engine.shapes(request)
            kind, size = sizes.of(shapes)
            member = Member(request, start + i, number, segment, shapes, kind, size)
            (needed if missing > 0 else growing).append(member)
            missing -= 1
    return Party(gang, tuple(needed), tuple(growing), tuple(bound))


def has_gpus(request: Request) -> bool:
    """Whether a request asks for GPUs, by any of its wishes."""
    return any(wish.ask.count for each in request.devices for wish in (each, *each.alternatives))


def _gathered(request: Request) -> SegmentKey | None:
    return EVERYONE if has_gpus(request) else None


def _roles(gang: Gang) -> Iterator[tuple[int, Role, int]]:
    start = 0
    for number, role in enumerate(gang.roles):
        yield number, role, start
        start += len(role.members)


class _Sizes:
    """The kind and the size of members, worked out once for those that share their shapes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[int, tuple[tuple[Shape, ...], Kind, Size]] = {}

    def of(self, shapes: tuple[Shape, ...]) -> tuple[Kind, Size]:
        known = self._known.get(id(shapes))
        if known is None:
            kind = tuple([self._engine.column_of(shape) for shape in shapes])
            known = self._known[id(shapes)] = shapes, kind, self._size(kind[0])
        return known[1], known[2]

    def _size(self, shape: Shape) -> Size:
        needs = [need for need in self._engine.columns.needs(shape).by_kind if not need.code]
        milli = max([need.milli for need in needs], default=0)
        starts = max([len(need.profile.starts) for need in needs if need.profile], default=0)
        return shape.count * milli, -starts, shape.cpu, shape.memory


def _validate(gang: Gang) -> None:
    uids = [request.uid for role in gang.roles for request in role.members]
    if not uids:
        raise InvalidRequest(f"gang {gang.name} has no members")
    if len(set(uids)) != len(uids):
        twice = min(uid for uid in set(uids) if uids.count(uid) > 1)
        raise InvalidRequest(f"gang {gang.name}: member {twice} is named twice")
    for role in gang.roles:
        if role.min_members is not None and not 0 <= role.min_members <= len(role.members):
            raise InvalidRequest(
                f"gang {gang.name}: role {role.name} has {len(role.members)} members and a"
                f" minimum of {role.min_members}; give 0 to {len(role.members)}"
            )
    if gang.segment and gang.segment.size < 1:
        raise InvalidRequest(f"gang {gang.name}: segments of {gang.segment.size} members")
    if gang.spread and gang.spread.max_members < 1:
        raise InvalidRequest(
            f"gang {gang.name}: at most {gang.spread.max_members} members in a domain"
        )
