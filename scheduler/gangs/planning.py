"""The planning of gangs: wishes from the most wanted on, domains best fit, quick or general way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.gangs import bulk
from bayplan.scheduler.gangs.choosing import in_order, nearest
from bayplan.scheduler.gangs.frame import Frame, frame_of, ladder, word
from bayplan.scheduler.gangs.members import Party, muster
from bayplan.scheduler.gangs.persisting import Persisting
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.gangs.topology import NOWHERE
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.types import Decision, Reason, TopologyLevel

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

GREEDY_STEPS = 4096
GREEDY_PASSES = 4
SMALL = 1000
"""Bounds of the work of greedy passes: members tried to be placed one by one in clusters of up to
``SMALL`` rows (in larger ones fewer), and beside that as many as in so many passes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How near a gang came, and the words for it."""

    missing: int
    first_left: str
    why: str


def plan_gang(engine: Engine, gang: Gang, now_s: float, nodes: BoolArray | None) -> GangPlan:
    """Return the plan of a gang; see ``Engine.decide_gang``."""
    party = muster(engine, gang)
    bound = tuple([uid for uid, _, _ in party.bound])
    if _wants_islands(gang):
        return _left(gang, now_s, bound, _nobody(party, Reason.TOPOLOGY.text))
    failure = _nobody(party, "")
    last: Frame | None = None
    for rung in ladder(gang):
        frame = frame_of(engine, party, rung, nodes)
        if isinstance(frame, str):
            failure, last = _nobody(party, frame), None
            continue
        found = _place(engine, party, frame, now_s)
        if found is not None:
            return _plan(engine, party, found, now_s)
        last = frame
    if last is not None:
        failure = _failure(engine, Search(engine, party, last, now_s))
    return _left(gang, now_s, bound, failure)


def _wants_islands(gang: Gang) -> bool:
    island = TopologyLevel.GPU_ISLAND
    return (
        any(wish.required and wish.level is island for wish in gang.topology)
        or (gang.segment is not None and gang.segment.level is island)
        or (gang.spread is not None and gang.spread.level is island)
    )


def _place(engine: Engine, party: Party, frame: Frame, now_s: float) -> list[Decision] | None:
    if not party.members:
        return []
    if bulk.applies(party):
        decided = bulk.place_alike(engine, party, frame, now_s)
        if decided is not None or party.gang.segment is None:
            return decided  # without segments, what is not found so is not there
    return _search(engine, Search(engine, party, frame, now_s))


def _search(engine: Engine, search: Search) -> list[Decision] | None:
    party, bounds = search.party, search.bounds
    room = bounds.table.sum(axis=0)
    least = bounds.holding(bounds.wanted(party.needed))
    whole = bounds.holding(bounds.counts)
    budget = Budget(
        GREEDY_STEPS * SMALL // max(SMALL, search.frame.rows.size)
        + GREEDY_PASSES * len(party.members)
    )
    for domain in in_order(engine, search.frame, room, whole, least):
        found = search.greedy(domain, budget)
        if found is not None:
            return found
        if budget.steps < 0:
            break
    return Persisting(search, in_order(engine, search.frame, room, whole, least)).run()


def _failure(engine: Engine, search: Search) -> Failure:
    party, frame, bounds = search.party, search.frame, search.bounds
    wanted = bounds.wanted(party.needed)[:, None]
    domain = nearest(engine, frame, np.minimum(bounds.table, wanted).sum(axis=0))
    if domain == NOWHERE:
        level = frame.level
        assert level is not None
        return _nobody(party, f"no candidate node is in a {word(level)}")
    placed, left, decision = search.count_placed(domain)
    needed = party.needed
    if left is None:
        # One by one they fit, and still no pass did: cannot be, but words must not fail.
        left = needed[-1]
    where = "the cluster"
    if frame.level is not None and frame.domains.size:
        where = f"{word(frame.level)} {engine.domains.name(frame.level, domain)}"
    reasons = [(r, n) for r, n in decision.reasons if r is not Reason.EXCLUDED] if decision else []
    said = ", ".join([f"{n} x {reason.text}" for reason, n in reasons])
    if not said:
        said = "the gang's wishes leave it no node with room"
    return Failure(
        max(1, len(needed) - placed),
        left.request.uid,
        f"{placed} of {len(needed)} members fit in {where}; {left.request.uid} does not: {said}",
    )


def _nobody(party: Party, why: str) -> Failure:
    needed = party.needed
    return Failure(len(needed), needed[0].request.uid if needed else "", why)


def _left(gang: Gang, now_s: float, bound: tuple[str, ...], failure: Failure) -> GangPlan:
    return GangPlan(
        gang,
        now_s,
        bound=bound,
        missing=failure.missing,
        first_left=failure.first_left,
        why=failure.why,
    )


def _plan(engine: Engine, party: Party, found: list[Decision], now_s: float) -> GangPlan:
    """Put decisions in the order of roles and members, on the versions that the nodes have now."""
    view, cluster = engine.cluster.view, engine.cluster
    order = {member.request.uid: member.order for member in party.members}
    found.sort(key=lambda decision: order[decision.request.uid])
    rests: dict[str, tuple[str, int]] = {}
    decisions = []
    for decision in found:
        assert decision.placement is not None
        name = decision.placement.node
        rest = rests.get(name)
        if rest is None:
            rest = rests[name] = name, view.version.item(cluster.row(name))
        if decision.rests_on != (rest,):
            decision = Decision(
                decision.request, now_s, decision.placement, decision.score, (rest,)
            )
        decisions.append(decision)
    return GangPlan(
        party.gang,
        now_s,
        tuple(decisions),
        tuple([uid for uid, _, _ in party.bound]),
        tuple(sorted(rests.values())),
        _domains(engine, party, list(rests)),
    )


def _domains(
    engine: Engine, party: Party, names: list[str]
) -> tuple[tuple[TopologyLevel, str], ...]:
    rows = sorted({engine.cluster.row(name) for name in names} | {row for _, row, _ in party.bound})
    held = []
    for level in sorted({wish.level for wish in party.gang.topology}):
        if level is TopologyLevel.GPU_ISLAND:
            continue
        there = np.unique(engine.domains.ids(level)[rows])
        if there.size == 1 and there[0] >= 0:
            held.append((level, engine.domains.name(level, int(there[0]))))
    return tuple(held)
