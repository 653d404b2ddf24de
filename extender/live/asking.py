"""One pod asks: what is wrong with its request, which nodes would do, which is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayplan.extender.live.enforcing import Way, missing
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.settings import Live
from bayplan.extender.verbs import FilterAnswer
from bayplan.scheduler.arrays import BoolArray, CodeArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.types import FIRST_SHORTAGE, Decision, Reason, Request

BEST = 10
"""``MaxExtenderPriority`` of kube-scheduler's extender API."""

_UNKNOWN = "the node is not known yet"
_TEXTS = {reason.value: reason.text for reason in Reason}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Nodes that kube-scheduler names, with their rows (len(names),), -1 where we know none."""

    names: Sequence[str]
    rows: IntArray


def candidates(mirror: Mirror, names: Sequence[str]) -> Candidates:
    """Return candidates by name."""
    return Candidates(names, mirror.cluster.rows_of(names))


def objection(seen: Seen, settings: Live) -> str:
    """Return why no node at all can take a pod as it is written; empty: some may."""
    if seen.problem:
        return seen.problem
    if seen.way is Way.HAMI and not settings.hami:
        return _off("HAMi's", "hami")
    if seen.way is Way.ALIYUN and not settings.gpushare:
        return _off("gpushare's", "gpushare")
    if seen.way in (Way.VOLCANO, Way.KOORDINATOR):
        return f"asks in the words of {seen.way.value}, whose own scheduler has to choose the GPU"
    return ""


def alone(mirror: Mirror, seen: Seen) -> Request:
    """Return what a pod asks of a node by itself: kube-scheduler has looked at its constraints."""
    return mirror.reader.held_form(seen, "")._replace(constraints=None)


def filtered(mirror: Mirror, engine: Engine, seen: Seen, among: Candidates) -> FilterAnswer:
    """Say which candidates can take a pod, and why the others cannot."""
    request = alone(mirror, seen)
    fits = _on_rows(engine.feasible(request), among.rows)
    if seen.way is not None:
        fits &= _enforcing(mirror, seen.way, among)
    if fits.all():
        return FilterAnswer(list(among.names), {}, {})
    answer = FilterAnswer([among.names[k] for k in np.flatnonzero(fits).tolist()], {}, {})
    codes = engine.codes(request)
    for k in np.flatnonzero(~fits).tolist():
        _refuse(mirror, seen, answer, among, k, codes)
    return answer


def best(mirror: Mirror, engine: Engine, seen: Seen, among: Candidates, now_s: float) -> Decision:
    """Return where among the candidates a pod goes, as what it will hold there."""
    decision = engine.decide(alone(mirror, seen), now_s, mask(mirror, seen, among), why=False)
    if decision.placement is None:
        return decision
    held = mirror.reader.held_form(seen, decision.placement.node, seen.group)
    return decision._replace(request=held)


def scored(
    mirror: Mirror, engine: Engine, seen: Seen, among: Candidates, choice: str
) -> list[tuple[str, int]]:
    """Return a score for each candidate: the choice has 10, others from 0 to 9 by the policy."""
    scores = engine.scores(alone(mirror, seen), mask(mirror, seen, among))
    known = among.rows >= 0
    each = np.full(len(among.names), -np.inf)
    each[known] = scores[among.rows[known]]
    finite = np.isfinite(each)
    points = np.zeros(len(among.names), np.int64)
    if finite.any():
        low, high = float(each[finite].min()), float(each[finite].max())
        if high > low:
            points[finite] = np.floor((BEST - 1) * (each[finite] - low) / (high - low))
        else:
            points[finite] = BEST - 1
    return [
        (name, BEST if name == choice else n)
        for name, n in zip(among.names, points.tolist(), strict=True)
    ]


def mask(mirror: Mirror, seen: Seen | None, among: Candidates) -> BoolArray:
    """Return the candidates as a mask over all rows (n_rows,), those that enforce what is asked."""
    rows = among.rows
    if seen is not None and seen.way is not None:
        rows = rows[_enforcing(mirror, seen.way, among)]
    found = np.zeros(mirror.cluster.view.n_rows, np.bool_)
    found[rows[rows >= 0]] = True
    return found


def _on_rows(fits: BoolArray, rows: IntArray) -> BoolArray:
    if not fits.size:
        return np.zeros(rows.size, np.bool_)
    return np.where(rows >= 0, fits[rows], False)


def _enforcing(mirror: Mirror, way: Way, among: Candidates) -> BoolArray:
    enforces = mirror.reader.enforces
    return np.fromiter([enforces(name, way) for name in among.names], np.bool_, len(among.names))


def _refuse(
    mirror: Mirror, seen: Seen, answer: FilterAnswer, among: Candidates, k: int, codes: CodeArray
) -> None:
    name, row = among.names[k], among.rows.item(k)
    if row < 0:
        answer.failed[name] = _UNKNOWN
        return
    if seen.way is not None and not mirror.reader.enforces(name, seen.way):
        answer.unresolvable[name] = missing(seen.way)
        return
    code = codes.item(row)
    lasting = 0 < code < FIRST_SHORTAGE
    (answer.unresolvable if lasting else answer.failed)[name] = _TEXTS.get(code, _UNKNOWN)


def _off(whose: str, key: str) -> str:
    return (
        f"asks for a share in {whose} words, and the choice of GPUs is not written for its device"
        f" plugin: set devices.{key} = true, or leave such pods to its own scheduler"
    )
