"""Room that clients have committed: holds of the owner, until released or until their time is over.

A state machine without I/O, like the owner, on whose event loop it lives. Committed room is a hold
because nothing that is watched shows it. Who runs comes first: where a pod of the cluster is bound
in its place, or its node goes, the room is lost, which ``ended`` tells.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bayplan.extender.live.mirror import Mirror
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, Duplicate, InvalidRequest, StateError
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Decision, Reason, Request

PREFIX = "client:"
"""What the engine knows a client's uids and gangs by, before their own names.

No pod is called so: names of namespaces have no colon.
"""


_REASONS = {int(each): each for each in Reason}


@dataclass(frozen=True, slots=True)
class Room:
    """What a client has: ``node``, since ``since_s``. ``until_s`` is infinite without a limit."""

    uid: str
    node: str
    client: str
    since_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A room that is over, and whether its time was; if not, it was lost."""

    room: Room
    expired: bool


class Foreign(Exception):
    """A uid is another client's; the text says whose."""


def inside(request: Request) -> Request:
    """Return a client's request as the engine knows it.

    Parameters
    ----------
    request
        The request.
    """
    gang = PREFIX + request.gang if request.gang else ""
    return request._replace(uid=PREFIX + request.uid, gang=gang)


def gang_inside(gang: Gang) -> Gang:
    """Return a client's gang as the engine knows it.

    Parameters
    ----------
    gang
        The gang.
    """
    roles = [
        Role(role.name, tuple(map(inside, role.members)), role.min_members) for role in gang.roles
    ]
    return Gang(PREFIX + gang.name, tuple(roles), gang.topology, gang.segment, gang.spread)


class Rooms:
    """The room of all clients, by uid.

    Parameters
    ----------
    mirror, engine
        Those of the owner.
    most_hold_s
        The longest that room is kept unless it is committed again; 0: for ever.
    admins
        The clients that may release what others have.
    """

    def __init__(
        self,
        mirror: Mirror,
        engine: Engine,
        most_hold_s: float = 0.0,
        admins: Collection[str] = (),
    ) -> None:
        self._mirror, self._engine = mirror, engine
        self._most_hold_s = most_hold_s or math.inf
        self._admins = admins
        self._rooms: dict[str, Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, uid: str) -> Room | None:
        """Return what a client has by a uid, if it still has it."""
        return self._rooms.get(uid) if self._has(uid) else None

    def commit(
        self,
        decisions: Sequence[Decision],
        hold_s: float,
        now_s: float,
        *,
        unchanged: bool = False,
        client: str = "",
    ) -> list[Room]:
        """Take the room of decisions, of all or of none, and return it.

        What a uid has already is kept, with a new time limit, where it is the very same.

        Parameters
        ----------
        decisions
            The decisions, by the clients' own uids.
        hold_s
            How long the room is kept unless it is committed again; 0: until it is released.
        now_s
            The time.
        unchanged
            Whether nodes must be at the versions that the decisions rest on.
        client
            Whose it is.

        Raises
        ------
        Foreign
            A uid is another client's.
        Conflict
            A decision no longer holds.
        Duplicate
            A uid has other room.
        InvalidRequest
            Something is no decision, or a uid is there twice.
        """
        if not (hold_s >= 0 and math.isfinite(hold_s)):
            raise InvalidRequest(f"hold_s is {hold_s}; give seconds from 0 on")
        uids = [each.request.uid for each in decisions]
        if not uids or len(set(uids)) < len(uids):
            raise InvalidRequest("commit at least one decision, and each uid once")
        self._check_owned(uids, client)
        until_s = now_s + min(hold_s or math.inf, self._most_hold_s)
        new = [each for each in decisions if not self._is_same(each)]
        for each in new:
            self._check(each, unchanged=unchanged)
        self._hold([each._replace(request=inside(each.request)) for each in new], until_s)
        made = []
        for each in decisions:
            uid = each.request.uid
            self._mirror.holds[PREFIX + uid] = until_s
            before = self._rooms.get(uid) if each not in new else None
            since_s = now_s if before is None else before.since_s
            node = each.placement.node if each.placement is not None else ""
            self._rooms[uid] = Room(uid, node, client, since_s, until_s)
            made.append(self._rooms[uid])
        return made

    def release(self, uids: Sequence[str], now_s: float, client: str = "") -> list[Room]:
        """Give room back; return what it was, nothing of those uids that had none.

        Parameters
        ----------
        uids
            Whose room it is.
        now_s
            The time.
        client
            Who gives it back.

        Raises
        ------
        Foreign
            A uid is another client's, and this one is no admin; nothing was given back.
        """
        if client not in self._admins:
            self._check_owned(uids, client)
        found = [room for uid in dict.fromkeys(uids) if (room := self.get(uid)) is not None]
        for room in found:
            del self._rooms[room.uid]
            self._mirror.release(PREFIX + room.uid, now_s)
        return found

    def ended(self, now_s: float) -> list[Ended]:
        """Forget the rooms that are over, by their time or since others have them; return them."""
        found = [room for uid, room in self._rooms.items() if not self._has(uid)]
        for room in found:
            del self._rooms[room.uid]
        return [Ended(room, room.until_s <= now_s) for room in found]

    # --- inside ---------------------------------------------------------------------------

    def _check_owned(self, uids: Sequence[str], client: str) -> None:
        """Raise where a uid is another client's."""
        for uid in uids:
            room = self.get(uid)
            if room is not None and room.client != client:
                whose = room.client or "a client without a certificate"
                raise Foreign(f"{uid} is {whose}'s, which alone may commit it again or release it")

    def _has(self, uid: str) -> bool:
        return PREFIX + uid in self._mirror.holds

    def _is_same(self, decision: Decision) -> bool:
        """Whether a uid has the room of a decision already.

        Raises
        ------
        Duplicate
            It has other room.
        """
        uid = decision.request.uid
        pod = self._mirror.cluster.pods.get(PREFIX + uid)
        if pod is None:
            return False
        if pod.placement == decision.placement and pod.request == _held(decision.request):
            return True
        raise Duplicate(f"{uid} has other room, on {pod.placement.node}; release it first")

    def _check(self, decision: Decision, *, unchanged: bool) -> None:
        """Raise where a decision is none, or where the cluster has changed too much for it."""
        request, placement, view = decision.request, decision.placement, self._mirror.cluster.view
        if placement is None:
            raise InvalidRequest(f"{request.uid}: the decision has no placement")
        n = len(request.devices)
        if len(placement.grants) != n or len(placement.chosen) != n:
            raise InvalidRequest(f"{request.uid}: the placement is not of the request's devices")
        for device, chosen in zip(request.devices, placement.chosen, strict=True):
            if not 0 <= chosen <= len(device.alternatives):
                raise InvalidRequest(f"{request.uid}: there is no alternative {chosen}")
        self._engine.shapes(request._replace(constraints=None))  # is refused if it makes no sense
        nodes = self._mirror.cluster.nodes
        if placement.node not in nodes:
            raise Conflict(f"{request.uid}: node {placement.node} is gone; decide again")
        row = self._mirror.cluster.row(placement.node)
        code = int(constraint_reasons(self._mirror.cluster, request)[row])
        if code:
            raise Conflict(
                f"{request.uid} on {placement.node}: {_REASONS[code].text}; decide again"
            )
        for node, version in decision.rests_on if unchanged else ():
            if node not in nodes or view.version.item(self._mirror.cluster.row(node)) != version:
                raise Conflict(f"{request.uid}: node {node} has changed; decide again")

    def _hold(self, decisions: Sequence[Decision], until_s: float) -> None:
        """Hold the room of all decisions or of none."""
        mirror = self._mirror
        with mirror.cluster.trial() as trial:
            try:
                for each in decisions:
                    mirror.hold(each._replace(request=_plain(each.request)), until_s)
            except StateError:
                for each in decisions:
                    mirror.holds.pop(each.request.uid, None)
                raise
            trial.keep()


def _plain(request: Request) -> Request:
    """Return a request without its constraints: they were for finding a node."""
    return request._replace(constraints=None)


def _held(request: Request) -> Request:
    return _plain(inside(request))
