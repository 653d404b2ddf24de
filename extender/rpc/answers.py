"""What clients ask of the owner of the live state; nothing of it changes here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import numpy as np

from bayplan.extender.aside import aside
from bayplan.extender.live.owner import Owner
from bayplan.extender.remote.decisions import (
    decision_message,
    gang_preemption_message,
    plan_message,
    preemption_message,
)
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import gang_of, request_of
from bayplan.extender.rpc.rooms import PREFIX, Room, gang_inside, inside
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, Unknown
from bayplan.scheduler.explaining.pods import explain_pod
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption.types import Guards
from bayplan.traces.kubernetes.objects import Object

Versions = tuple[tuple[str, int], ...]
"""Versions of nodes by name."""

MOST_AT_ONCE = 16
"""Members of a gang that is decided on the event loop; calls wait as long."""


class Answers:
    """Answers for one owner.

    Large questions are answered on a copy in a worker, beside the live state.

    Parameters
    ----------
    owner
        The owner of the live state.
    clock
        Its time.
    since
        What is added to versions of nodes, so that none is used again after a restart.
    explain
        Returns the page of a pod, by namespace and name.
    most_members
        Of a gang.
    """

    def __init__(
        self,
        owner: Owner,
        clock: Callable[[], float],
        since: int,
        explain: Callable[[str, str], Awaitable[Object]],
        most_members: int,
    ) -> None:
        self._owner, self._clock, self._since = owner, clock, since
        self._explain, self._most_members = explain, most_members

    def decide(self, asked: pb.DecideRequest) -> pb.Decision:
        """Return where a request would go now, or why nowhere."""
        nodes = self._mask(asked.nodes)
        request = inside(request_of(asked.request))
        decision = self._owner.engine.decide(request, self._clock(), nodes)
        return decision_message(decision, asked.request, self._since)

    async def decide_gang(self, asked: pb.DecideGangRequest) -> pb.GangPlan:
        """Return where a gang would go now, or why nowhere."""
        gang, nodes, now_s = self._gang(asked.gang), self._mask(asked.nodes), self._clock()
        if sum(len(role.members) for role in gang.roles) > MOST_AT_ONCE:
            plan = await aside(_decided_on_copy, self._aside(), gang, now_s, nodes)
        else:
            plan = self._owner.engine.decide_gang(gang, now_s, nodes)
        message = plan_message(plan, _members(asked.gang), self._since)
        message.why = plan.why.replace(PREFIX, "")
        return message

    async def preempt(self, asked: pb.PreemptRequest) -> pb.Preemption:
        """Return whom to evict for a request or a gang."""
        now_s, nodes = self._clock(), self._mask(asked.nodes)
        self._owner.mirror.learn_budgets(now_s)
        budgets = dict(self._owner.mirror.reader.budgets.allowed)
        guards = Guards(budgets, self._owner.plans.least_of_running())
        if asked.WhichOneof("whom") == "gang":
            gang, engine = self._gang(asked.gang), self._aside()
            found = await aside(engine.preempt_gang, gang, now_s, guards, nodes=nodes)
            return gang_preemption_message(found, _members(asked.gang), self._since)
        request, engine = inside(request_of(asked.request)), self._aside()
        one = await aside(engine.preempt, request, now_s, guards, nodes=nodes)
        return preemption_message(one)

    async def explain(
        self, asked: pb.ExplainRequest, room: Callable[[str], Room | None]
    ) -> pb.Explanation:
        """Return why a pod, or a client's uid with its room, is where it is, or nowhere.

        Parameters
        ----------
        asked
            What is asked.
        room
            Returns a client's room.

        Raises
        ------
        Unknown
            There is no such pod, or the uid has no room.
        """
        what, now_s = asked.WhichOneof("what"), self._clock()
        if what == "pod":
            if asked.pod not in self._owner.mirror.pods:
                raise Unknown(f"there is no pod {asked.pod}; give namespace/name")
            namespace, _, name = asked.pod.partition("/")
            page = await self._explain(namespace, name)
            return pb.Explanation(text=str(page["text"]), node=str(page["node"]))
        if what == "uid":
            has = room(asked.uid)
            if has is None:
                raise Unknown(f"{asked.uid} has no room")
            return pb.Explanation(text=_words(has, now_s), node=has.node)
        request, engine = inside(request_of(asked.request)), self._aside()
        found = await aside(explain_pod, engine, request, now_s)
        return pb.Explanation(text=found.text.replace(PREFIX, ""))

    def _gang(self, asked: pb.Gang) -> Gang:
        n = sum(len(role.members) for role in asked.roles)
        if n > self._most_members:
            raise InvalidRequest(
                f"gang {asked.name} has {n:,} members; grpc.most_members is {self._most_members:,}"
            )
        return gang_inside(gang_of(asked))

    def _aside(self) -> Engine:
        """Return an engine for a copy of the live state."""
        engine = self._owner.engine
        return Engine(self._owner.mirror.cluster.copy(), engine.policy, seed=engine.seed)

    def _mask(self, names: Sequence[str]) -> BoolArray | None:
        """Return candidates by name as a mask over all rows (n_rows,); None where none is named."""
        if not names:
            return None
        cluster = self._owner.mirror.cluster
        if unknown := next((name for name in names if name not in cluster.nodes), ""):
            raise InvalidRequest(f"there is no node {unknown}; ask among those of the snapshot")
        found = np.zeros(cluster.view.n_rows, np.bool_)
        found[[cluster.row(name) for name in names]] = True
        return found


def _decided_on_copy(engine: Engine, gang: Gang, now_s: float, nodes: BoolArray | None) -> GangPlan:
    """Return a plan that rests on versions of the live state: what is tried moves the copy's."""
    cluster = engine.cluster
    versions = cluster.view.version.copy()
    plan = engine.decide_gang(gang, now_s, nodes)

    def live(pairs: Versions) -> Versions:
        return tuple((node, versions.item(cluster.row(node))) for node, _ in pairs)

    decisions = tuple(each._replace(rests_on=live(each.rests_on)) for each in plan.decisions)
    return replace(plan, decisions=decisions, rests_on=live(plan.rests_on))


def _members(gang: pb.Gang) -> dict[str, pb.Request]:
    return {PREFIX + each.uid: each for role in gang.roles for each in role.members}


def _words(room: Room, now_s: float) -> str:
    left = room.until_s - now_s
    until = "until it is released" if left == float("inf") else f"for {max(0.0, left):.0f} s more"
    whose = f" by {room.client}" if room.client else ""
    since = f"for {max(0.0, now_s - room.since_s):.0f} s"
    return f"{room.uid} has room on {room.node}, committed{whose} {since}, and keeps it {until}."
