"""Why a pod is pending, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining.adding import add
from bayplan.scheduler.explaining.case import Case, case_of
from bayplan.scheduler.explaining.cutting import repartition
from bayplan.scheduler.explaining.evicting import evict
from bayplan.scheduler.explaining.freeing import free_slice
from bayplan.scheduler.explaining.lacks import nearest_miss
from bayplan.scheduler.explaining.moving import defragment
from bayplan.scheduler.explaining.relaxing import relax
from bayplan.scheduler.explaining.text import verdict_words
from bayplan.scheduler.explaining.types import Effort, Explanation, Fix, FixKind
from bayplan.scheduler.explaining.waiting import wait
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.queues.types import Verdict
from bayplan.scheduler.types import Request

MAX_FIXES = 7

_SEARCHES: dict[FixKind, Callable[[Case], Iterator[Fix]]] = {
    FixKind.WAIT: wait,
    FixKind.RELAX: relax,
    FixKind.REPARTITION: repartition,
    FixKind.ADD: add,
    FixKind.DEFRAGMENT: defragment,
    FixKind.FREE_SLICE: free_slice,
    FixKind.EVICT: evict,
}
"""In the order of how much they disturb."""


def explain_pod(
    engine: Engine,
    request: Request,
    now_s: float,
    *,
    guards: Guards | None = None,
    nodes: BoolArray | None = None,
    queue_verdict: Verdict | None = None,
    max_fixes: int = MAX_FIXES,
    effort: Effort | None = None,
) -> Explanation:
    """Say whether a pod fits now; if not, why, what comes nearest, and what would help.

    Nothing changes: every fix is tried in a trial that is rolled back. The work is bounded by
    ``effort``, in counts.

    Parameters
    ----------
    guards
        What protects running pods; for evictions and moves.
    nodes
        The candidates, (n_rows,) bool: what taints and affinity leave. Nodes that are added are
        candidates, and pods that move away are not bound to it.
    queue_verdict
        What the pod's queue says; the first rule that binds is told.
    max_fixes
        The most fixes, the gentlest first; 0 asks for reasons only.

    Raises
    ------
    InvalidRequest
        The request makes no sense on any cluster.
    ValueError
        ``nodes`` is no mask over the rows.
    """
    limit = verdict_words(queue_verdict) if queue_verdict is not None else ""
    view = engine.cluster.view
    n_nodes = int(np.count_nonzero(view.alive[: view.n_rows]))
    present = engine.cluster.pods.get(request.uid)
    if present is not None:
        return Explanation(request, now_s, present.placement, True, n_nodes, limit=limit)
    placement = engine.decide(request, now_s, nodes).placement
    if placement is not None:
        return Explanation(request, now_s, placement, False, n_nodes, limit=limit)
    case = case_of(engine, request, now_s, guards or Guards(), nodes, effort or Effort())
    return Explanation(
        request,
        now_s,
        n_nodes=n_nodes,
        wishes=engine.explain(request, nodes),
        nearest=nearest_miss(engine, case.lacks),
        limit=limit,
        fixes=tuple(islice(_fixes(case), max_fixes)),
    )


def _fixes(case: Case) -> Iterator[Fix]:
    for kind, search in _SEARCHES.items():
        if kind not in case.effort.without:
            yield from search(case)
