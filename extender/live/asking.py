"""One pod asks: what is wrong with its request, which nodes would do, which is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from bayplan.extender.live.enforcing import Way, missing
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.settings import Live
from bayplan.extender.verbs import FilterAnswer
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.types import FIRST_SHORTAGE, Decision, Reason, Request

BEST = 10
"""``MaxExtenderPriority`` of kube-scheduler's extender API."""

_UNKNOWN, _UNENFORCED = -1, 1000
_TEXTS = {reason.value: reason.text for reason in Reason} | {
    _UNKNOWN: "the node is not known yet",
    Reason.FITS.value: "the node does not suit another of the pod's wishes",
}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Nodes that kube-scheduler names, with their rows (len(names),), -1 where we know none.

    Rows are those as of ``n_node_changes`` of the mirror.
    """

    names: Sequence[str]
    rows: IntArray
    n_node_changes: int


def candidates(mirror: Mirror, names: Sequence[str]) -> Candidates:
    """Return candidates by name."""
    return Candidates(names, mirror.cluster.rows_of(names), mirror.n_node_changes)


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


def filtered(
    mirror: Mirror, engine: Engine, seen: Seen, among: Candidates
) -> tuple[FilterAnswer, BoolArray]:
    """Say which candidates can take a pod, and why the others cannot.

    With a mask of those that can (len(names),).
    """
    request = alone(mirror, seen)
    fits = _on_rows(engine.feasible(request), among.rows)
    enforcing = None
    if seen.way is not None:
        enforcing = _enforcing(mirror, seen.way, among)
        fits &= enforcing
    if fits.all():
        return FilterAnswer(list(among.names), {}, {}), fits
    passed, out = list(compress(among.names, fits.tolist())), ~fits
    codes = engine.codes(request)[np.maximum(among.rows, 0)].astype(np.int64)
    codes[among.rows < 0] = _UNKNOWN
    if seen.way is not None and enforcing is not None:
        codes[~enforcing & (among.rows >= 0)] = _UNENFORCED
    lasting = (codes > 0) & (codes < FIRST_SHORTAGE) | (codes == _UNENFORCED)
    texts = _TEXTS if seen.way is None else {**_TEXTS, _UNENFORCED: missing(seen.way)}
    answer = FilterAnswer(
        passed,
        _told(among.names, out & ~lasting, codes, texts),
        _told(among.names, out & lasting, codes, texts),
    )
    return answer, fits


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
    rows = among.rows
    each = (
        np.where(rows >= 0, scores[rows], -np.inf) if scores.size else np.full(rows.size, -np.inf)
    )
    finite = each > -np.inf
    points = np.zeros(rows.size, np.int64)
    if finite.any():
        low, high = float(each[finite].min()), float(each.max())
        share = (each - low) / (high - low) if high > low else np.ones(rows.size)
        points = np.where(finite, np.floor((BEST - 1) * share), 0.0).astype(np.int64)
    points[rows == mirror.cluster.row(choice)] = BEST
    return list(zip(among.names, points.tolist(), strict=True))


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


def _told(
    names: Sequence[str], which: BoolArray, codes: IntArray, texts: Mapping[int, str]
) -> dict[str, str]:
    """Return the texts of some candidates by name."""
    found: dict[str, str] = {}
    for code in np.unique(codes[which]).tolist():  # there are few: by reason is faster than by name
        chosen = compress(names, (which & (codes == code)).tolist())
        found |= dict.fromkeys(chosen, texts[code])
    return found


def _off(whose: str, key: str) -> str:
    return (
        f"asks for a share in {whose} words, and the choice of GPUs is not written for its device"
        f" plugin: set devices.{key} = true, or leave such pods to its own scheduler"
    )
