"""Finding the short answer: the long one of ``pods`` and ``gangs``, and what a place was for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining.brief import Advice, Brief, Count, Kind, Search, State
from bayplan.scheduler.explaining.gangs import explain_gang
from bayplan.scheduler.explaining.pods import explain_pod
from bayplan.scheduler.explaining.text import miss_line
from bayplan.scheduler.explaining.types import Effort, Explanation, Fix, GangExplanation
from bayplan.scheduler.explaining.words import asks, name, plural
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Placement, Reason, Request

MOST_FIXES = 4
EFFORT = Effort(rows=4, tries=6, checks=16, ends=2_000, gang_checks=4)
"""As ``bayplan plan`` has it: tens of milliseconds on large clusters, so that each pod has one."""


def brief_of_pod(
    engine: Engine,
    request: Request,
    now_s: float,
    *,
    policy: str = "",
    guards: Guards | None = None,
    nodes: BoolArray | None = None,
) -> Brief:
    """Return why a pod waits, or why it is where it is.

    Parameters
    ----------
    policy
        The name of the engine's policy.
    engine, request, now_s, guards, nodes
        Those of ``explain_pod``.

    Raises
    ------
    InvalidRequest
        The request makes no sense on any cluster.
    """
    found = explain_pod(
        engine, request, now_s, guards=guards, nodes=nodes, max_fixes=MOST_FIXES, effort=EFFORT
    )
    brief = Brief(Kind.POD, request.uid, State.WAITS, asks(request), n_nodes=found.n_nodes)
    if found.placement is not None:
        state = State.BOUND if found.bound else State.FITS
        at = found.placement.node
        brief = replace(brief, state=state, nodes=(at,), gpus=_gpus(found.placement))
        if found.bound:
            brief = replace(brief, notes=_choice(engine, request, at, nodes, policy))
        return brief
    return replace(
        brief,
        reasons=_counts(found.wishes[0].reasons),
        nearest="" if found.nearest is None else miss_line(found.nearest),
        notes=_other_ways(found),
        search=Search.DONE,
        advice=_advice(found.fixes),
    )


def brief_of_gang(
    engine: Engine,
    gang: Gang,
    now_s: float,
    *,
    least: int,
    guards: Guards | None = None,
    nodes: BoolArray | None = None,
) -> Brief:
    """Return why a gang waits, or where it would go.

    Parameters
    ----------
    least
        How many members must start together.
    engine, gang, now_s, guards, nodes
        Those of ``explain_gang``.

    Raises
    ------
    InvalidRequest
        A member makes no sense on any cluster.
    """
    found = explain_gang(
        engine, gang, now_s, guards=guards, nodes=nodes, max_fixes=MOST_FIXES, effort=EFFORT
    )
    members = [member for role in gang.roles for member in role.members]
    view = engine.cluster.view
    brief = Brief(
        Kind.GANG,
        gang.name,
        State.WAITS,
        asks_of(members),
        n_nodes=int(np.count_nonzero(view.alive[: view.n_rows])),
        size=len(members),
        least=least,
    )
    if found.starts:
        state = State.BOUND if found.bound else State.FITS
        n = sum(member.uid in engine.cluster.pods for member in members)
        placed = n if found.bound else len(members)
        return replace(brief, state=state, nodes=found.nodes, placed=placed)
    brief = replace(_with_left(brief, found), size=found.size, placed=found.placed)
    return replace(brief, search=Search.DONE, advice=_advice(found.fixes))


def asks_of(members: Sequence[Request]) -> str:
    """Return what each member asks for; empty where they do not ask for the same.

    Parameters
    ----------
    members
        The members.
    """
    every = {asks(member) for member in members}
    return every.pop() if len(every) == 1 else ""


def _with_left(brief: Brief, found: GangExplanation) -> Brief:
    """Add the first member without a place, and why."""
    how_far, _, _ = found.why.partition("; ")
    alone = found.why_left
    if not found.first_left or alone is None:
        return replace(brief, why=found.why)
    # In the whole cluster the head says as much; in a domain of it that is what matters.
    in_all = f"{found.placed} of {found.size} members fit in the cluster"
    return replace(
        brief,
        why="" if how_far == in_all else how_far,
        left=found.first_left,
        left_fits=alone.fitting,
        reasons=() if alone.fitting else _counts(alone.reasons),
    )


def _choice(
    engine: Engine, request: Request, at: str, nodes: BoolArray | None, policy: str
) -> tuple[str, ...]:
    """Say how the policy would choose if the pod came only now."""
    cluster = engine.cluster
    with cluster.trial():
        cluster.apply(Gone(request.uid))
        first = engine.decide(request, 0.0, nodes).placement
        scores = engine.scores(request, nodes)
        row = cluster.row(at)
    would = f"{plural(int(np.count_nonzero(scores > -np.inf)), 'node')} would take it now"
    by = f"by {policy}" if policy else "by its policy"
    if first is None or not scores[row] > -np.inf:
        return (f"if it came only now it would not go to {name(at)}",)
    if first.node == at:
        return (f"{would}; {by} this is the first of them",)
    place = 1 + int(np.count_nonzero(scores > scores[row]))
    return (f"{would}; {by} {name(first.node)} is the first of them, this is number {place}",)


def _gpus(placement: Placement) -> tuple[int, ...]:
    found = {grant.slot.gpu for grants in placement.grants for grant in grants}
    return () if not found or min(found) < 0 else tuple(sorted(found))


def _counts(reasons: Sequence[tuple[Reason, int]]) -> tuple[Count, ...]:
    ordered = sorted(reasons, key=lambda pair: (-pair[1], pair[0]))
    return tuple(Count(reason.text, n) for reason, n in ordered)


def _other_ways(found: Explanation) -> tuple[str, ...]:
    n = len(found.wishes) - 1
    ways = "the other way" if n == 1 else f"{n} other ways"
    return (f"{ways} to satisfy it fail{'s' if n == 1 else ''}, too",) if n else ()


def _advice(fixes: Sequence[Fix]) -> tuple[Advice, ...]:
    # Who leaves nodes out knows why: that others would have room is no help.
    return tuple(Advice(fix.kind.name.lower(), fix.text) for fix in fixes if not fix.any_node)
