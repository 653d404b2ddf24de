"""Whom to evict so that a gang fits: all of its members, or nobody leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import fsum

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.gangs.counts import held_by_domain, held_of_kind
from bayplan.scheduler.gangs.frame import Frame, frame_of, ladder
from bayplan.scheduler.gangs.members import Party, muster
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption.gang_rows import capacity, cheapest_rows
from bayplan.scheduler.preemption.gang_search import evict_for, highest_rank
from bayplan.scheduler.preemption.policies import preemption_policy
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.table import pod_table
from bayplan.scheduler.preemption.types import GangPreemption, Guards
from bayplan.scheduler.preemption.verify import violations
from bayplan.scheduler.types import Decision, Request

_FEW = 48
_MANY = 400
"""Where no more than so many may leave, all are let go and put back one by one: to find better
victims, or any at all."""

_DOMAINS = 8
"""How many domains are tried at most, those with the most room first."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Places of pods without which a gang fits, and what they are compared by."""

    places: frozenset[int]
    plan: GangPlan
    price: tuple[int, int, int, float]


def preempt_gang(
    engine: Engine,
    gang: Gang,
    now_s: float,
    guards: Guards | None = None,
    policy: str = "priority",
    nodes: BoolArray | None = None,
) -> GangPreemption:
    """Return whom to evict so that the members of a gang that must start fit together.

    All or nothing. For each domain that may hold the gang, the rows that cost the least are
    picked, the members are put there one after the other with the victims that ``preempt`` would
    choose, and then every victim (gangs as a whole), the most valuable first, is put back if the
    gang still fits: nobody leaves in vain. Attempts are compared as nodes are by ``preempt``.
    The gang counts with the lowest priority of its members. Nothing changes.

    Raises
    ------
    InvalidRequest, InputError, ValueError
        As ``Engine.decide_gang`` and ``preempt``.
    """
    rules = preemption_policy(policy)
    plan = engine.decide_gang(gang, now_s, nodes)
    if not plan.missing:
        return GangPreemption(plan)
    party = muster(engine, gang)
    asking = _asking(party)
    guards = guards or Guards()

    table = pod_table(engine.cluster)
    spared = _spared(engine, party)

    def ask() -> Question:
        table.settle()  # all trials were rolled back
        return Question(engine.cluster, asking, now_s, guards, rules, spared)

    best: Attempt | None = None
    for places in _attempts(engine, party, nodes, ask):
        attempt = _reprieved(engine, party, nodes, ask(), places)
        if attempt is not None and (best is None or attempt.price < best.price):
            best = attempt
    question = ask()
    if np.count_nonzero(question.eligible) <= (_FEW if best else _MANY):
        attempt = _reprieved(engine, party, nodes, ask(), _everyone(question))
        if attempt is not None and (best is None or attempt.price < best.price):
            best = attempt
    table.settle()
    if best is None:
        return GangPreemption(None, why=f"{plan.why}; and too few pods may be evicted")
    return _answer(ask(), best)


def _everyone(question: Question) -> set[int]:
    """Return all who may leave together: whole gangs where they may, as many as queues lose."""
    table, gangs = question.table, question.gangs
    leaving: set[int] = set()
    order = sorted(
        np.flatnonzero(question.eligible).tolist(),
        key=lambda place: (question.rank.item(place), question.lost.item(place), place),
    )
    for place in order:
        gang = table.gang.item(place)
        if place in leaving or (gang >= 0 and not question.eligible[place]):
            continue
        together = {place}
        if gang >= 0 and gangs.whole[gang]:
            together = set(table.members[gang])
        elif gang >= 0 and gangs.slack.item(gang) < 1:
            continue
        if question.allows(together):
            question.take(together)
            leaving |= together
    return leaving


def _asking(party: Party) -> Request:
    """Return one request that stands for all members that must start."""
    requests = [member.request for member in party.needed]
    return replace(
        requests[0],
        priority=min(request.priority for request in requests),
        preemptible=any(request.preemptible for request in requests),
    )


def _spared(engine: Engine, party: Party) -> frozenset[str]:
    """Return the members that are placed already, and users of claims that members use."""
    claims = engine.cluster.claims
    names = {d.claim for member in party.members for d in member.request.devices}
    users = {uid for name in names if name in claims for uid in claims[name].users}
    return frozenset({uid for uid, _, _ in party.bound} | users)


def _attempts(
    engine: Engine, party: Party, nodes: BoolArray | None, ask: Callable[[], Question]
) -> Iterator[set[int]]:
    """Go through sets of victims after which the gang may fit, by domain."""
    for rung in ladder(party.gang):
        frame = frame_of(engine, party, rung, nodes)
        if isinstance(frame, str):
            continue
        some = False
        for rows in _domains(engine, party, frame, ask):
            for found in _in_domain(engine, party, frame, rows, ask):
                some = True
                yield found
        if some:
            return


def _in_domain(
    engine: Engine, party: Party, frame: Frame, rows: BoolArray, ask: Callable[[], Question]
) -> Iterator[set[int]]:
    picked = _picked(engine, party, rows, ask)
    found = evict_for(engine, ask(), frame, party.needed, picked)
    if found is None and (picked != rows).any():
        picked = rows
        found = evict_for(engine, ask(), frame, party.needed, picked)
    if found is None:
        return
    yield found
    # All that are no more worth than the most valuable one may as well be few.
    question = ask()
    question.flatten(highest_rank(question, found))
    again = evict_for(engine, question, frame, party.needed, picked)
    if again is not None and again != found:
        yield again


def _picked(
    engine: Engine, party: Party, rows: BoolArray, ask: Callable[[], Question]
) -> BoolArray:
    """Return the rows that the members are to go to: the cheapest, where all are alike."""
    first = party.needed[0]
    alike = all(member.kind == first.kind for member in party.needed)
    if not alike or len(first.shapes) > 1 or first.shapes[0].refusal or party.gang.segment:
        return rows
    if party.gang.spread is not None:
        return rows
    question = ask()
    picked = cheapest_rows(engine, question, first.shapes[0], rows, len(party.needed))
    if question.has_limits:
        # Row by row, each stays within them; all together need not.
        question.spare_limited()
        picked |= cheapest_rows(engine, question, first.shapes[0], rows, len(party.needed))
    return picked if picked.any() else rows


def _domains(
    engine: Engine, party: Party, frame: Frame, ask: Callable[[], Question]
) -> Iterator[BoolArray]:
    """Go through the rows of each domain that may hold the members, the roomiest first."""
    if not frame.domains.size:
        yield frame.rows
        return
    room = _room(engine, party, frame, ask())
    for domain in np.argsort(-room, kind="stable").tolist()[:_DOMAINS]:
        if frame.fixed in (domain, -1) and room[domain] >= 1:
            yield frame.within(domain)


def _room(engine: Engine, party: Party, frame: Frame, question: Question) -> IntArray:
    """Return how often the least roomy kind of members fits each domain, in thousandths."""
    n_domains = int(frame.domains.max(initial=-1)) + 1
    least = np.full(max(1, n_domains), 1 << 40, np.int64)
    kinds: dict[object, list[int]] = {}
    for i, member in enumerate(party.needed):
        kinds.setdefault(member.kind, []).append(i)
    inside = frame.rows & (frame.domains >= 0)
    for members in kinds.values():
        held = np.zeros(frame.rows.size, np.int64)
        for shape in party.needed[members[0]].shapes:
            if not shape.refusal:
                held += capacity(engine, question, shape, inside, len(members))
        total = np.bincount(frame.domains[inside], held[inside], minlength=least.size)
        least = np.minimum(least, (total * 1000 / len(members)).astype(np.int64))
    least[least < _ENOUGH] = 0
    return least


_ENOUGH = 500
"""Capacities are counted in steps, so that half of what is needed may be all of it."""


def _reprieved(
    engine: Engine,
    party: Party,
    nodes: BoolArray | None,
    question: Question,
    places: Iterable[int],
) -> Attempt | None:
    """Put back every victim without whom the gang fits just as well, and plan the gang."""
    cluster, table, now_s = engine.cluster, question.table, question.now_s
    units, counted = _units(question, places), _Counted(engine, party, nodes)
    left = set(places)
    with cluster.trial():
        pods = {place: cluster.pods[table.uids[place]] for place in left}
        for place in sorted(left):
            cluster.apply(Gone(table.uids[place]))
        plan = engine.decide_gang(party.gang, now_s, nodes)
        if plan.missing:
            return None
        for unit in units:
            with cluster.trial() as trial:
                for place in unit:
                    pod = pods[place]
                    decision = Decision(pod.request, pod.start_s, pod.placement)
                    cluster.apply(Bound(decision, pod.start_s))
                if not counted.may_fit():
                    continue
                other = engine.decide_gang(party.gang, now_s, nodes)
                if not other.missing:
                    trial.keep()
                    plan = other
                    left -= set(unit)
        plan = engine.decide_gang(party.gang, now_s, nodes)
    price = (
        violations(question, left),
        highest_rank(question, left),
        len(left),
        fsum(table.lost_gpu_s(place, now_s) for place in sorted(left)),
    )
    return Attempt(frozenset(left), plan, price)


def _units(question: Question, places: Iterable[int]) -> list[list[int]]:
    """Return who comes back together, the most valuable first."""
    table, gangs = question.table, question.gangs
    by_gang: dict[int, list[int]] = {}
    units = []
    for place in sorted(places, key=lambda place: table.uids[place]):
        gang = table.gang.item(place)
        if gang >= 0:
            by_gang.setdefault(gang, []).append(place)
        else:
            units.append([place])
    for gang, members in by_gang.items():
        if len(members) <= gangs.slack.item(gang):
            units += [[place] for place in members]
        else:
            units.append(members)

    def value(unit: list[int]) -> tuple[int, int, str]:
        lost = sum(question.lost.item(place) for place in unit)
        return -highest_rank(question, unit), -lost, table.uids[unit[0]]

    return sorted(units, key=value)


class _Counted:
    """Whether there may be room for the members, counted by row: quick, and never wrongly no.

    Members that may share a claim do not count.
    """

    def __init__(self, engine: Engine, party: Party, nodes: BoolArray | None) -> None:
        self._engine = engine
        self._frame = frame_of(engine, party, ladder(party.gang)[-1], nodes)
        self._kinds = Counter(member.kind for member in party.needed if not member.has_claim)

    def may_fit(self) -> bool:
        """Look at the cluster as it is now."""
        frame = self._frame
        if isinstance(frame, str):
            return False
        enough: BoolArray | None = None
        for kind, n in self._kinds.items():
            held = held_by_domain(held_of_kind(self._engine, kind, frame.rows, n), frame) >= n
            enough = held if enough is None else enough & held
        return enough is None or bool(enough.any())


def _answer(question: Question, best: Attempt) -> GangPreemption:
    table = question.table
    return GangPreemption(
        best.plan,
        tuple(sorted(table.uids[place] for place in best.places)),
        violations(question, best.places),
        max((table.priority.item(place) for place in best.places), default=0),
        best.price[3],
    )
