"""Whom to evict for a pod."""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining.case import Case
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import name, names, plural
from bayplan.scheduler.preemption import preempt


def evict(case: Case) -> Iterator[Fix]:
    """Yield the best eviction of pods of lower priority, if there is one."""
    if not anybody_below(case.cluster, case.request.priority):
        return
    found = preempt(
        case.engine,
        case.request,
        case.now_s,
        guards=case.guards,
        nodes=case.nodes,
        best=case.effort.rows,
    )
    for victims in found.nodes:
        events = tuple(map(Gone, victims.uids))
        placement = case.placed_after(events)
        if placement is not None:
            text = (
                f"evict {plural(len(victims.uids), 'pod')} of priority up to"
                f" {victims.highest_priority} for {name(placement.node)}: {names(victims.uids)}"
            )
            yield Fix(FixKind.EVICT, text, placement.node, events, victims.uids)
            return


def anybody_below(cluster: Cluster, priority: int) -> bool:
    """Whether a pod of lower priority may be evicted at all: else a long search is for nothing."""
    requests = (pod.request for pod in cluster.pods.values())
    return any(request.priority < priority and request.preemptible for request in requests)
