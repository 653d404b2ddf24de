"""One pod asks: what is wrong with its request, which nodes would do, which is the best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bayplan.extender.live.enforcing import Way, missing
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.settings import Live
from bayplan.extender.names import NodeNames
from bayplan.extender.verbs import FilterAnswer, Scores, Why
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.types import FIRST_SHORTAGE, Decision, Reason, Request

BEST = 10
"""``MaxExtenderPriority`` of kube-scheduler's extender API."""

_NO_ROW = -2
"""Of a node that is not there; -1 is of a candidate that is not."""

_KNOWN = max(reason.value for reason in Reason)
_UNKNOWN, _OTHER, _UNENFORCED = _KNOWN + 1, _KNOWN + 2, _KNOWN + 3
_TEXTS = {reason.value: reason.text for reason in Reason}
_TOLD = {
    Way.HAMI: ("HAMi's", "hami", "device plugin"),
    Way.ALIYUN: ("gpushare's", "gpushare", "device plugin"),
    Way.VOLCANO: ("Volcano's", "volcano", "device plugin"),
    Way.KOORDINATOR: ("Koordinator's", "koordinator", "koordlet"),
}
"""Whose words a pod uses, the key that lets it, and who is told."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Nodes that kube-scheduler names, with their rows (len(names),), -1 where we know none."""

    names: NodeNames
    rows: IntArray


def candidates(mirror: Mirror, names: NodeNames) -> Candidates:
    """Return candidates by name."""
    return Candidates(names, mirror.rows_of(names))


def objection(seen: Seen, settings: Live) -> str:
    """Return why no node at all can take a pod as it is written; empty: some may."""
    if seen.problem:
        return seen.problem
    if seen.claims and not settings.dra:
        return "spec.resourceClaims: claims of devices are not looked at: set devices.dra = true"
    if seen.way is not None and not settings.tells(seen.way):
        return _off(*_TOLD[seen.way])
    return ""


def alone(mirror: Mirror, seen: Seen) -> Request:
    """Return what a pod asks of a node by itself: kube-scheduler has looked at its constraints."""
    return mirror.reader.held_form(seen, "")._replace(constraints=None)


def filtered(mirror: Mirror, engine: Engine, seen: Seen, among: Candidates) -> FilterAnswer:
    """Say which candidates can take a pod, and why the others cannot."""
    request = alone(mirror, seen)
    fits, found = engine.feasible(request), engine.codes(request)
    codes = np.full(fits.size + 1, _UNKNOWN, np.int64)  # the last: of nodes without a row
    codes[:-1] = np.where(fits, 0, np.where(found, found, _OTHER))
    if (giving := mirror.giving(seen)) is not None:
        codes[:-1][~giving] = _UNENFORCED
    return FilterAnswer(among.names, codes[among.rows], _whys(seen.way, mirror.reserved))


def best(mirror: Mirror, engine: Engine, seen: Seen, among: Candidates, now_s: float) -> Decision:
    """Return where among the candidates a pod goes, as what it will hold there."""
    decision = engine.decide(alone(mirror, seen), now_s, mask(mirror, seen, among), why=False)
    if decision.placement is None:
        return decision
    held = mirror.reader.held_form(seen, decision.placement.node, seen.group)
    return decision._replace(request=held)


def scored(mirror: Mirror, engine: Engine, seen: Seen, among: Candidates, choice: str) -> Scores:
    """Return a score for each candidate: the choice has 10, others from 0 to 9 by the policy."""
    scores = engine.scores(alone(mirror, seen), mask(mirror, seen, among))
    each = np.append(scores, -np.inf)[among.rows]  # the last: of nodes without a row
    finite = each > -np.inf
    points = np.zeros(each.size, np.int64)
    if finite.any():
        low, high = float(each[finite].min()), float(each.max())
        share = (each - low) / (high - low) if high > low else np.ones(each.size)
        points = np.where(finite, np.floor((BEST - 1) * share), 0.0).astype(np.int64)
    points[among.rows == mirror.cluster.row(choice)] = BEST
    return Scores(among.names, points)


def mask(mirror: Mirror, seen: Seen | None, among: Candidates) -> BoolArray:
    """Return the candidates as a mask over all rows (n_rows,), those that enforce what is asked."""
    found = np.zeros(mirror.cluster.view.n_rows + 1, np.bool_)
    found[among.rows] = True
    found = found[:-1]
    giving = None if seen is None else mirror.giving(seen)
    return found if giving is None else found & giving


def one(node: str) -> FilterAnswer:
    """Return that a pod goes to one node; that others do not pass needs no words then."""
    return FilterAnswer(NodeNames.of([node]), np.zeros(1, np.int64))


def only(mirror: Mirror, node: str, among: Candidates, why: str) -> FilterAnswer:
    """Return that a pod goes to one node if it is a candidate, and why not to the others."""
    if is_at(mirror, node, among).any():
        return one(node)
    return FilterAnswer.nowhere(among.names, why)


def is_at(mirror: Mirror, node: str, among: Candidates) -> BoolArray:
    """Return which candidates are a node (len(names),)."""
    cluster = mirror.cluster
    found: BoolArray = among.rows == (cluster.row(node) if node in cluster.nodes else _NO_ROW)
    return found


@lru_cache(maxsize=16)
def _whys(way: Way | None, reserved: tuple[Way, ...]) -> tuple[Why, ...]:
    """Return the reasons by code, from 1: the engine's, then ours."""
    return (
        *(Why(_TEXTS.get(n, ""), lasting=n < FIRST_SHORTAGE) for n in range(1, _KNOWN + 1)),
        Why("the node is not known yet"),
        Why("the node does not suit another of the pod's wishes"),
        Why(missing(way, reserved), lasting=True),
    )


def _off(whose: str, key: str, told: str) -> str:
    return (
        f"asks for a share in {whose} words, and the choice of GPUs is not written for its {told}:"
        f" set devices.{key} = true, or leave such pods to its own scheduler"
    )
