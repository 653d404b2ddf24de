"""A gang that does not start, and trying what would help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Event
from bayplan.scheduler.explaining.case import MAX_WAYS, apply_all, candidates_after, case_of
from bayplan.scheduler.explaining.lacks import Lacks
from bayplan.scheduler.explaining.releases import Releases, held_after, held_now, may_hold
from bayplan.scheduler.explaining.types import Effort
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Reason, Request
from bayplan.scheduler.view import View

_OF_DOMAINS = (Reason.POD_AFFINITY, Reason.TOPOLOGY_SPREAD, Reason.POD_ANTI_AFFINITY)
MAX_KINDS = 8
"""How many kinds of members are looked at closely."""


@dataclass(frozen=True, slots=True)
class MemberKind:
    """Members that mean the same to every node: how many, and what rows lack for one of them.

    ``ways`` are those to satisfy one, the most wanted first. Members may differ in them, so a row
    may hold the sum of what it holds of each.
    """

    request: Request
    count: int
    ways: tuple[Lacks, ...]

    def may_hold(self) -> BoolArray:
        """Return the rows that hold a member, or may once others come or leave, (n_rows,)."""
        return np.asarray(np.any([may_hold(way) for way in self.ways], axis=0), np.bool_)

    def held_now(self, view: View) -> IntArray:
        """Return how many members each row may hold now, (n_rows,)."""
        return self._most([held_now(view, way, self.count) for way in self.ways])

    def held_after(self, view: View, ends: Releases) -> IntArray:
        """Return how many members its row may hold right after each end, (n,)."""
        return self._most([held_after(view, ends, way, self.count) for way in self.ways])

    def _most(self, by_way: list[IntArray]) -> IntArray:
        return np.sum(by_way, axis=0, dtype=np.int64).clip(max=self.count)


@dataclass(frozen=True, slots=True)
class GangCase:
    """What all searches for fixes of a gang take. ``members`` must start, and are not there yet.

    ``is_bounded``: no more members find a place than ``kinds`` say that rows hold. It is not so
    where not all kinds and ways are looked at, or where members share what they take by claims.
    ``is_local``: only pods on rows that hold members keep them off.
    """

    engine: Engine
    gang: Gang
    now_s: float
    guards: Guards
    nodes: BoolArray | None
    effort: Effort
    plan: GangPlan
    members: tuple[Request, ...]
    kinds: tuple[MemberKind, ...]
    is_bounded: bool
    is_local: bool

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
            case_of(engine, member, plan.now_s, guards, nodes, effort).lacks,
        )
        for key, member in list(first.items())[:MAX_KINDS]
    )
    is_bounded = len(first) <= MAX_KINDS and not any(
        len(engine.shapes(member)) > MAX_WAYS or any(device.claim for device in member.devices)
        for member in first.values()
    )
    is_local = is_bounded and not any(_looks_afar(engine.cluster, each) for each in first.values())
    return GangCase(
        engine,
        gang,
        plan.now_s,
        guards,
        nodes,
        effort,
        plan,
        members,
        kinds,
        is_bounded,
        is_local,
    )


def _looks_afar(cluster: Cluster, member: Request) -> bool:
    """Whether pods of other nodes may keep a member off a node."""
    if member.constraints is None:
        return False
    codes = constraint_reasons(cluster, member)
    return bool(member.constraints.spread) or bool(np.isin(codes, np.array(_OF_DOMAINS)).any())
