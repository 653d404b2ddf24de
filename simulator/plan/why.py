"""Why a pod or a gang of a Kubernetes dump waits, as the dump shows the cluster."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.explaining.brief import Brief, Kind, State
from bayplan.scheduler.explaining.briefing import asks_of, brief_of_gang, brief_of_pod
from bayplan.scheduler.explaining.words import asks
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import Request
from bayplan.scheduler.workload import typical_workload
from bayplan.simulator.plan.scene import Scene, Unit, scene_of_dump
from bayplan.traces.files import display
from bayplan.traces.kubernetes import Problem

NOW_S = 0.0
DEFAULT_POLICY = "best-fit"


def brief_in_dump(paths: Sequence[Path], name: str) -> Brief:
    """Return why a pod or gang of a dump waits, or is where it is.

    Parameters
    ----------
    paths
        The files of the dump; ``-`` is standard input.
    name
        ``namespace/name``; a pod of that name comes before a gang.

    Raises
    ------
    InputError
        A file cannot be read, or has no such pod or gang.
    """
    scene = scene_of_dump(paths)
    running = [pod.request for pod in scene.cluster.pods.values()]
    every = [*running, *scene.requests]
    policy = make_policy(DEFAULT_POLICY, typical_workload(every) if every else None)
    found = _of_pod(scene, Engine(scene.cluster, policy), name)
    found = found or _of_gang(scene, Engine(scene.cluster, policy), name)
    if found is None:
        known = {request.uid for request in every} | {request.gang for request in every}
        near = difflib.get_close_matches(name, sorted(known - {""}), n=1)
        fix = f"did you mean {near[0]}?" if near else "write NAMESPACE/NAME"
        files = ", ".join(map(display, paths))
        raise InputError(f"there is no pod or gang {name}, or it has ended", file=files, fix=fix)
    return found


def _of_pod(scene: Scene, engine: Engine, uid: str) -> Brief | None:
    pod = scene.cluster.pods.get(uid)
    if pod is not None:
        brief = brief_of_pod(engine, pod.request, NOW_S, policy=DEFAULT_POLICY)
        return replace(brief, notes=(*brief.notes, *_problems(scene, "pod", uid)))
    problems = _problems(scene, "pod", uid)
    units = {request.uid: (unit, request) for unit in scene.units for request in unit.requests}
    if uid not in units:
        if not problems:
            return None
        return Brief(Kind.POD, uid, State.WAITS, why=problems[0], notes=problems[1:])
    unit, request = units[uid]
    if why := _gated(scene, [request]):
        return Brief(Kind.POD, uid, State.WAITS, asks(request), why=why)
    if unit.gang is not None and not _has_started(scene, unit.gang.name):
        return _of_unit(scene, engine, unit)
    brief = brief_of_pod(engine, request, NOW_S, policy=DEFAULT_POLICY, guards=scene.guards)
    return replace(brief, notes=(*brief.notes, *problems))


def _of_gang(scene: Scene, engine: Engine, name: str) -> Brief | None:
    bound = _bound(scene, name)
    unit = next((u for u in scene.units if u.gang is not None and u.gang.name == name), None)
    if unit is None and not bound:
        return None
    if unit is not None and not _has_started(scene, name):
        return _of_unit(scene, engine, unit)
    waiting = () if unit is None else unit.requests
    at = {scene.cluster.pods[request.uid].placement.node for request in bound}
    return Brief(
        Kind.GANG, name, State.BOUND, asks_of(bound), nodes=tuple(sorted(at)),
        size=len(bound) + len(waiting), placed=len(bound), least=scene.least.get(name, 0),
        n_nodes=len(scene.cluster.nodes), notes=_problems(scene, "gang", name),
    )  # fmt: skip


def _of_unit(scene: Scene, engine: Engine, unit: Unit) -> Brief:
    """Return the answer about a gang that waits."""
    gang, name = unit.gang, unit.name
    assert gang is not None
    n_bound, notes = len(_bound(scene, name)), _problems(scene, "gang", name)
    size = n_bound + len(unit.requests)
    least = scene.least.get(name, size)
    brief = Brief(
        Kind.GANG, name, State.WAITS, asks_of(unit.requests), size=size, placed=n_bound,
        least=least, n_nodes=len(scene.cluster.nodes), notes=notes,
    )  # fmt: skip
    if size < least:
        return replace(brief, why=f"{size} of {least:,} pods exist")
    if why := _gated(scene, unit.requests):
        return replace(brief, why=why)
    found = brief_of_gang(engine, gang, NOW_S, least=least, guards=scene.guards)
    return replace(found, notes=(*found.notes, *notes))


def _bound(scene: Scene, gang: str) -> list[Request]:
    return [pod.request for pod in scene.cluster.pods.values() if pod.request.gang == gang]


def _has_started(scene: Scene, gang: str) -> bool:
    return len(_bound(scene, gang)) >= scene.least.get(gang, 1)


def _gated(scene: Scene, requests: Sequence[Request]) -> str:
    """Return what keeps pods back that are not to be placed yet."""
    for request in requests:
        if gates := scene.gates.get(request.uid):
            listed = ", ".join(gates)
            return f"scheduling gates of pod {request.uid} are not lifted: {listed}"
    return ""


def _problems(scene: Scene, kind: str, name: str) -> tuple[str, ...]:
    def said(problem: Problem) -> str:
        return f"{problem.field}: {problem.text}"

    return tuple(said(each) for each in scene.problems if (each.kind, each.name) == (kind, name))
