"""Who leaves for a gang, and whether somebody still has to: pure, on a copy of the cluster."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, StateError
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.preemption import preempt_gang
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Decision


@dataclass(frozen=True, slots=True)
class Case:
    """A gang without room.

    Attributes
    ----------
    gang
        The gang.
    engine
        On a copy of the cluster, which is used up.
    nodes
        Rows (n_rows,) that give out what it asks for; None: all.
    guards
        What protects running pods.
    leaving, late
        The uids of pods that are leaving: their room is about to come, or should have come long
        ago. Those are neither counted on nor evicted once more.
    now_s
        The time.
    """

    gang: Gang
    engine: Engine
    nodes: BoolArray | None
    guards: Guards
    leaving: tuple[str, ...]
    late: tuple[str, ...]
    now_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """Who is to leave for a gang (sorted), and where it goes then.

    Without decisions nothing helps, and ``why`` says why; without uids it needs nobody's leaving.
    ``violations`` of disruption budgets there are whoever leaves.
    """

    gang: Gang
    uids: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    violations: int = 0
    why: str = ""


def search(case: Case) -> Found:
    """Return who is to leave for a gang, all that must or nobody.

    Parameters
    ----------
    case
        The gang and its cluster.
    """
    _let_go(case.engine.cluster, case.leaving)
    _spare(case.engine.cluster, case.late)
    try:
        found = preempt_gang(case.engine, case.gang, case.now_s, case.guards, nodes=case.nodes)
    except InvalidRequest as error:
        return Found(case.gang, why=str(error))
    decisions = () if found.plan is None else found.plan.decisions
    if not decisions:
        return Found(case.gang, why=found.why)
    return Found(case.gang, found.uids, decisions, found.violations)


class Verdict(Enum):
    """Whether some pods still have to leave: yes, no, or it would help no longer."""

    NEEDED = "needed"
    SPARED = "spared"
    VAIN = "vain"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict; of who is spared with where the gang goes while they stay."""

    verdict: Verdict
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Whether ``unit`` still has to leave, beside ``others`` who leave or hold the gang's room."""

    gang: Gang
    engine: Engine
    nodes: BoolArray | None
    unit: tuple[str, ...]
    others: tuple[str, ...]
    now_s: float


def judge(doubt: Doubt) -> Judged:
    """Return whether the gang needs a unit to leave, as the cluster is now.

    Parameters
    ----------
    doubt
        The unit and the cluster.
    """
    _let_go(doubt.engine.cluster, doubt.others)
    found = _planned(doubt)
    if found is not None:
        return Judged(Verdict.SPARED, found)
    _let_go(doubt.engine.cluster, doubt.unit)
    return Judged(Verdict.VAIN if _planned(doubt) is None else Verdict.NEEDED)


def _planned(doubt: Doubt) -> tuple[Decision, ...] | None:
    try:
        plan = doubt.engine.decide_gang(doubt.gang, doubt.now_s, doubt.nodes)
    except InvalidRequest:
        return None
    return None if plan.missing else plan.decisions


def _spare(cluster: Cluster, uids: Iterable[str]) -> None:
    """Let pods be nobody's victims; those on nodes that take no new pods are none anyway."""
    for uid in uids:
        pod = cluster.pods.get(uid)
        if pod is None:
            continue
        stays = Decision(pod.request._replace(preemptible=False), pod.start_s, pod.placement)
        with suppress(StateError), cluster.trial() as trial:
            cluster.apply(Gone(uid))
            cluster.apply(Bound(stays, pod.start_s))
            trial.keep()


def _let_go(cluster: Cluster, uids: Iterable[str]) -> None:
    for uid in uids:
        if uid in cluster.pods:
            cluster.apply(Gone(uid))
