"""Why pods wait, in full: once for each kind of pods, as the cluster is after the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining import Effort, explain_pod
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request
from bayplan.simulator.plan.planning import NOW_S
from bayplan.simulator.plan.results import Waiting

MOST_KINDS = 12
"""Kinds of waiting pods that fixes are sought for; a search takes tens of milliseconds."""

MAX_FIXES = 2
_EFFORT = Effort(rows=4, tries=6, checks=16, ends=2_000)


def explained(waiting: Sequence[Waiting], engine: Engine, guards: Guards) -> tuple[Waiting, ...]:
    """Return the same with texts, for the kinds of which most pods wait.

    Only pods that wait for room by themselves are explained: what is said of gangs, queues and
    gates is in ``why`` already.

    Parameters
    ----------
    waiting
        Who waits.
    engine
        On the cluster as it is after the plan.
    guards
        What protects running pods.
    """
    kinds: dict[Request, list[int]] = {}
    for index, each in enumerate(waiting):
        if each.reasons and not each.gang:
            kinds.setdefault(kind_of(each.request), []).append(index)
    found = list(waiting)
    for members in sorted(kinds.values(), key=lambda rows: (-len(rows), rows[0]))[:MOST_KINDS]:
        request = waiting[members[0]].request
        explanation = explain_pod(
            engine, request, NOW_S, guards=guards, max_fixes=MAX_FIXES, effort=_EFFORT
        )
        # The first line names the pod: each gets its own.
        head, _, rest = explanation.text.partition("\n")
        for index in members:
            uid = waiting[index].request.uid
            own = head.replace(request.uid, uid)
            found[index] = replace(found[index], text=f"{own}\n{rest}" if rest else own)
    return tuple(found)


def kind_of(request: Request) -> Request:
    """Return what a pod has in common with those that ask for the same.

    Parameters
    ----------
    request
        The pod.
    """
    return replace(request, uid="", disruption_budgets=(), gang="", queue="")
