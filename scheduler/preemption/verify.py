"""Carrying out what was found, in a trial: who leaves in all, and where the request goes then."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Gone
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.types import Victims
from bayplan.scheduler.types import FIRST_SHORTAGE, Placement, Reason, Request


def all_who_leave(question: Question, places: Iterable[int]) -> set[int]:
    """Return the victims and the mates of gangs that cannot go on without them, as places."""
    table, gangs = question.table, question.gangs
    leaving = set(places)
    lost: dict[int, int] = {}
    for place in leaving:
        gang = table.gang.item(place)
        if gang >= 0:
            lost[gang] = lost.get(gang, 0) + 1
    for gang, n in lost.items():
        if n > gangs.slack.item(gang):
            leaving |= table.members[gang]
    return leaving


def suitable(engine: Engine, request: Request, rows: BoolArray) -> BoolArray:
    """Return which of ``rows`` (n_rows,) suit a request's constraints, or may when pods leave."""
    if request.constraints is None:
        return rows
    codes = constraint_reasons(engine.cluster, request)
    suits: BoolArray = rows & ((codes >= FIRST_SHORTAGE) | (codes == Reason.FITS))
    return suits


def place_without(
    engine: Engine, request: Request, row: int, uids: Iterable[str], now_s: float
) -> Placement | None:
    """Return where a request goes on a row once some pods are gone; None when it does not fit."""
    cluster = engine.cluster
    only = np.zeros(cluster.view.n_rows, np.bool_)
    only[row] = True
    with cluster.trial():
        for uid in uids:
            cluster.apply(Gone(uid))
        return engine.decide(request, now_s, only).placement


def verified(
    engine: Engine, request: Request, row: int, question: Question, places: Iterable[int]
) -> Victims | None:
    """Return the victims of a row if the request fits without them, else None."""
    table = question.table
    cluster, now_s = engine.cluster, question.now_s
    leaving = sorted(all_who_leave(question, places), key=lambda place: table.uids[place])
    uids = tuple([table.uids[place] for place in leaving])
    placement = place_without(engine, request, row, uids, now_s)
    if placement is None:
        return None
    node = cluster.name(row)
    return Victims(
        node,
        uids,
        tuple([uid for uid in uids if cluster.pods[uid].placement.node != node]),
        violations(question, leaving),
        max((table.priority.item(place) for place in leaving), default=0),
        fsum(table.lost_gpu_s(place, now_s) for place in leaving),
        placement,
    )


def violations(question: Question, places: Iterable[int]) -> int:
    """Return how many evictions there are beyond what disruption budgets allow, of all budgets."""
    table, budgets = question.table, question.guards.budgets
    cluster_pods = question.pods
    evicted: dict[str, int] = {}
    for place in places:
        request = cluster_pods[table.uids[place]].request
        for name in set(request.disruption_budgets):
            evicted[name] = evicted.get(name, 0) + 1
    return sum(max(0, n - max(0, budgets[name])) for name, n in evicted.items() if name in budgets)
