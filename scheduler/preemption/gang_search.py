"""Evicting for the members of a gang one after the other, in a trial."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from bayplan.kernels.victims import PODS
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.members import Member
from bayplan.scheduler.near import islands_of
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.verify import all_who_leave, suitable
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import FIRST_SHORTAGE, Decision, Reason, Request

_REFINED = 12
_FIRST_LOOK = (_REFINED, 0, 1)
_THOROUGH = (0, 256, 3)
_TRIED = 4


def evict_for(
    engine: Engine, question: Question, frame: Frame, members: Iterable[Member], rows: BoolArray
) -> set[int] | None:
    """Return the places of all who leave so that the members fit on ``rows``, or None.

    The largest members come first. Each takes what is free, else the room of the victims that
    are the least by the rules of ``preempt``. ``question`` is used up; the cluster is not changed.
    """
    cluster, room = engine.cluster, frame.room()
    gone: set[int] = set()
    order = sorted(members, key=lambda each: ([-n for n in each.size], each.order))
    with cluster.trial():
        for member in order:
            allowed = room.allowed(member, rows)
            if not allowed.any():
                return None
            request = room.request(member)
            decision = engine.decide(request, question.now_s, allowed)
            if decision.placement is None:
                found = _evict(engine, question, request, allowed)
                if found is None:
                    return None
                decision, places = found
                gone |= places
            assert decision.placement is not None
            cluster.apply(Bound(decision, question.now_s))
            room.take(member, cluster.row(decision.placement.node), decision.placement)
    return gone


def _ways(engine: Engine, request: Request) -> Iterator[tuple[Shape, int]]:
    """Yield the ways to satisfy a request, and the island of GPUs of each that counts alone."""
    for shape in engine.shapes(request):
        if not shape.refusal:
            for island in islands_of(shape, engine.cluster.view):
                yield shape, island


def _evict(
    engine: Engine, question: Question, request: Request, allowed: BoolArray
) -> tuple[Decision, set[int]] | None:
    """Let the least leave, within the trial under way, so that a request fits."""
    cluster, table = engine.cluster, question.table
    allowed = suitable(engine, request, allowed)
    ways = []
    for number, (shape, island) in enumerate(_ways(engine, request)):
        alike = engine.column_of(shape)
        codes = engine.columns.codes(alike)
        rows = np.flatnonzero(allowed & ((codes >= FIRST_SHORTAGE) | (codes == Reason.FITS)))
        needs = engine.columns.needs(alike)
        if rows.size > _REFINED:
            values, _ = question.search(cluster, shape, needs, rows, _FIRST_LOOK, island=island)
            there = values[:, PODS] >= 0
            rows, values = rows[there], values[there]
            rows = rows[np.lexsort((rows, *values.T[::-1]))][:_REFINED]
        values, evict = question.search(cluster, shape, needs, rows, _THOROUGH, island=island)
        for value, row in zip(values.tolist(), rows.tolist(), strict=True):
            if value[PODS] >= 0:
                start = table.pods.start.item(row)
                own = evict[start : start + table.pods.count.item(row)]
                ways.append((value, row, number, (start + np.flatnonzero(own)).tolist()))
    for _, row, _, places in sorted(ways)[:_TRIED]:
        only = np.zeros_like(allowed)
        only[row] = True
        leaving = all_who_leave(question, places)
        with cluster.trial() as trial:
            for uid in sorted(table.uids[place] for place in leaving):
                if uid in cluster.pods:
                    cluster.apply(Gone(uid))
            decision = engine.decide(request, question.now_s, only)
            if decision.placement is not None:
                trial.keep()
                question.take(leaving)
                return decision, leaving
    return None
