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
from bayplan.scheduler.gangs.proofs import may_hold
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.gangs.topology import NOWHERE
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.islands import ANY, all_of, island_of
from bayplan.scheduler.types import Decision, Grant, Reason, TopologyLevel

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

BEST_FIT_STEPS = 4096
MOST_ROOM_STEPS = 1024
SMALL = 1000
"""Bounds of the work of greedy passes: members tried to be placed one by one in the domains that
fit the gang best, and then in those with the most room, in clusters of up to ``SMALL`` rows. In
larger ones fewer, but at least as many as the gang has."""


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
    failure = _nobody(party, "")
    last: tuple[Party, Frame] | None = None
    for rung in ladder(gang):
        there = party.on(rung)
        frame = frame_of(engine, there, rung, nodes)
        if isinstance(frame, str):
            failure, last = _nobody(party, frame), None
            continue
        found = _place(engine, there, frame, now_s)
        if found is not None:
            return _plan(engine, party, found, now_s)
        last = there, frame
    if last is not None:
        closest = _closest(engine, *last, now_s)
        if isinstance(closest, list):
            return _plan(engine, party, closest, now_s)
        failure = closest
    return _left(gang, now_s, bound, failure)


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
    domains = list(in_order(engine, search.frame, room, whole, least))
    may = may_hold(engine, party, search.frame)
    if may is not None:
        domains = [domain for domain in domains if may[domain]]
    found = _greedy(search, domains, BEST_FIT_STEPS)
    if isinstance(found, list):
        return found
    emptiest = sorted(domains[found:], key=lambda domain: -room.item(domain))
    found = _greedy(search, emptiest, MOST_ROOM_STEPS)
    if isinstance(found, list):
        return found
    return Persisting(search, domains).run()


def _greedy(search: Search, domains: list[int], steps: int) -> list[Decision] | int:
    """Return the decisions of the first pass that succeeds, or in how many domains all failed."""
    most = steps * SMALL // max(SMALL, search.frame.rows.size)
    budget = Budget(max(most, len(search.party.needed)))
    for number, domain in enumerate(domains):
        found = search.greedy(domain, budget)
        if found is not None:
            return found
        if budget.steps < 0:
            return number
    return len(domains)


def _closest(engine: Engine, party: Party, frame: Frame, now_s: float) -> Failure | list[Decision]:
    """Return how near the gang came, or decisions where nobody had come to the nearest domain."""
    alike = bulk.applies(party) and party.gang.segment is None and not frame.spreads.size
    search = None if alike else Search(engine, party, frame, now_s)
    if search is None:
        room = np.minimum(bulk.counted(engine, party, frame)[1], len(party.needed))
    else:
        wanted = search.bounds.wanted(party.needed)[:, None]
        room = np.minimum(search.bounds.table, wanted).sum(axis=0)
    domain = nearest(engine, frame, room)
    if domain == NOWHERE:
        level = frame.level
        assert level is not None
        return _nobody(party, f"no candidate node is in a {word(level)}")
    if search is None:
        placed, left, decision = bulk.place_most(engine, party, frame, domain, now_s)
    else:
        placed, left, decision = search.place_most(domain)
    needed = party.needed
    if left is None:
        return placed
    where = "the cluster"
    if frame.level is not None and frame.domains.size:
        where = f"{word(frame.level)} {engine.domains.name(frame.level, domain)}"
    if party.gathered:
        where = f"one GPU island of {where}"
    reasons = [(r, n) for r, n in decision.reasons if r is not Reason.EXCLUDED] if decision else []
    said = ", ".join([f"{n} × {reason.text}" for reason, n in reasons])
    if not said:
        said = "the gang's wishes leave it no node with room"
    n, uid = len(placed), left.request.uid
    why = f"{n} of {len(needed)} members fit in {where}; {uid} does not: {said}"
    return Failure(len(needed) - n, uid, why)


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
    grants: list[Grant] = []
    for decision in found:
        assert decision.placement is not None
        grants += all_of(decision.placement)
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
        _domains(engine, party, list(rests), grants),
    )


def _domains(
    engine: Engine, party: Party, names: list[str], grants: list[Grant]
) -> tuple[tuple[TopologyLevel, str], ...]:
    cluster = engine.cluster
    rows = sorted({cluster.row(name) for name in names} | {row for _, row, _ in party.bound})
    held: list[tuple[TopologyLevel, str]] = []
    for level in sorted({wish.level for wish in party.gang.topology}):
        if level is TopologyLevel.GPU_ISLAND:
            grants += [g for uid, _, _ in party.bound for g in all_of(cluster.pods[uid].placement)]
            number = island_of(cluster.view.island.item(rows[0]), grants) if len(rows) == 1 else ANY
            if number >= 0:
                held.append((level, f"{cluster.name(rows[0])}/{number}"))
            continue
        there = np.unique(engine.domains.ids(level)[rows])
        if there.size == 1 and there[0] >= 0:
            held.append((level, engine.domains.name(level, int(there[0]))))
    return tuple(held)
