"""The methods of ``bayplan.v1``: messages in, messages out, on the owner's event loop."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator

from bayplan.extender.remote.decisions import decision_of
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import request_of
from bayplan.extender.rpc.answers import Answers
from bayplan.extender.rpc.feed import Feed
from bayplan.extender.rpc.rooms import Room, Rooms
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.rpc.snapshots import parts
from bayplan.extender.service.service import Service

LOG = logging.getLogger("bayplan.extender.rpc")


class NotReady(Exception):
    """Calls cannot be answered yet; the text says why."""


class TooMany(Exception):
    """There are as many watches as there may be."""


class Servicer:
    """Answers clients from the state from which kube-scheduler is answered.

    Parameters
    ----------
    service
        Who has the owner of the state.
    feed
        Who is told of decisions.
    settings
        The limits.
    since
        What is added to versions of nodes.
    """

    def __init__(self, service: Service, feed: Feed, settings: RpcSettings, since: int) -> None:
        owner = service.owner
        self._service, self._feed, self._settings, self._since = service, feed, settings, since
        self._answers = Answers(owner, service.clock, since, service.explain, settings.most_members)
        self.rooms = Rooms(owner.mirror, owner.engine, settings.most_hold_s, settings.admins)

    async def decide(self, asked: pb.DecideRequest, client: str) -> pb.Decision:
        """Say where a request would go now, or why nowhere."""
        self._check_ready()
        return self._answers.decide(asked)

    async def decide_gang(self, asked: pb.DecideGangRequest, client: str) -> pb.GangPlan:
        """Say where a gang would go now, or why nowhere."""
        self._check_ready()
        return await self._answers.decide_gang(asked)

    async def preempt(self, asked: pb.PreemptRequest, client: str) -> pb.Preemption:
        """Say whom to evict for a request or a gang."""
        self._check_ready()
        return await self._answers.preempt(asked)

    async def commit(self, asked: pb.CommitRequest, client: str) -> pb.Committed:
        """Take the room of decisions."""
        self._check_ready()
        self.look_after()
        decisions = [
            decision_of(each, request_of(each.request), self._since) for each in asked.decisions
        ]
        now_s = self._service.clock()
        rooms = self.rooms.commit(
            decisions, asked.hold_s, now_s, unchanged=asked.unchanged, client=client
        )
        for room in rooms:
            self._tell(pb.ROOM_COMMITTED, room)
        until_s = rooms[0].until_s
        return pb.Committed(until_s=0.0 if math.isinf(until_s) else until_s)

    async def release(self, asked: pb.ReleaseRequest, client: str) -> pb.Released:
        """Give room back."""
        self._check_ready()
        self.look_after()
        rooms = self.rooms.release(asked.uids, self._service.clock(), client)
        for room in rooms:
            self._tell(pb.ROOM_RELEASED, room)
        released = [room.uid for room in rooms]
        return pb.Released(
            released=released, unknown=[uid for uid in asked.uids if uid not in released]
        )

    async def explain(self, asked: pb.ExplainRequest, client: str) -> pb.Explanation:
        """Say why something is where it is, or nowhere."""
        self._check_ready()
        return await self._answers.explain(asked, self.rooms.get)

    async def snapshot(
        self, asked: pb.SnapshotRequest, client: str
    ) -> AsyncIterator[pb.SnapshotPart]:
        """Return the whole state in parts."""
        self._check_ready()
        mirror, now_s = self._service.owner.mirror, self._service.clock()
        placement = self._service.settings.live.placement
        cluster, holds = mirror.cluster.copy(), dict(mirror.holds)
        for part in parts(cluster, holds, now_s, self._since, placement):
            yield part
            await asyncio.sleep(0)

    async def watch_decisions(
        self, asked: pb.WatchRequest, client: str
    ) -> AsyncIterator[pb.DecisionEvent]:
        """Return what is decided from now on."""
        if len(self._feed) >= self._settings.most_watches:
            raise TooMany(f"there are {len(self._feed)} watches already")
        async for event in self._feed.watch():
            yield event

    def look_after(self) -> None:
        """Let the room be over whose time is, and tell of what was lost."""
        for ended in self.rooms.ended(self._service.clock()):
            self._tell(pb.ROOM_EXPIRED if ended.expired else pb.ROOM_LOST, ended.room)

    def _check_ready(self) -> None:
        if not (self._service.warm and self._service.owner.mirror.started):
            raise NotReady("; ".join(self._service.not_ready()))

    def _tell(self, kind: pb.Kind, room: Room) -> None:
        self._feed.tell_room(kind, room)
        fields = {"uid": room.uid, "node": room.node, "client": room.client}
        LOG.info(pb.Kind.Name(kind).lower().replace("_", " "), extra=fields)
