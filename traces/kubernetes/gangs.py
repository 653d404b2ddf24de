"""Which pods start together: the keys of many projects, in an order of precedence.

A gang is named by, in this order: the API's own ``schedulingGroup`` (1.36) or ``workloadRef``
(1.35), the pod group of scheduler-plugins, Volcano's, KAI's, Koordinator's, Gödel's, Kueue's,
YuniKorn's task groups, or an owner whose pods only make sense together (LeaderWorkerSet, JobSet,
Kubeflow's training jobs, RayCluster; a Job whose pods say so). How many must start comes from the
PodGroup object, else from the pods' annotations, else it is all. A group of one pod that waits for
no other is no gang.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Request, Topology, TopologyLevel
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in
from bayplan.traces.kubernetes.types import Problem

ANNOTATIONS = "metadata.annotations"
MAX_MEMBERS = 10**6


class Member(NamedTuple):
    """What of a pod says which gang it is in."""

    uid: str
    namespace: str
    name: str
    labels: Object
    annotations: Object
    spec: Object


Source = tuple[str, Callable[[Member], str]]


def _label(*keys: str) -> Callable[[Member], str]:
    return lambda m: next((str(m.labels[key]) for key in keys if m.labels.get(key)), "")


def _annotation(*keys: str) -> Callable[[Member], str]:
    return lambda m: next((str(m.annotations[key]) for key in keys if m.annotations.get(key)), "")


def _native(member: Member) -> str:
    group = dict_of(member.spec.get("schedulingGroup")).get("podGroupName")
    if group:
        return str(group)
    ref = dict_of(member.spec.get("workloadRef"))
    parts = [ref.get(key) for key in ("name", "podGroup", "podGroupReplicaKey")]
    return "/".join(str(part) for part in parts if part)


def _yunikorn(member: Member) -> str:
    if not member.annotations.get("yunikorn.apache.org/task-group-name"):
        return ""
    return _label("yunikorn.apache.org/app-id", "applicationId")(member)


def _leader_worker(member: Member) -> str:
    name = member.labels.get("leaderworkerset.sigs.k8s.io/name")
    index = member.labels.get("leaderworkerset.sigs.k8s.io/group-index")
    return f"{name}-{index}" if name and index is not None else ""


def _whole_job(member: Member) -> str:
    """Return the Job of a pod that says that its Job is to start as one."""
    if str(member.annotations.get(keys.GANG_OF_JOB, "")).lower() != "job":
        return ""
    return _label("batch.kubernetes.io/job-name", "job-name")(member)


SOURCES: tuple[Source, ...] = (
    ("spec.schedulingGroup", _native),
    (
        "scheduling.x-k8s.io/pod-group",
        _label(
            "scheduling.x-k8s.io/pod-group",
            "pod-group.scheduling.sigs.k8s.io/name",
            "pod-group.scheduling.sigs.k8s.io",
        ),
    ),
    (
        "scheduling.k8s.io/group-name",
        _annotation("scheduling.k8s.io/group-name", "scheduling.volcano.sh/group-name"),
    ),
    ("pod-group-name", _annotation("pod-group-name")),
    ("gang.scheduling.koordinator.sh/name", _annotation("gang.scheduling.koordinator.sh/name")),
    (
        "godel.bytedance.com/pod-group-name",
        _annotation("godel.bytedance.com/pod-group-name"),
    ),
    ("kueue.x-k8s.io/pod-group-name", _label("kueue.x-k8s.io/pod-group-name")),
    ("yunikorn.apache.org/task-group-name", _yunikorn),
    ("leaderworkerset.sigs.k8s.io/name", _leader_worker),
    ("jobset.sigs.k8s.io/jobset-name", _label("jobset.sigs.k8s.io/jobset-name")),
    ("training.kubeflow.org/job-name", _label("training.kubeflow.org/job-name")),
    ("ray.io/cluster", _label("ray.io/cluster")),
    (keys.GANG_OF_JOB, _whole_job),
)
"""What names a gang, by precedence."""

_WORDS = frozenset(
    {
        "scheduling.x-k8s.io/pod-group",
        "pod-group.scheduling.sigs.k8s.io/name",
        "pod-group.scheduling.sigs.k8s.io",
        "scheduling.k8s.io/group-name",
        "scheduling.volcano.sh/group-name",
        "pod-group-name",
        "gang.scheduling.koordinator.sh/name",
        "godel.bytedance.com/pod-group-name",
        "kueue.x-k8s.io/pod-group-name",
        "yunikorn.apache.org/task-group-name",
        "leaderworkerset.sigs.k8s.io/name",
        "jobset.sigs.k8s.io/jobset-name",
        "training.kubeflow.org/job-name",
        "ray.io/cluster",
        keys.GANG_OF_JOB,
    }
)
"""Labels and annotations that any source looks at first."""

_MINIMA = (
    ("scheduling.volcano.sh/group-min-member", "annotation"),
    ("gang.scheduling.koordinator.sh/min-available", "annotation"),
    ("pod-group.scheduling.sigs.k8s.io/min-available", "label"),
    ("kueue.x-k8s.io/pod-group-total-count", "annotation"),
    ("kai.scheduler/batch-min-member", "annotation"),
    ("leaderworkerset.sigs.k8s.io/size", "annotation"),
)
_ROLES = _label(
    "training.kubeflow.org/replica-type",
    "volcano.sh/task-spec",
    "jobset.sigs.k8s.io/replicatedjob-name",
    "ray.io/group",
    "kai.scheduler/subgroup-name",
)
_WISHES = (
    ("kueue.x-k8s.io/podset-required-topology", True),
    ("kai.scheduler/topology-required-placement", True),
    ("kueue.x-k8s.io/podset-preferred-topology", False),
    ("kai.scheduler/topology-preferred-placement", False),
)
_LEVELS = (
    ("gpu-island", TopologyLevel.GPU_ISLAND),
    ("hostname", TopologyLevel.NODE),
    ("clique", TopologyLevel.NVLINK_DOMAIN),
    ("nvlink", TopologyLevel.NVLINK_DOMAIN),
    ("rack", TopologyLevel.RACK),
    ("block", TopologyLevel.BLOCK),
    ("zone", TopologyLevel.ZONE),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Pods of one gang: its name, its members in order, and how many must start."""

    name: str
    members: tuple[Member, ...]
    least: int
    tasks: Mapping[str, int]
    topology: tuple[Topology, ...]


def groups_of(
    members: Sequence[Member], pod_groups: Sequence[Object], problems: list[Problem]
) -> list[Group]:
    """Return the gangs among pods, in the order of their first pods.

    Parameters
    ----------
    members
        All pods that hold room or wait.
    pod_groups
        PodGroup and Workload objects.
    problems
        Where contradictions go.
    """
    found: dict[str, list[Member]] = {}
    for member in members:
        name = group_name(member)
        if name:
            found.setdefault(f"{member.namespace}/{name}", []).append(member)
    stated = _stated(pod_groups)
    groups = []
    for name, pods in found.items():
        _check(name, pods, problems)
        # Replicas of a workload's group share its spec.
        spec = stated.get(name) or stated.get(name.rpartition("/")[0], {})
        least = _least(name, pods, spec, problems)
        if len(pods) == 1 and least <= 1:
            continue
        tasks = {
            str(task): n
            for task, n in dict_of(spec.get("minTaskMember")).items()
            if isinstance(n, int) and 0 < n <= MAX_MEMBERS
        }
        ordered = tuple(sorted(pods, key=lambda pod: _natural(pod.name)))
        groups.append(Group(name, ordered, least, tasks, _topology(name, pods, problems)))
    return groups


def gang_of(group: Group, requests: Mapping[str, Request]) -> Gang:
    """Return the gang of a group.

    Parameters
    ----------
    group
        The group; those of its members without a request are left out.
    requests
        Requests by uid.
    """
    present = [member for member in group.members if member.uid in requests]
    roles = sorted({_ROLES(member) for member in present})
    if len(roles) == 1 or (group.least < len(present) and not group.tasks):
        every = tuple(requests[member.uid] for member in present)
        return Gang(group.name, (Role("", every, group.least),), group.topology)
    return Gang(
        group.name,
        tuple(
            Role(
                role,
                tuple(requests[m.uid] for m in present if _ROLES(m) == role),
                group.tasks.get(role),
            )
            for role in roles
        ),
        group.topology,
    )


def group_name(member: Member) -> str:
    """Return the name of a pod's gang in its namespace; empty for a pod without one.

    Parameters
    ----------
    member
        The pod.
    """
    return named_by(member)[1]


def named_by(member: Member) -> tuple[str, str]:
    """Return which of ``SOURCES`` names a pod's gang, and the name; empty for a pod without one.

    Parameters
    ----------
    member
        The pod.
    """
    if (
        _WORDS.isdisjoint(member.labels)
        and _WORDS.isdisjoint(member.annotations)
        and "schedulingGroup" not in member.spec
        and "workloadRef" not in member.spec
    ):
        return "", ""  # most pods
    return next(((key, name) for key, named in SOURCES if (name := named(member))), ("", ""))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"([0-9]+)", name) if p]


def _stated(pod_groups: Sequence[Object]) -> dict[str, Object]:
    """Return the specs of pod groups by namespace/name."""
    stated: dict[str, Object] = {}
    for thing in pod_groups:
        metadata, spec = metadata_of(thing), dict_of(thing.get("spec"))
        name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        if thing.get("kind") == "PodGroup":
            stated.setdefault(name, spec)
        for group in objects_in(spec.get("podGroups")):
            stated.setdefault(f"{name}/{group.get('name', '')}", group)
    return stated


def _least(name: str, pods: list[Member], spec: Object, problems: list[Problem]) -> int:
    found: dict[str, int] = {}
    for policy in ("schedulingPolicy", "policy"):
        count = dict_of(dict_of(spec.get(policy)).get("gang")).get("minCount")
        if isinstance(count, int) and 0 < count <= MAX_MEMBERS:
            found[f"PodGroup.spec.{policy}.gang.minCount"] = count
    if isinstance(spec.get("minMember"), int) and 0 < spec["minMember"] <= MAX_MEMBERS:
        found["PodGroup.spec.minMember"] = spec["minMember"]
    for key, where in _MINIMA:
        for pod in pods:
            text = str((pod.annotations if where == "annotation" else pod.labels).get(key, ""))
            if text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MAX_MEMBERS:
                found.setdefault(key, int(text))
            elif text:
                problems.append(Problem("pod", pod.uid, key, f"{text[:40]!r} is no whole number"))
    found |= _task_groups(pods)
    if len(set(found.values())) > 1:
        said = ", ".join(f"{key} {n}" for key, n in found.items())
        problems.append(Problem("gang", name, "min members", f"{said}; the first is taken"))
    return next(iter(found.values()), len(pods))


def _task_groups(pods: list[Member]) -> dict[str, int]:
    key = "yunikorn.apache.org/task-groups"
    for pod in pods:
        if text := pod.annotations.get(key):
            try:
                least = [int(group["minMember"]) for group in objects_in(json.loads(str(text)))]
            except (ValueError, KeyError, TypeError):
                continue
            return {key: sum(least)} if sum(least) > 0 else {}
    return {}


def _check(name: str, pods: list[Member], problems: list[Problem]) -> None:
    """Report members of one gang that another key puts into different ones."""
    for key, named in SOURCES:
        if len(names := {named(pod) for pod in pods}) > 1:
            texts = ", ".join(sorted(text or "none" for text in names)[:3])
            problems.append(
                Problem("gang", name, key, f"names different gangs of its members: {texts}")
            )


def _topology(name: str, pods: list[Member], problems: list[Problem]) -> tuple[Topology, ...]:
    wishes: dict[Topology, None] = {}
    for key, required in _WISHES:
        for label in sorted({str(p.annotations[key]) for p in pods if p.annotations.get(key)}):
            level = next((level for part, level in _LEVELS if part in label.lower()), None)
            if level is None:
                text = f"{label!r} is no topology level that is known; not looked at"
                problems.append(Problem("gang", name, f"{ANNOTATIONS}.{key}", text))
            else:
                wishes[Topology(level, required)] = None
    return tuple(wishes)
