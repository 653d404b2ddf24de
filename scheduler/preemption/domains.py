"""Where a gang may go when others leave: domains, and sets of victims that suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.members import Party
from bayplan.scheduler.preemption.gang_rows import capacity, cheapest_rows
from bayplan.scheduler.preemption.gang_search import evict_for
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.reprieve import highest_rank

Questions = Callable[[], Question]
"""Gives the same question anew, as often as it is used up."""

_DOMAINS = 8
"""How many domains are tried at most, those with the most room first."""


def one_by_one(
    engine: Engine, party: Party, frame: Frame, rows: BoolArray, ask: Questions
) -> Iterator[set[int]]:
    """Go through victims on some rows, found for the members one after the other."""
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


def _picked(engine: Engine, party: Party, rows: BoolArray, ask: Questions) -> BoolArray:
    """Return the rows that the members are to go to: the cheapest, where all are alike."""
    first = party.needed[0]
    alike = all(member.kind == first.kind for member in party.needed)
    if not alike or len(first.shapes) > 1 or first.shapes[0].refusal or party.gang.segment:
        return rows
    if party.gang.spread is not None or party.in_islands or first.shapes[0].near:
        return rows
    question = ask()
    picked = cheapest_rows(engine, question, first.shapes[0], rows, len(party.needed))
    if question.has_limits:
        # Row by row, each stays within them; all together need not.
        question.spare_limited()
        picked |= cheapest_rows(engine, question, first.shapes[0], rows, len(party.needed))
    return picked if picked.any() else rows


def domains_of(engine: Engine, party: Party, frame: Frame, ask: Questions) -> Iterator[BoolArray]:
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
