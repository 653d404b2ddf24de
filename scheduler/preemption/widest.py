"""Victims for a gang from above: all who may leave do, and who need not is put back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.preemption.domains import Questions
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.reprieve import (
    Attempt,
    Reprieve,
    Unit,
    most_valuable,
    smallest,
)


def everyone(
    question: Question, rows: BoolArray, highest: int, *, within: bool = False
) -> set[int]:
    """Return all who may leave ``rows`` (n_rows,) together, up to a rank.

    Gangs leave whole where they may, and as much of queues as they may lose; what is worth
    least comes first. ``within``: none beyond its budgets.
    """
    leaving: set[int] = set()
    for unit in _leaving_units(question, rows, highest):
        if question.allows(unit, budgets=within):
            question.take(unit)
            leaving.update(unit)
    return leaving


def _leaving_units(question: Question, rows: BoolArray, highest: int) -> Iterator[Unit]:
    table, gangs = question.table, question.gangs
    gone: set[int] = set()
    for place in in_order(question, rows, highest):
        gang = table.gang.item(place)
        if gang < 0:
            yield [place]
        elif gang in gone:
            continue
        elif gangs.whole[gang] and gangs.rank.item(gang) <= highest:
            gone.add(gang)
            yield sorted(table.members[gang])
        elif gangs.slack.item(gang) > 0:
            yield [place]


def in_order(question: Question, rows: BoolArray, highest: int) -> list[int]:
    """Return the places of who may leave some rows, the least rank first, then the least lost."""
    row_of = question.table.row_of_place()
    may = question.eligible & (row_of >= 0) & (question.rank <= highest)
    may &= rows[np.minimum(np.maximum(row_of, 0), rows.size - 1)] if rows.size else False
    places = np.flatnonzero(may)
    order = np.lexsort((places, question.lost[places], question.rank[places]))
    found: list[int] = places[order].tolist()
    return found


def ranks(question: Question) -> IntArray:
    """Return the ranks that occur among who may leave, ascending."""
    found: IntArray = np.unique(question.rank[question.eligible])
    return found


def from_above(
    reprieve: Reprieve, ask: Questions, rows: BoolArray, best: Attempt | None
) -> Iterator[Attempt]:
    """Go through attempts by the highest rank that may leave, ascending.

    The first rank up to which the gang fits is the least highest rank there is. Higher ones are
    tried as long as budgets are exceeded: fewer violations come before a lower rank.
    """
    for highest in ranks(ask()).tolist():
        if best is not None and (0, highest) > best.price[:2]:
            return
        violated = None
        for within in (True, False):
            places = everyone(ask(), rows, highest, within=within)
            for order in (most_valuable, smallest):
                found = reprieve.attempt(ask(), places, order)
                if found is None:
                    break
                yield found
                violated = found.price[0] if violated is None else min(violated, found.price[0])
            if violated == 0 or reprieve.effort.left < 0:
                return


def exchanged(reprieve: Reprieve, ask: Questions, rows: BoolArray, best: Attempt) -> Attempt:
    """Return better victims where one more may leave so that more, or dearer ones, may stay."""
    seen: set[frozenset[int]] = set()
    again = True
    while again:
        again = False
        question = ask()
        for unit in _leaving_units(question, rows, best.price[1]):
            places = best.places | set(unit)
            if len(places) == len(best.places) or places in seen:
                continue
            seen.add(places)
            question = ask()
            if not _legal(question, places):
                continue
            for order in (smallest, most_valuable):
                found = reprieve.attempt(ask(), places, order, close=True)
                if reprieve.effort.left < 0:
                    return best
                if found is not None and found.price < best.price:
                    best, again = found, True
                    break
            if again:
                break
    return best


def _legal(question: Question, places: frozenset[int]) -> bool:
    """Whether these may leave together."""
    table, gangs = question.table, question.gangs
    by_gang: dict[int, int] = {}
    for place in places:
        gang = table.gang.item(place)
        if gang >= 0:
            by_gang[gang] = by_gang.get(gang, 0) + 1
    for gang, n in by_gang.items():
        if n > gangs.slack.item(gang) and n < len(table.members[gang]):
            return False
    return question.allows(places)
