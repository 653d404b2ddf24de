"""Whom to evict so that a pod fits, by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bayplan.kernels.victims import PODS
from bayplan.scheduler.arrays import BoolArray, IntArray, IntTable
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.near import islands_of
from bayplan.scheduler.preemption.policies import preemption_policy
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.types import Guards, Preemption
from bayplan.scheduler.preemption.verify import suitable, verified
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason, Request

BEST = 10
"""How many nodes are verified and returned, unless the caller says otherwise."""

_REFINED = 64
_REPRIEVE = (0, 0, 1)
_THOROUGH = (0, 2048, 3)
"""How many rows matter (0: all), steps a row and order, and orders.

2048 steps exhaust a node with ten pods that could leave.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """The victims that were found on some rows for one way to satisfy a request.

    ``values`` (k, 4) as in ``kernels.victims``; ``evict`` (n,) by place of the table.
    """

    rows: IntArray
    values: IntTable
    evict: BoolArray
    question: Question

    def places(self, row: int) -> list[int]:
        """Return the places of the victims on a row."""
        pods = self.question.table.pods
        start = pods.start.item(row)
        own = self.evict[start : start + pods.count.item(row)]
        there: list[int] = (start + np.flatnonzero(own)).tolist()
        return there


def preempt(
    engine: Engine,
    request: Request,
    now_s: float,
    guards: Guards | None = None,
    policy: str = "priority",
    nodes: BoolArray | None = None,
    initial: Mapping[str, tuple[str, ...]] | None = None,
    best: int = BEST,
) -> Preemption:
    """Return whom to evict so that a request fits, for the best nodes, the best one first.

    Nodes are compared by: evictions beyond disruption budgets, the highest priority among the
    victims (under ``fair-reclaim``: of those who go last), how many leave, gang mates elsewhere
    included, the work that is lost, and their row. A gang leaves as a whole, or shrinks as far as
    its least size allows. No victim of a node can be left out, and without them
    ``engine.decide`` on that node gives the placement that is returned. Nothing changes.

    The order of nodes is that of kube-scheduler's ``pickOneNodeForPreemption`` with the work lost
    in the place of start times; victims on a node are searched by branch and bound, which begins
    with its reprieve (``kernels.victims``).

    Parameters
    ----------
    guards
        What protects running pods; None: no more than they say themselves.
    policy
        Who may leave: one of ``preemption_policy_names()``.
    nodes
        The candidates, (n_rows,) bool; None: all.
    initial
        Victims by node that another scheduler has in mind. Only these nodes are looked at; the
        victims themselves are found anew, since what one sees of a GPU the other may not.
    best
        At most so many nodes are returned.

    Raises
    ------
    InvalidRequest
        The request makes no sense on any cluster.
    InputError
        There is no such policy.
    """
    rules = preemption_policy(policy)
    candidates = suitable(engine, request, candidate_mask(engine, nodes, initial))
    rest, candidates, spared = _around_claims(engine, request, candidates)
    shapes = [shape for shape in engine.shapes(rest) if not shape.refusal]
    question = Question(engine.cluster, request, now_s, guards or Guards(), rules, spared)
    found = [
        _search(engine, question, shape, candidates, best, island)
        for shape in shapes
        for island in islands_of(shape, engine.cluster.view)
    ]
    victims = []
    for row, places in _in_order(found):
        each = verified(engine, request, row, question, places)
        if each is not None:
            victims.append(each)
        if len(victims) == best:
            break
    question.table.settle()
    why = "" if victims else _why(candidates)
    return Preemption(request, now_s, tuple(victims), why)


def candidate_mask(
    engine: Engine, nodes: BoolArray | None, initial: Mapping[str, tuple[str, ...]] | None = None
) -> BoolArray:
    """Return which rows (n_rows,) are looked at; ``ValueError`` when ``nodes`` is no mask."""
    cluster = engine.cluster
    n_rows = cluster.view.n_rows
    if nodes is not None and (nodes.dtype != np.bool_ or nodes.shape != (n_rows,)):
        raise ValueError(f"nodes: {nodes.dtype}{nodes.shape}; give bool ({n_rows},)")
    mask = cluster.view.alive[:n_rows].copy()
    if nodes is not None:
        mask &= nodes
    if initial is not None:
        named = np.zeros(n_rows, np.bool_)
        named[[cluster.row(name) for name in initial if name in cluster.nodes]] = True
        mask &= named
    return mask


def _around_claims(
    engine: Engine, request: Request, candidates: BoolArray
) -> tuple[Request, BoolArray, frozenset[str]]:
    """Return what is to be searched of a request some of whose claims others hold already.

    It goes where they are, and their users stay: it needs what they hold.
    """
    cluster = engine.cluster
    granted = {d.claim for d in request.devices if d.claim in cluster.claims}
    if not granted:
        return request, candidates, frozenset()
    there = np.zeros_like(candidates)
    rows = {cluster.row(cluster.claims[name].node) for name in granted}
    if len(rows) == 1:
        row = rows.pop()
        there[row] = candidates[row]
    users = frozenset(uid for name in granted for uid in cluster.claims[name].users)
    rest = tuple(d for d in request.devices if d.claim not in granted)
    return request._replace(devices=rest), there, users


def _search(
    engine: Engine,
    question: Question,
    shape: Shape,
    candidates: BoolArray,
    best: int,
    island: int,
) -> Found:
    """Look at all candidates once, and at the best of them thoroughly."""
    cluster = engine.cluster
    alike = engine.column_of(shape)
    codes = engine.columns.codes(alike)
    rows = np.flatnonzero(candidates & ((codes >= FIRST_SHORTAGE) | (codes == Reason.FITS)))
    needs = engine.columns.needs(alike)
    keep = max(_REFINED, 2 * best)
    values, _ = question.search(cluster, shape, needs, rows, (keep, 0, 1), island=island)
    rows = _ranked(rows, values)[:keep]
    values, evict = question.search(cluster, shape, needs, rows, _THOROUGH, island=island)
    # What ran out of steps may hold victims that need not leave.
    values, evict = question.search(cluster, shape, needs, rows, _REPRIEVE, evict, island)
    return Found(rows, values, evict, question)


def _ranked(rows: IntArray, values: IntTable) -> IntArray:
    """Return the rows with victims, the best first; the lowest row among equals."""
    there = values[:, PODS] >= 0
    rows, values = rows[there], values[there]
    return rows[np.lexsort((rows, *values.T[::-1]))]


def _in_order(found: list[Found]) -> Iterator[tuple[int, list[int]]]:
    """Go through rows and the places of their victims, the best first, each row once."""
    each = [
        (*values, row, number)
        for number, some in enumerate(found)
        for values, row in zip(some.values.tolist(), some.rows.tolist(), strict=True)
        if values[PODS] >= 0
    ]
    seen = set()
    for *_, row, number in sorted(each):
        if row not in seen:
            seen.add(row)
            yield row, found[number].places(row)


def _why(candidates: BoolArray) -> str:
    n = int(np.count_nonzero(candidates))
    return f"no room on any of {n} nodes, even if all pods left that may be evicted for this one"
