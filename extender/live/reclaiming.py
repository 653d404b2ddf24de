"""Who gives back what a queue is guaranteed: the engine's reclaim, on a copy of the cluster.

Room that comes by itself, of pods that are leaving already, is nobody's to be evicted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bayplan.extender.live.rounds import Claim, Unit
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Gone
from bayplan.scheduler.preemption import preempt, preempt_gang
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Decision

if TYPE_CHECKING:
    from bayplan.extender.live.lifting import Work

FAIR_RECLAIM = "fair-reclaim"
MOST = 3
"""Units that somebody is evicted for in a round: each is a search."""


def claims_of(work: Work, waiting: Sequence[Unit]) -> list[Claim]:
    """Return whom units that wait may take their guarantee back from, the first ones first."""
    entitled = [u for u in waiting if not (u.held_back or u.meek) and _excess(work, u)]
    if not entitled:
        return []
    work.hopeless.clear()
    _let_go(work, [*work.round.leaving, *(u for us in work.round.promised.values() for u in us)])
    found: list[Claim] = []
    for unit in entitled:
        if len(found) == MOST:
            break
        decisions, _ = ((), "") if work.refused(unit) else work.place(unit)
        if decisions:  # room comes by itself
            work.bind(decisions)
        elif unit.key not in work.round.promised and (claim := _claim(work, unit)) is not None:
            found.append(claim)
            _let_go(work, claim.uids)
            work.bind(claim.decisions)
    return found


def _claim(work: Work, unit: Unit) -> Claim | None:
    excess = _excess(work, unit)
    guards = work.round.guards
    if not excess or guards is None:
        return None
    guards = replace(guards, queue_excess_milli=excess)
    try:
        return (
            _for_gang(work, unit, guards) if unit.gang is not None else _for_pod(work, unit, guards)
        )
    except InvalidRequest:
        return None


def _for_pod(work: Work, unit: Unit, guards: Guards) -> Claim | None:
    (request,) = unit.requests
    now_s = work.round.now_s
    found = preempt(work.engine, request, now_s, guards, FAIR_RECLAIM, unit.nodes)
    for victims in found.nodes:
        decisions = (Decision(request, now_s, victims.placement),)
        # A budget lets nobody be evicted beyond it, however much a queue is guaranteed.
        if not victims.violations and _is_admitted(work, decisions, victims.uids):
            return Claim(unit, victims.uids, decisions)
    return None


def _for_gang(work: Work, unit: Unit, guards: Guards) -> Claim | None:
    assert unit.gang is not None
    found = preempt_gang(work.engine, unit.gang, work.round.now_s, guards, FAIR_RECLAIM, unit.nodes)
    decisions = found.plan.decisions if found.plan is not None else ()
    if not decisions or not found.uids or found.violations:
        return None
    return Claim(unit, found.uids, decisions) if _is_admitted(work, decisions, found.uids) else None


def _is_admitted(work: Work, decisions: Sequence[Decision], without: Sequence[str]) -> bool:
    return work.admission.verdict_there(decisions, without).admitted


def _excess(work: Work, unit: Unit) -> dict[str, int]:
    """Return what other queues use beyond their guarantee and a unit may take back, milli-GPU."""
    found = work.admission.excess(unit.requests)
    return {queue: milli for queue, milli in found.items() if queue and queue != unit.queue}


def _let_go(work: Work, uids: Sequence[str]) -> None:
    for uid in uids:
        if uid in work.cluster.pods:
            work.admission.remove(uid)
            work.cluster.apply(Gone(uid))
