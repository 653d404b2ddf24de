"""Why pods wait, in full: once for each kind of pods and gangs, as things are after the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining import (
    Effort,
    Explanation,
    GangExplanation,
    explain_gang,
    explain_pod,
)
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request
from bayplan.simulator.plan.planning import NOW_S
from bayplan.simulator.plan.results import Waiting

MOST_KINDS = 5
"""Kinds of waiting pods that fixes are sought for; a search takes tens of milliseconds."""

MOST_GANG_KINDS = 2
"""The same of gangs."""

MAX_FIXES = 2
_EFFORT = Effort(rows=4, tries=6, checks=16, ends=2_000, gang_checks=4)

Found = list[Waiting]
Kinds = list[list[int]]


def explained(
    waiting: Sequence[Waiting], gangs: Mapping[str, Gang], engine: Engine, guards: Guards
) -> tuple[Waiting, ...]:
    """Return the same with texts, for the kinds of which most pods wait.

    Only what waits for room is explained: what is said of queues and gates is in ``why`` already.

    Parameters
    ----------
    waiting
        Who waits.
    gangs
        The gangs among them, by name.
    engine
        On the cluster as it is after the plan.
    guards
        What protects running pods then.
    """
    alone: dict[object, list[int]] = {}
    together: dict[str, list[int]] = {}
    for index, each in enumerate(waiting):
        if each.lacks_room and each.gang in gangs:
            together.setdefault(each.gang, []).append(index)
        elif each.lacks_room and not each.gang:
            alone.setdefault(kind_of(each.request), []).append(index)
    found = list(waiting)
    for members in _most(alone, MOST_KINDS):
        _explain_pods(found, members, engine, guards)
    kinds: dict[object, list[int]] = {}
    for name, members in together.items():
        kinds.setdefault(_gang_kind(gangs[name]), []).extend(members)
    for members in _most(kinds, MOST_GANG_KINDS):
        gang = gangs[waiting[members[0]].gang]
        details = explain_gang(
            engine, gang, NOW_S, guards=guards, max_fixes=MAX_FIXES, effort=_EFFORT
        )
        for index in members:
            # What is said names members, so it is said of the gang that was looked at.
            if found[index].gang == gang.name:
                found[index] = _with(found[index], details, details.text)
    return tuple(found)


def kind_of(request: Request) -> Request:
    """Return what a pod has in common with those that ask for the same.

    Parameters
    ----------
    request
        The pod.
    """
    return request._replace(uid="", disruption_budgets=(), gang="", queue="")


def _explain_pods(found: Found, members: list[int], engine: Engine, guards: Guards) -> None:
    request = found[members[0]].request
    details = explain_pod(
        engine, request, NOW_S, guards=guards, max_fixes=MAX_FIXES, effort=_EFFORT
    )
    # The first line names the pod: each gets its own.
    head, _, rest = details.text.partition("\n")
    for index in members:
        own = head.replace(request.uid, found[index].request.uid)
        found[index] = _with(found[index], details, f"{own}\n{rest}" if rest else own)


def _with(waiting: Waiting, details: Explanation | GangExplanation, text: str) -> Waiting:
    return replace(waiting, text=text, details=details)


def _gang_kind(gang: Gang) -> object:
    roles = tuple((tuple(map(kind_of, role.members)), role.min_members) for role in gang.roles)
    return roles, gang.topology, gang.segment, gang.spread


def _most(kinds: Mapping[object, list[int]], most: int) -> Kinds:
    """Return the kinds with most pods; those who wait longest first among equals."""
    return sorted(kinds.values(), key=lambda rows: (-len(rows), rows[0]))[:most]
