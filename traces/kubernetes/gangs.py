"""Which pods start together: the keys of many projects, in an order of precedence.

What names a gang is in ``schemes``, how many of it must start in ``minima``. A group of one pod
that waits for no other is no gang.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Request, Topology, TopologyLevel
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.minima import (
    Stated,
    least_of,
    spec_of,
    stated_in,
    tasks_of,
    wrong_with,
)
from bayplan.traces.kubernetes.objects import Object, dict_of
from bayplan.traces.kubernetes.schemes import BY_KEY, SCHEMES, Member, Scheme, named_by, rivals_of
from bayplan.traces.kubernetes.types import Problem

ANNOTATIONS = "metadata.annotations"

_ROLES = (
    "training.kubeflow.org/replica-type",
    "volcano.sh/task-spec",
    "jobset.sigs.k8s.io/replicatedjob-name",
    "ray.io/group",
    "kai.scheduler/subgroup-name",
    keys.YUNIKORN_TASK_GROUP,
)
"""Labels or annotations of what a member is in its gang."""
_WISHES = (
    ("kueue.x-k8s.io/podset-required-topology", True),
    ("kai.scheduler/topology-required-placement", True),
    ("kueue.x-k8s.io/podset-preferred-topology", False),
    ("kai.scheduler/topology-preferred-placement", False),
)
_OF_GROUP = (("requiredTopologyLevel", True), ("preferredTopologyLevel", False))
"""Of ``topologyConstraint`` of KAI's PodGroups."""
_NOT_READ = ("networkTopology", "subGroupPolicy", "minSubGroup")
"""Of PodGroups: tiers, which only Volcano's HyperNodes explain, and parts of which some start."""
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
    """Pods of one gang: its name, its members in order, and how many must start.

    ``sized``: somebody says how many; otherwise it is all that there are.
    """

    name: str
    members: tuple[Member, ...]
    least: int
    tasks: Mapping[str, int]
    topology: tuple[Topology, ...]
    sized: bool = True


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
        name = named_by(member)[1]
        if name:
            found.setdefault(f"{member.namespace}/{name}", []).append(member)
    stated = stated_in(pod_groups)
    groups = [_group(name, pods, stated, problems) for name, pods in found.items()]
    return [group for group in groups if len(group.members) > 1 or group.least > 1]


def group_of(
    name: str, pods: Sequence[Member], pod_groups: Sequence[Object], problems: list[Problem]
) -> Group:
    """Return a gang, also of one pod.

    Parameters
    ----------
    name
        Namespace/name.
    pods
        Its pods, one at least.
    pod_groups, problems
        As of ``groups_of``.
    """
    return _group(name, pods, stated_in(pod_groups), problems)


def _group(name: str, pods: Sequence[Member], stated: Stated, problems: list[Problem]) -> Group:
    scheme = _scheme(name, pods, problems)
    spec = spec_of(name, scheme, stated)
    tasks = tasks_of(pods, scheme, spec)
    least = least_of(name, pods, scheme, spec, tasks, problems)
    problems += [
        Problem("gang", name, f"PodGroup.spec.{key}", "not looked at")
        for key in _NOT_READ
        if spec.get(key)
    ]
    ordered = tuple(sorted(pods, key=lambda pod: _natural(pod.name)))
    topology = _topology(name, pods, spec, problems)
    if least is None:
        return Group(name, ordered, len(pods), tasks, topology, sized=False)
    return Group(name, ordered, least, tasks, topology)


def check_members(members: Sequence[Member], problems: list[Problem]) -> None:
    """Report words about gangs that cannot be used, and keys that put pods together otherwise.

    Parameters
    ----------
    members
        All pods that hold room or wait.
    problems
        Where it goes.
    """
    together: dict[tuple[str, str], dict[str, None]] = {}
    for member in members:
        key, name = named_by(member)
        if wrong := wrong_with(member):
            problems.append(Problem("pod", member.uid, wrong.field, wrong.text))
        if not name or BY_KEY[key].by_owner:
            continue
        for by, other in ((key, name), *rivals_of(member, key)):
            together.setdefault((by, f"{member.namespace}/{other}"), {})[name] = None
    for (key, other), names in together.items():
        if len(names) > 1:
            texts = ", ".join(sorted(names)[:3])
            problems.append(Problem("gang", other, key, f"has pods of different gangs: {texts}"))


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
    roles = sorted({role_of(member) for member in present})
    if len(roles) == 1 or (group.least < len(present) and not group.tasks):
        every = tuple(requests[member.uid] for member in present)
        return Gang(group.name, (Role("", every, group.least),), group.topology)
    return Gang(
        group.name,
        tuple(
            Role(
                role,
                tuple(requests[m.uid] for m in present if role_of(m) == role),
                group.tasks.get(role),
            )
            for role in roles
        ),
        group.topology,
    )


def role_of(member: Member) -> str:
    """Return what a pod is in its gang, such as ``worker``; empty where nothing says so.

    Parameters
    ----------
    member
        The pod.
    """
    texts = (member.labels.get(key) or member.annotations.get(key) for key in _ROLES)
    return next((str(text) for text in texts if text), "")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"([0-9]+)", name) if p]


def _scheme(name: str, pods: Sequence[Member], problems: list[Problem]) -> Scheme:
    """Return what names a gang; report members that another key puts into different ones."""
    found = None
    for scheme in SCHEMES:
        names = {scheme.named(pod) for pod in pods}
        if found is None and names != {""}:
            found = scheme
        if len(names) > 1:
            texts = ", ".join(sorted(text or "none" for text in names)[:3])
            problems.append(
                Problem("gang", name, scheme.key, f"names different gangs of its members: {texts}")
            )
    assert found is not None
    return found


def _topology(
    name: str, pods: Sequence[Member], spec: Object, problems: list[Problem]
) -> tuple[Topology, ...]:
    said: dict[tuple[str, str, bool], None] = {}
    for key, required in _WISHES:
        for label in sorted({str(p.annotations[key]) for p in pods if p.annotations.get(key)}):
            said[f"{ANNOTATIONS}.{key}", label, required] = None
    constraint = dict_of(spec.get("topologyConstraint"))
    for key, required in _OF_GROUP:
        if level := constraint.get(key):
            said[f"PodGroup.spec.topologyConstraint.{key}", str(level), required] = None
    wishes: dict[Topology, None] = {}
    for field, label, required in said:
        known = next((level for part, level in _LEVELS if part in label.lower()), None)
        if known is None:
            text = f"{label!r} is no topology level that is known; not looked at"
            problems.append(Problem("gang", name, field, text))
        else:
            wishes[Topology(known, required)] = None
    return tuple(wishes)
