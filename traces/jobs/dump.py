"""Jobs from a dump of a Kubernetes cluster: the pods in it that have ended.

``kubectl get pods,nodes -A -o json`` has pods that ended for as long as nobody deletes them. What
they asked for is read as ``bayplan plan`` reads pods that run.

References
----------
https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/: ``PodStatus`` and
``ContainerStateTerminated``.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import GPU_MILLI, DeviceRequest, GpuShare, MigInstances, WholeGpus
from bayplan.traces.columns import Column
from bayplan.traces.jobs.models import models_named
from bayplan.traces.jobs.pods import jobs_from_pods
from bayplan.traces.jobs.schema import JobTable, columns_of
from bayplan.traces.json_file import JsonFile
from bayplan.traces.kubernetes.gangs import groups_of
from bayplan.traces.kubernetes.keys import PRODUCT
from bayplan.traces.kubernetes.nodes import NodeFacts, read_node
from bayplan.traces.kubernetes.objects import (
    Object,
    dict_of,
    items_of,
    metadata_of,
    name_of,
    objects_in,
)
from bayplan.traces.kubernetes.pods import MAX_PRIORITY, PodFacts, PodReader, member_of
from bayplan.traces.kubernetes.reader import FINISHED
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.selectors import node_labels_of
from bayplan.traces.kubernetes.types import Problem
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import PodTable

COLUMNS: tuple[Column, ...] = (
    Column("apiVersion", "str", "", "v1", required=True),
    Column("kind", "str", "", "List, or the kind of an object", required=True),
)
"""The keys that tell a dump by its first object."""

STATES = ("state", "lastState")
MIG, SHARED = "nvidia.com/mig-", "nvidia.com/gpu.shared"


@dataclass(frozen=True, slots=True)
class _Ran:
    """A pod that ended: what it asked for, and when it was made, started and ended."""

    facts: PodFacts
    made_s: float
    start_s: float
    end_s: float


def jobs_from_dump(file: TableFile) -> JobTable:
    """Read a dump: each pod that ended, or gang of them, is a job, sorted by arrival.

    A pod arrives when it was created and runs from the start of its first container to the end of
    its last. The pods of a gang arrive with the first and run from the first start to the last
    end. Arrivals count from the first. Other pods are passed over; those that ended and cannot be
    used are left out, with a warning.

    Parameters
    ----------
    file
        A JSON file with a Kubernetes List, or several.

    Raises
    ------
    InputError
        It is none, or no pod in it has ended.
    """
    if not isinstance(file, JsonFile):
        raise file.error("this is no JSON", "make it with kubectl get pods,nodes -A -o json")
    by_kind: dict[str, list[Object]] = {}
    for thing in items_of(file.value, file.name):
        by_kind.setdefault(str(thing.get("kind", "")), []).append(thing)
    nodes = _nodes(by_kind.get("Node", []))
    problems: list[Problem] = []
    ran = _ended(by_kind, nodes, problems)
    if not ran:
        raise _none(file, problems)
    _warn(file, problems, len(ran))
    members = [each.facts.member for each in ran]
    things = by_kind.get("PodGroup", []) + by_kind.get("Workload", [])
    gangs = {
        member.uid: group.name
        for group in groups_of(members, things, [])
        for member in group.members
    }
    return _table(ran, gangs, nodes)


def _nodes(things: Sequence[Object]) -> dict[str, NodeFacts]:
    """Return the nodes by name; what is wrong with them is not of interest here."""
    facts = [read_node(thing, []) for thing in things]
    return {each.node.name: each for each in facts}


def _ended(
    by_kind: dict[str, list[Object]], nodes: dict[str, NodeFacts], problems: list[Problem]
) -> list[_Ran]:
    priorities = {
        str(metadata_of(thing).get("name")): value
        for thing in by_kind.get("PriorityClass", [])
        if isinstance(value := thing.get("value"), int) and abs(value) <= MAX_PRIORITY
    }
    gpus = {facts.gpus.product: facts.gpus for facts in nodes.values()}
    units = {facts.gpus.aliyun_mib for facts in nodes.values()}
    reader = PodReader(list(gpus.values()), priorities, min(units, default=1024))
    found = []
    for thing in by_kind.get("Pod", []):
        status = dict_of(thing.get("status"))
        if status.get("phase") not in FINISHED:
            continue
        try:
            found.append(_ran(thing, status, reader, nodes))
        except BadField as bad:
            problems.append(Problem("pod", name_of(thing), bad.field, bad.text))
    found.sort(key=lambda each: each.made_s)
    return found


def _ran(thing: Object, status: Object, reader: PodReader, nodes: dict[str, NodeFacts]) -> _Ran:
    made = _time(metadata_of(thing).get("creationTimestamp"), "metadata.creationTimestamp")
    starts, ends = _container_times(status)
    if not ends:
        raise BadField("status.containerStatuses", "no container says when it ended")
    start = min(starts, default=math.nan)
    if math.isnan(start):
        start = _time(status.get("startTime"), "status.startTime")
    end = max(ends)
    if end < start:
        raise BadField("status.containerStatuses", "it ends before it starts")
    facts = reader.read(member_of(thing), status)
    _devices(facts, nodes)  # raises where no job can ask for them
    return _Ran(facts, min(made, start), start, end)


def _container_times(status: Object) -> tuple[list[float], list[float]]:
    """Return when containers started, and when they ended, of all that say so."""
    path = "status.containerStatuses"
    ended = [
        dict_of(dict_of(each.get(state)).get("terminated"))
        for name in ("initContainerStatuses", "containerStatuses")
        for each in objects_in(status.get(name))
        for state in STATES
    ]
    starts = [_time(at, path) for each in ended if (at := each.get("startedAt"))]
    ends = [_time(at, path) for each in ended if (at := each.get("finishedAt"))]
    return starts, ends


def _time(text: object, field: str) -> float:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadField(field, f"{str(text)[:40]!r} is no time") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _devices(facts: PodFacts, nodes: dict[str, NodeFacts]) -> dict[str, Any]:
    """Return the columns of what a pod asks for of GPUs."""
    _, _, asks, others = facts.room
    asks += _instances(others)
    shape = {"gpu_count": 0, "gpu_milli": 0, "gpu_memory_mib": 0, "mig_profile": ""}
    if not asks:
        return shape | {"gpu_models": ""}
    kinds = {type(each.ask) for each in asks}
    if len(asks) > 1 and kinds != {WholeGpus}:
        raise BadField("spec.containers", "asks for devices of several kinds")
    shape |= {"gpu_count": sum(each.ask.count for each in asks), "gpu_milli": GPU_MILLI}
    match asks[0].ask:
        case MigInstances(profile):
            shape |= {"mig_profile": profile}
        case GpuShare(milli, memory_mib, _):
            known = nodes.get(facts.node)
            whole = known.gpus.memory_mib if known else 0
            if not milli and whole:
                milli = GPU_MILLI * memory_mib // whole
            shape |= {"gpu_milli": min(max(milli, 1), GPU_MILLI), "gpu_memory_mib": memory_mib}
    selected = dict(node_labels_of(facts.member.spec)).get(PRODUCT, "")
    return shape | {"gpu_models": models_named(selected) or "|".join(asks[0].models)}


def _instances(others: Sequence[tuple[str, int]]) -> tuple[DeviceRequest, ...]:
    """Return the MIG instances among what a pod asks for, which plans count like any resource."""
    found = []
    for name, count in others:
        if name == SHARED:
            raise BadField("spec.containers", f"asks for {name}, parts of a size that nobody says")
        if name.startswith(MIG):
            found.append(DeviceRequest(MigInstances(name.removeprefix(MIG), count)))
    return tuple(found)


def _table(ran: Sequence[_Ran], gangs: dict[str, str], nodes: dict[str, NodeFacts]) -> JobTable:
    zero = ran[0].made_s
    whole: dict[str, _Ran] = {}
    for each in ran:
        if gang := gangs.get(each.facts.member.uid):
            one = whole.get(gang, each)
            whole[gang] = _Ran(
                one.facts,
                min(one.made_s, each.made_s),
                min(one.start_s, each.start_s),
                max(one.end_s, each.end_s),
            )
    rows = []
    preemptible: dict[str, int] = {}
    for each in ran:
        facts = each.facts
        gang = gangs.get(facts.member.uid, "")
        job = whole.get(gang, each)
        preemptible[facts.member.uid] = int(job.facts.preemptible)
        rows.append(
            _devices(facts, nodes)
            | {
                "name": facts.member.uid,
                "cpu_milli": facts.room[0],
                "memory_mib": facts.room[1],
                "arrival_s": job.made_s - zero,
                "duration_s": job.end_s - job.start_s,
                "priority": job.facts.priority,
                "queue": job.facts.queue,
                "user": facts.member.namespace if not gang else job.facts.member.namespace,
                "gang": gang,
            }
        )
    jobs = jobs_from_pods(PodTable.of(**{key: [row[key] for row in rows] for key in rows[0]}))
    return JobTable.of(
        **columns_of(jobs) | {"preemptible": [preemptible[name] for name in jobs.name]}
    )


def _none(file: JsonFile, problems: Sequence[Problem]) -> InputError:
    if problems:
        return file.error(f"no pod that ended can be used: {problems[0]}")
    fix = "look at pods before they are deleted, or give another format"
    return file.error("no pod in it has ended (Succeeded or Failed)", fix)


def _warn(file: JsonFile, problems: Sequence[Problem], used: int) -> None:
    if problems:
        names = Counter(each.name for each in problems)
        text = f"{file.name}: left out {len(names):,} of {used + len(names):,} pods that ended"
        warnings.warn(f"{text}: {problems[0]}", stacklevel=2)
