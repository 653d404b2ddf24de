"""How many members of a gang must start, and of which kind: PodGroups and the pods' own words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.schemes import SCHEMES, Member, Scheme, application_of, says_nothing
from bayplan.traces.kubernetes.types import Problem

MAX_MEMBERS = 10**6

_LEAST = tuple(dict.fromkeys(word for scheme in SCHEMES for word in scheme.least))
_NUMBERS = tuple(word for word in _LEAST if word != keys.YUNIKORN_TASK_GROUPS)
_CHECKED = frozenset({*_NUMBERS, keys.KOORD_GANGS, keys.YUNIKORN_TASK_GROUP})
"""Words of a gang that may be written wrongly."""

SPARK_ROLE = "spark-role"

Stated = Mapping[tuple[str, str], Object]
"""The specs of PodGroups by API group (empty where the object does not say) and namespace/name."""


def stated_in(pod_groups: Sequence[Object]) -> dict[tuple[str, str], Object]:
    """Return the specs of pod groups, and of those that stand in Workloads.

    Parameters
    ----------
    pod_groups
        PodGroup and Workload objects.
    """
    stated: dict[tuple[str, str], Object] = {}
    for thing in pod_groups:
        metadata, spec = metadata_of(thing), dict_of(thing.get("spec"))
        api, slash, _ = str(thing.get("apiVersion") or "").partition("/")
        name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        if thing.get("kind") == "PodGroup":
            stated.setdefault((api if slash else "", name), spec)
        for group in objects_in(spec.get("podGroups")):
            stated.setdefault((api if slash else "", f"{name}/{group.get('name', '')}"), group)
    return stated


def spec_of(name: str, scheme: Scheme, stated: Stated) -> Object:
    """Return the spec of a gang's PodGroup, of a project that the scheme goes by; or nothing.

    Parameters
    ----------
    name
        Namespace/name of the gang.
    scheme
        What names it.
    stated
        As ``stated_in`` gives it.
    """
    # Replicas of a workload's group share its spec.
    wanted = (name, name.rpartition("/")[0])
    for api in (*scheme.pod_groups, ""):
        for key in wanted:
            if (api, key) in stated:
                return stated[api, key]
    return {}


def tasks_of(pods: Sequence[Member], scheme: Scheme, spec: Object) -> dict[str, int]:
    """Return how many of each kind of members must start, where somebody says so.

    Volcano's ``minTaskMember``, KAI's ``subGroups`` without parts of their own, YuniKorn's task
    groups.

    Parameters
    ----------
    pods, scheme
        The members, and what names their gang.
    spec
        As ``spec_of`` gives it.
    """
    found = dict(dict_of(spec.get("minTaskMember")))
    parts = objects_in(spec.get("subGroups"))
    parents = {each.get("parent") for each in parts}
    found |= {
        str(each["name"]): each.get("minMember")
        for each in parts
        if each.get("name") and each["name"] not in parents
    }
    if not found and keys.YUNIKORN_TASK_GROUPS in scheme.least:
        found = _all_task_groups(pods)
    return {str(task): n for task, n in found.items() if _is_count(n)}


def least_of(
    name: str,
    pods: Sequence[Member],
    scheme: Scheme,
    spec: Object,
    tasks: Mapping[str, int],
    problems: list[Problem],
) -> int | None:
    """Return how many members must start; None: nobody says so, and it is all.

    Parameters
    ----------
    name, pods, scheme
        The gang, its members, and what names it.
    spec, tasks
        As ``spec_of`` and ``tasks_of`` give them.
    problems
        Where sizes go that contradict each other.
    """
    found: dict[str, int] = {}
    for policy in ("schedulingPolicy", "policy"):
        count = dict_of(dict_of(spec.get(policy)).get("gang")).get("minCount")
        if _is_count(count):
            found[f"PodGroup.spec.{policy}.gang.minCount"] = count
        elif "basic" in dict_of(spec.get(policy)):
            found[f"PodGroup.spec.{policy}.basic"] = 1
    # Parts may need more together than the whole says, and the whole more than its parts.
    least = spec.get("minMember")
    if _is_count(least):
        found["PodGroup.spec.minMember"] = max(least, sum(tasks.values()))
    elif tasks and spec:
        found["PodGroup.spec"] = sum(tasks.values())
    for key in dict.fromkeys((*scheme.least, *_NUMBERS)):
        if key == keys.YUNIKORN_TASK_GROUPS:
            groups = _all_task_groups(pods)
            found |= {key: max(1, sum(groups.values()))} if groups else {}
            continue
        numbers = (_number(text) for pod in pods if (text := _text(pod, key)))
        if first := next((number for number in numbers if number), 0):
            found[key] = first
    if len(set(found.values())) > 1:
        said = ", ".join(f"{key} {n}" for key, n in found.items())
        problems.append(Problem("gang", name, "min members", f"{said}; the first is taken"))
    return next(iter(found.values()), None)


def wrong_with(member: Member) -> BadField | None:
    """Return which of a pod's words about its gang cannot be used; None: it has none, or all can.

    Parameters
    ----------
    member
        The pod.
    """
    if _CHECKED.isdisjoint(member.annotations) and _CHECKED.isdisjoint(member.labels):
        return None  # most pods: this is asked of each
    return None if says_nothing(member) else next(_wrong_with(member), None)


def _wrong_with(member: Member) -> Iterator[BadField]:
    for key in _NUMBERS:
        if (text := _text(member, key)) and not _number(text):
            yield BadField(key, f"{text[:40]!r} is no whole number from 1 on")
    said = member.annotations
    if text := str(said.get(keys.KOORD_GANGS) or ""):
        own = f"{member.namespace}/{said.get(keys.KOORD_GANG)}"
        if _json_list(text) != [own]:
            yield BadField(
                keys.KOORD_GANGS, "ties gangs to each other, which is not done; give all of them"
                f" one {keys.KOORD_GANG}",
            )  # fmt: skip
    if not (task := str(said.get(keys.YUNIKORN_TASK_GROUP) or "")):
        return
    if not application_of(member):
        yield BadField(keys.YUNIKORN_TASK_GROUP, f"{task[:40]!r} of which application? Give the"
                       f" label {keys.YUNIKORN_APP}")  # fmt: skip
    if said.get(keys.YUNIKORN_TASK_GROUPS):
        groups = _task_groups(member)
        if not groups:
            yield BadField(
                keys.YUNIKORN_TASK_GROUPS,
                'cannot be read; write [{"name": "workers", "minMember": 4}]',
            )
        elif task not in groups:
            known = ", ".join(sorted(groups))
            yield BadField(keys.YUNIKORN_TASK_GROUP, f"{task[:40]!r} is none of {known}")


def _all_task_groups(pods: Sequence[Member]) -> dict[str, int]:
    """Return YuniKorn's task groups, by the first pod that has them.

    A driver of Spark makes its executors once it runs: until there is one it waits for nobody.
    """
    groups = next((groups for pod in pods if (groups := _task_groups(pod))), {})
    if groups and all(pod.labels.get(SPARK_ROLE) == "driver" for pod in pods):
        here = {pod.annotations.get(keys.YUNIKORN_TASK_GROUP) for pod in pods}
        return {name: n for name, n in groups.items() if name in here}
    return groups


def _task_groups(pod: Member) -> dict[str, int]:
    """Return how many of each task group of YuniKorn must start; empty: no list to be read."""
    text = pod.annotations.get(keys.YUNIKORN_TASK_GROUPS)
    if not text:
        return {}
    listed = _json_list(str(text))
    groups: dict[str, int] = {}
    for each in objects_in(listed):
        name, n = each.get("name"), each.get("minMember", 0)
        if isinstance(name, str) and name and (n == 0 or _is_count(n)):
            groups[name] = int(n)
    return groups if len(groups) == len(listed) else {}


def _json_list(text: str) -> list[object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _text(member: Member, key: str) -> str:
    return str(member.annotations.get(key) or member.labels.get(key) or "")


def _number(text: str) -> int:
    """Return the whole number from 1 on that a text is; 0: it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        return 0
    return int(text) if int(text) <= MAX_MEMBERS else 0


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_MEMBERS
