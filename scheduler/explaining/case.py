"""A pod that does not fit, and trying what would help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Event, NodeUp
from bayplan.scheduler.explaining.lacks import Lacks, lacks_of
from bayplan.scheduler.explaining.types import Effort
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Placement, Pod, Request

MAX_WAYS = 8
"""How many ways to satisfy a request are looked at closely."""


@dataclass(frozen=True, slots=True)
class Case:
    """What all searches for fixes take: a question that has the answer no, and what rows lack."""

    engine: Engine
    request: Request
    now_s: float
    guards: Guards
    nodes: BoolArray | None
    effort: Effort
    lacks: tuple[Lacks, ...]

    @property
    def cluster(self) -> Cluster:
        """The cluster of the engine."""
        return self.engine.cluster

    def only(self, row: int) -> BoolArray:
        """Return the mask of one row, if it is a candidate."""
        mask = np.zeros(self.cluster.view.n_rows, np.bool_)
        mask[row] = self.nodes is None or row >= self.nodes.size or bool(self.nodes[row])
        return mask

    def fits(self, row: int) -> bool:
        """Whether the request fits a row as things are now (in a trial)."""
        return self.engine.decide(self.request, self.now_s, self.only(row)).placement is not None

    def placed_after(self, events: Iterable[Event]) -> Placement | None:
        """Return where the request goes once some events have happened; they are taken back."""
        with self.cluster.trial():
            applied = apply_all(self.cluster, events)
            nodes = candidates_after(self.cluster, self.nodes, applied)
            return self.engine.decide(self.request, self.now_s, nodes).placement

    def rows(self) -> list[int]:
        """Return the rows that lack only what is in use, the nearest first, few enough to try."""
        by_way = [each.short[: self.effort.rows].tolist() for each in self.lacks]
        return list(dict.fromkeys(row for rows in by_way for row in rows))[: self.effort.rows]

    def lacks_at(self, row: int) -> list[Lacks]:
        """Return the ways that only what is in use keeps off a row."""
        return [each for each in self.lacks if row in each.short[: self.effort.rows]]


def case_of(
    engine: Engine,
    request: Request,
    now_s: float,
    guards: Guards,
    nodes: BoolArray | None,
    effort: Effort,
) -> Case:
    """Look at what every row lacks for a request."""
    rest, there = without_claims(engine.cluster, request, nodes)
    ways = engine.shapes(rest)[:MAX_WAYS]
    codes = None
    if request.constraints is not None:
        codes = constraint_reasons(engine.cluster, request)
    lacks = tuple(lacks_of(engine, i, shape, there, codes) for i, shape in enumerate(ways))
    return Case(engine, request, now_s, guards, nodes, effort, lacks)


def without_claims(
    cluster: Cluster, request: Request, nodes: BoolArray | None
) -> tuple[Request, BoolArray | None]:
    """Return a request without the claims that other pods hold, and the rows where those are."""
    claims = cluster.claims
    held = [d for d in request.devices if d.claim in claims]
    if not held:
        return request, nodes
    there = np.zeros(cluster.view.n_rows, np.bool_)
    rows = {cluster.row(claims[device.claim].node) for device in held}
    if len(rows) == 1:
        row = rows.pop()
        there[row] = nodes is None or nodes[row]
    return request._replace(devices=tuple(d for d in request.devices if d not in held)), there


def apply_all(cluster: Cluster, events: Iterable[Event]) -> Sequence[Event]:
    """Apply events in order, and return them."""
    applied = list(events)
    for event in applied:
        cluster.apply(event)
    return applied


def candidates_after(
    cluster: Cluster, nodes: BoolArray | None, events: Iterable[Event]
) -> BoolArray | None:
    """Return the candidates once ``events`` have happened: those of before, and new nodes."""
    if nodes is None:
        return None
    wide = np.zeros(cluster.view.n_rows, np.bool_)
    size = min(nodes.size, wide.size)
    wide[:size] = nodes[:size]
    for event in events:
        if isinstance(event, NodeUp):
            wide[cluster.row(event.node.name)] = True
    return wide


def may_leave(pod: Pod, guards: Guards, now_s: float) -> bool:
    """Whether a pod may be stopped for another's sake, by itself and without asking anybody."""
    request = pod.request
    return (
        request.preemptible
        and pod.held_until_s is None
        and not request.gang
        and not any(device.claim for device in request.devices)
        and all(guards.budgets.get(budget, 1) > 0 for budget in request.disruption_budgets)
        and now_s - pod.start_s >= guards.min_run_s
    )


def within_budgets(pods: Iterable[Pod], guards: Guards) -> bool:
    """Whether the disruption budgets allow that all of some pods are stopped."""
    used: dict[str, int] = {}
    for pod in pods:
        for budget in pod.request.disruption_budgets:
            used[budget] = used.get(budget, 0) + 1
    return all(guards.budgets.get(budget, n) >= n for budget, n in used.items())
