"""The general way: members are placed one by one in a trial that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.counts import Bounds, islands_for
from bayplan.scheduler.gangs.frame import Frame, Room
from bayplan.scheduler.gangs.joint import summed
from bayplan.scheduler.gangs.members import Kind, Member, Party
from bayplan.scheduler.gangs.orders import Unit, by_size, units_of
from bayplan.scheduler.gangs.siblings import Suiting, are_independent
from bayplan.scheduler.gangs.topology import NOWHERE
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.types import Decision

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

_SEGMENT_TRIES = 8

Question: TypeAlias = tuple[Kind, int]
"""A kind of members, and the identity of their constraints."""


class Budget:
    """How many more members may be tried to be placed; it is counted, not timed."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def spend(self) -> bool:
        """Count one try; whether it is still within the budget."""
        self.steps -= 1
        return self.steps >= 0


class Search:
    """Places a gang in one domain of a frame.

    All its methods leave the cluster as they find it. They work inside trials, so what members
    take (GPUs, instances, claims) counts for the next ones exactly as if they were bound.
    """

    def __init__(self, engine: Engine, party: Party, frame: Frame, now_s: float) -> None:
        self.engine = engine
        self.party = party
        self.frame = frame
        self.now_s = now_s
        self.bounds = Bounds(engine, frame, party.members, gathered=party.gathered)
        requests = [member.request for member in party.members]
        self._suiting = Suiting(engine) if are_independent(requests) else None
        self._others: dict[PlacementPolicy, Engine] = {}

    def greedy(self, domain: int, budget: Budget) -> list[Decision] | None:
        """Return decisions for all that are needed and as many more as fit, or None.

        Four passes: the engine's policy and best fit, each with the members in their order and
        with the largest first.
        """
        given = list(self.party.needed)
        largest = by_size(given)
        orders = [given] if given == largest else [given, largest]
        for policy in (None, BestFit()):
            for order in orders:
                engine = self.engine if policy is None else self.under(policy)
                left, placed = self.pass_through(
                    engine, units_of(order), domain, budget, skip=False
                )
                if not left:
                    return placed
                if budget.steps < 0:
                    return None
        return None

    def grow(self, room: Room, rows: BoolArray, placed: list[Decision], budget: Budget) -> None:
        """Place members beyond the minimum, inside the trial of those that are needed.

        A role grows until its first member that finds no place.
        """
        full: set[int] = set()
        for member in self.party.growing:
            if member.role in full:
                continue
            decision = self.place(self.engine, member, room, rows) if budget.spend() else None
            if decision is None:
                full.add(member.role)
            else:
                placed.append(decision)

    def place(self, engine: Engine, member: Member, room: Room, rows: BoolArray) -> Decision | None:
        """Decide for one member and apply it to the trial, or return None."""
        decision = self.decided(engine, member, room, rows)
        if decision.placement is None:
            return None
        self.commit(member, decision, room)
        return decision

    def decided(
        self, engine: Engine, member: Member, room: Room, rows: BoolArray, *, why: bool = False
    ) -> Decision:
        """Decide for one member where the gang's wishes let it be; with ``why`` or say why not."""
        request, nodes = room.request(member), room.allowed(member, rows)
        if self._suiting is None or request.constraints is None:
            decision = engine.decide(request, self.now_s, nodes, why=why)
        else:
            # What suits it is the same throughout: to work it out anew for each takes longest.
            suits, free = self._suiting.rows(request, nodes), request._replace(constraints=None)
            decision = engine.decide(free, self.now_s, suits, why=False)
            if decision.placement is None and why:
                decision = engine.decide(request, self.now_s, nodes)
        if decision.request is not member.request:
            decision = decision._replace(request=member.request)
        return decision

    def commit(self, member: Member, decision: Decision, room: Room) -> None:
        """Apply a decision to the trial."""
        assert decision.placement is not None
        cluster = self.engine.cluster
        cluster.apply(Bound(decision, self.now_s))
        room.take(member, cluster.row(decision.placement.node), decision.placement)

    def place_most(self, domain: int) -> tuple[list[Decision], Member | None, Decision | None]:
        """Return what fits of those needed one by one, and the first that does not, and why.

        When all do, members beyond the minimum are among the decisions too.
        """
        placed: list[Decision] = []
        left, why = None, None
        room, rows = self.frame.room(), self.frame.within(domain)
        refused: set[Question] = set()
        with self.engine.cluster.trial():
            for member in self.party.needed:
                question = self._question(member)
                if question in refused:
                    continue  # room only shrinks
                decision = self.decided(self.engine, member, room, rows, why=left is None)
                if decision.placement is not None:
                    self.commit(member, decision, room)
                    placed.append(decision)
                    continue
                if question is not None:
                    refused.add(question)
                if left is None:
                    left, why = member, decision
            if left is None:
                self.grow(room, rows, placed, Budget(len(self.party.growing)))
        return placed, left, why

    def _question(self, member: Member) -> Question | None:
        """Return what members that are alike share; None: siblings decide what it may take."""
        if self._suiting is None or member.segment is not None:
            return None
        return member.kind, id(member.request.constraints)

    def under(self, policy: PlacementPolicy) -> Engine:
        """Return an engine for the same cluster under another policy."""
        engine = self._others.get(policy)
        if engine is None:
            first = self.engine
            engine = self._others[policy] = type(first)(
                first.cluster, policy, seed=first.seed, places=first.places, cache_mib=16
            )
        return engine

    def pass_through(
        self, engine: Engine, order: Sequence[Unit], domain: int, budget: Budget, *, skip: bool
    ) -> tuple[list[Unit], list[Decision]]:
        """Place units one after the other: return those left over, and the decisions.

        Without ``skip`` the first one that finds no place is the last one tried. When none is left,
        members beyond the minimum are among the decisions too.
        """
        room, rows = self.frame.room(), self.frame.within(domain)
        placed: list[Decision] = []
        left: list[Unit] = []
        with self.engine.cluster.trial():
            for unit in order:
                if self._unit(engine, unit, room, rows, placed, budget):
                    continue
                left.append(unit)
                if not skip or budget.steps < 0:
                    break
            if not left:
                self.grow(room, rows, placed, budget)
        return left, placed

    def _unit(
        self,
        engine: Engine,
        unit: Unit,
        room: Room,
        rows: BoolArray,
        placed: list[Decision],
        budget: Budget,
    ) -> bool:
        """Place a segment, or a member without one; whether that worked."""
        if unit[0].segment is None or unit[0].segment in room.segments:
            return self._all(engine, unit, room, rows, placed, budget)
        for domain in self._segment_domains(unit, rows, room):
            tried = room.copy()
            there: list[Decision] = []
            with self.engine.cluster.trial() as trial:
                # Where the first goes, the others follow; in islands none can be told by its row.
                if self.frame.islands is not None:
                    tried.segments[unit[0].segment] = domain
                    inside = rows
                else:
                    inside = rows & (self.frame.segments == domain)
                if self._all(engine, unit, tried, inside, there, budget):
                    trial.keep()
                    room.quota, room.segments = tried.quota, tried.segments
                    placed += there
                    return True
            if budget.steps < 0:
                return False
        return False

    def _all(
        self,
        engine: Engine,
        unit: Sequence[Member],
        room: Room,
        rows: BoolArray,
        placed: list[Decision],
        budget: Budget,
    ) -> bool:
        for member in unit:
            decision = self.place(engine, member, room, rows) if budget.spend() else None
            if decision is None:
                return False
            placed.append(decision)
        return True

    def _segment_domains(self, unit: Unit, rows: BoolArray, room: Room) -> Iterator[int]:
        """Yield a few domains that may hold a segment, the one with the least room first."""
        frame = self.frame
        if frame.islands is not None:
            found = islands_for(self.engine, frame.islands, unit, room.allowed(unit[0], rows))
            yield from found[:_SEGMENT_TRIES]
            return
        bounds = Bounds(
            self.engine,
            Frame(
                room.allowed(unit[0], rows),
                None,
                frame.segments,
                frame.segments,
                frame.spreads,
                room.quota,
                NOWHERE,
                {},
            ),
            tuple(unit),
        )
        present = summed(rows.astype(np.int64), frame.segments) > 0
        total = bounds.table.sum(axis=0)
        numbers = np.flatnonzero(bounds.holding(bounds.counts)[: present.size] & present)
        order = np.argsort(total[numbers], kind="stable")
        yield from numbers[order][:_SEGMENT_TRIES].tolist()
