"""What a plan is made for: a cluster with what runs on it, what waits, and what protects whom."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InputError, InvalidRequest
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.shape import shapes_of
from bayplan.scheduler.types import Request
from bayplan.traces import nodes_from, read_nodes, read_pods, requests_from
from bayplan.traces.columns import BadRow, shown
from bayplan.traces.files import display
from bayplan.traces.kubernetes import BoundPod, Dump, Problem, cluster_of, read_dump
from bayplan.traces.reading import open_csv
from bayplan.traces.schema import PodTable


@dataclass(frozen=True, slots=True)
class Unit:
    """What is placed at once: one pod, or a gang. ``since_s`` is when it began to wait."""

    requests: tuple[Request, ...]
    gang: Gang | None = None
    since_s: float = 0.0

    @property
    def name(self) -> str:
        """The gang's name, or the pod's."""
        return self.gang.name if self.gang else self.requests[0].uid


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster at time 0, what waits, and what could not be read.

    ``gates`` are the scheduling gates of pods, ``meek`` the pods that evict nobody, by uid.
    ``least`` is how many members of each gang must start together.
    """

    cluster: Cluster
    units: tuple[Unit, ...]
    guards: Guards = field(default_factory=Guards)
    problems: tuple[Problem, ...] = ()
    gates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    meek: frozenset[str] = frozenset()
    least: Mapping[str, int] = field(default_factory=dict)

    @property
    def requests(self) -> list[Request]:
        """All that waits."""
        return [request for unit in self.units for request in unit.requests]


def scene_of_dump(paths: Sequence[Path], *, images: bool = False) -> Scene:
    """Return the scene of a Kubernetes dump.

    Parameters
    ----------
    paths
        Its files; ``-`` is standard input.
    images
        Whether the policy looks at images.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    dump = read_dump(paths, images=images)
    cluster, unplaced = cluster_of(dump)
    pending, bad = _sensible(dump.pending)
    gangs = {gang.name: gang for gang in dump.gangs}
    units = _units(pending, gangs, {uid: -s for uid, s in dump.waited_s.items()}, cluster)
    return Scene(
        cluster,
        units,
        Guards(budgets=dump.budgets, gang_min=dump.gang_min),
        tuple(sorted({*dump.problems, *unplaced, *bad})),
        dump.gates,
        dump.meek,
        dump.gang_min,
    )


def scene_of_files(nodes: Path, pods: Path, format: str) -> Scene:
    """Return the scene of a node file and a pod file: pods without a node wait, by their arrival.

    Parameters
    ----------
    nodes, pods
        The files.
    format
        Their format, or auto.

    Raises
    ------
    InputError
        A file cannot be used.
    """
    table = read_pods(pods, format)
    every = nodes_from(read_nodes(nodes, format))
    _check_nodes(table, {node.name for node in every}, pods, nodes)
    good, bad = _sensible(requests_from(table))
    since = dict(zip(table.name, table.arrival_s.tolist(), strict=True))
    at = dict(zip(table.name, table.node, strict=True))
    newest = float(table.arrival_s.max())
    bound = [BoundPod(r, at[r.uid], since[r.uid] - newest) for r in good if at[r.uid]]
    cluster, unplaced = cluster_of(Dump(tuple(every), tuple(bound)))
    for problem in unplaced:
        if problem.kind == "node":
            raise InputError(f"{problem.name}: {problem.text}", file=display(nodes))
    names: dict[str, list[Request]] = {}
    for request in good:
        if request.gang:
            names.setdefault(request.gang, []).append(request)
    gangs = {name: Gang(name, (Role("", tuple(members)),)) for name, members in names.items()}
    least = {name: len(members) for name, members in names.items()}
    pending = [request for request in good if not at[request.uid]]
    return Scene(
        cluster,
        _units(pending, gangs, since, cluster),
        Guards(gang_min=least),
        tuple(sorted({*bad, *(replace(p, field="node") for p in unplaced)})),
        least=least,
    )


def _check_nodes(table: PodTable, known: set[str], pods: Path, nodes: Path) -> None:
    """Refuse a pod that runs on a node that is not in the node file."""
    for record, name in enumerate(table.node):
        if name and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            problem = f"node {shown(name)} is not in {display(nodes)}"
            fix = f"did you mean {near[0]!r}?" if near else "add it there, or leave the cell empty"
            raise open_csv(pods).bad_row(BadRow(record, problem, fix))


def _sensible(pending: Sequence[Request]) -> tuple[list[Request], tuple[Problem, ...]]:
    """Leave out requests that make no sense on any cluster."""
    good, bad = [], []
    checked: dict[tuple[object, ...], str] = {}
    for request in pending:
        key = request.cpu_milli, request.memory_mib, id(request.devices), request.resources
        if key not in checked:
            try:
                shapes_of(request)
                checked[key] = ""
            except InvalidRequest as error:
                checked[key] = str(error).partition(": ")[2] or str(error)
        if checked[key]:
            bad.append(Problem("pod", request.uid, "request", checked[key]))
        else:
            good.append(request)
    return good, tuple(bad)


def _units(
    pending: Sequence[Request],
    gangs: Mapping[str, Gang],
    since: Mapping[str, float],
    cluster: Cluster,
) -> tuple[Unit, ...]:
    """Return gangs at the place of their first member, and all other pods by themselves."""
    there = {request.uid: request for request in pending}
    units: dict[str, Unit] = {}
    for request in pending:
        gang = gangs.get(request.gang)
        if gang is None:
            units[f"pod {request.uid}"] = Unit((request,), None, since.get(request.uid, 0.0))
        elif f"gang {gang.name}" not in units:
            whole = _present(gang, there, cluster)
            waiting = tuple(m for r in whole.roles for m in r.members if m.uid in there)
            began = min(since.get(member.uid, 0.0) for member in waiting)
            units[f"gang {gang.name}"] = Unit(waiting, whole, began)
    return tuple(units.values())


def _present(gang: Gang, pending: Mapping[str, Request], cluster: Cluster) -> Gang:
    """Leave out members that neither wait nor run: what is wrong with them was said."""
    roles = []
    for role in gang.roles:
        members = tuple(m for m in role.members if m.uid in pending or m.uid in cluster.pods)
        if members:
            roles.append(replace(role, members=members))
    return replace(gang, roles=tuple(roles))
