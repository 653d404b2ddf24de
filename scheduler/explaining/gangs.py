"""Why a gang is pending, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine, WishReasons
from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining.evicting import anybody_below
from bayplan.scheduler.explaining.gang_adding import add_for_gang
from bayplan.scheduler.explaining.gang_case import GangCase, gang_case, starts
from bayplan.scheduler.explaining.gang_relaxing import relax_gang
from bayplan.scheduler.explaining.gang_waiting import wait_for_gang
from bayplan.scheduler.explaining.pods import MAX_FIXES
from bayplan.scheduler.explaining.text import verdict_words
from bayplan.scheduler.explaining.types import Effort, Fix, FixKind, GangExplanation
from bayplan.scheduler.explaining.words import names, plural
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption import Guards, preempt_gang
from bayplan.scheduler.queues.types import Verdict


def explain_gang(
    engine: Engine,
    gang: Gang,
    now_s: float,
    *,
    guards: Guards | None = None,
    nodes: BoolArray | None = None,
    queue_verdict: Verdict | None = None,
    max_fixes: int = MAX_FIXES,
    effort: Effort | None = None,
) -> GangExplanation:
    """Say whether a gang starts now; if not, how near it comes, and what would help.

    Nothing changes: every fix is tried in a trial that is rolled back. Parameters are those of
    ``explain_pod``.

    Raises
    ------
    InvalidRequest
        The gang, or one of its members, makes no sense on any cluster.
    ValueError
        ``nodes`` is no mask over the rows.
    """
    limit = verdict_words(queue_verdict) if queue_verdict is not None else ""
    plan = engine.decide_gang(gang, now_s, nodes)
    if starts(plan):
        where = {d.placement.node for d in plan.decisions if d.placement is not None}
        where |= {engine.cluster.pods[uid].placement.node for uid in plan.bound}
        bound = not any(d.placement for d in plan.decisions)
        nodes_of = tuple(sorted(where))
        return GangExplanation(gang, now_s, True, nodes_of, limit=limit, bound=bound)
    case = gang_case(engine, gang, plan, guards or Guards(), nodes, effort or Effort())
    return GangExplanation(
        gang,
        now_s,
        size=len(case.members),
        placed=len(case.members) - plan.missing,
        missing=plan.missing,
        why=plan.why,
        first_left=plan.first_left,
        why_left=_alone(case, plan),
        limit=limit,
        fixes=tuple(islice(_fixes(case), max_fixes)),
    )


def _alone(case: GangCase, plan: GangPlan) -> WishReasons | None:
    left = [member for member in case.members if member.uid == plan.first_left]
    return case.engine.explain(left[0], case.nodes)[0] if left else None


def _fixes(case: GangCase) -> Iterator[Fix]:
    for kind, search in _SEARCHES.items():
        if kind not in case.effort.without:
            yield from search(case)


def evict_for_gang(case: GangCase) -> Iterator[Fix]:
    """Yield the best eviction of pods of lower priority, if there is one."""
    lowest = min((member.priority for member in case.members), default=0)
    if not anybody_below(case.cluster, lowest):
        return
    found = preempt_gang(
        case.engine,
        case.gang,
        case.now_s,
        guards=case.guards,
        nodes=case.nodes,
        policy="priority",
        domains=case.effort.domains,
    )
    if found.plan is None:
        return
    events = tuple(map(Gone, found.uids))
    if starts(case.decide(events)):
        text = (
            f"evict {plural(len(found.uids), 'pod')} of priority up to {found.highest_priority}:"
            f" {names(found.uids)}"
        )
        yield Fix(FixKind.EVICT, text, "", events, found.uids)


_SEARCHES: dict[FixKind, Callable[[GangCase], Iterator[Fix]]] = {
    FixKind.WAIT: wait_for_gang,
    FixKind.RELAX: relax_gang,
    FixKind.ADD: add_for_gang,
    FixKind.EVICT: evict_for_gang,
}
"""In the order of how much they disturb."""
