"""A gang that does not start, and trying what would help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Event
from bayplan.scheduler.explaining.case import apply_all, candidates_after, case_of
from bayplan.scheduler.explaining.lacks import Lacks
from bayplan.scheduler.explaining.types import Effort
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request

MAX_KINDS = 8
"""How many kinds of members are looked at closely."""


@dataclass(frozen=True, slots=True)
class MemberKind:
    """Members that mean the same to every node: how many, and what rows lack for one of them."""

    request: Request
    count: int
    lacks: Lacks


@dataclass(frozen=True, slots=True)
class GangCase:
    """What all searches for fixes of a gang take. ``members`` must start, and are not there yet."""

    engine: Engine
    gang: Gang
    now_s: float
    guards: Guards
    nodes: BoolArray | None
    effort: Effort
    plan: GangPlan
    members: tuple[Request, ...]
    kinds: tuple[MemberKind, ...]

    @property
    def cluster(self) -> Cluster:
        """The cluster of the engine."""
        return self.engine.cluster

    def decide(self, events: Iterable[Event], gang: Gang | None = None) -> GangPlan:
        """Return the plan of a gang (this one) once events have happened; they are taken back."""
        with self.cluster.trial():
            applied = apply_all(self.cluster, events)
            nodes = candidates_after(self.cluster, self.nodes, applied)
            return self.engine.decide_gang(gang or self.gang, self.now_s, nodes)


def starts(plan: GangPlan) -> bool:
    """Whether a plan lets the gang start, or leaves nothing to start."""
    return bool(plan.decisions) or not (plan.missing or plan.why)


def members_to_start(cluster: Cluster, gang: Gang) -> tuple[Request, ...]:
    """Return the members that must start and are not in the cluster yet, in their order."""
    found: list[Request] = []
    for role in gang.roles:
        there = sum(member.uid in cluster.pods for member in role.members)
        least = len(role.members) if role.min_members is None else role.min_members
        open_ = [member for member in role.members if member.uid not in cluster.pods]
        found += open_[: max(least - there, 0)]
    return tuple(found)


def gang_case(
    engine: Engine,
    gang: Gang,
    plan: GangPlan,
    guards: Guards,
    nodes: BoolArray | None,
    effort: Effort,
) -> GangCase:
    """Look at what every row lacks for each kind of member."""
    members = members_to_start(engine.cluster, gang)
    first: dict[object, Request] = {}
    counts: dict[object, int] = {}
    for member in members:
        key = engine.shapes(member), member.constraints
        first.setdefault(key, member)
        counts[key] = counts.get(key, 0) + 1
    kinds = tuple(
        MemberKind(
            member,
            counts[key],
            case_of(engine, member, plan.now_s, guards, nodes, effort).lacks[0],
        )
        for key, member in list(first.items())[:MAX_KINDS]
    )
    return GangCase(engine, gang, plan.now_s, guards, nodes, effort, plan, members, kinds)
