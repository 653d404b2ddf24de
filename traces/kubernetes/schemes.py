"""The ways in which projects say that pods start together, by precedence: one table.

Which key names a gang, where its size stands, and what belongs together otherwise. Keys: the API
(KEP-4671), scheduler-plugins (``coscheduling``), Volcano (``docs/design``), KAI
(``scheduling.run.ai/v2alpha2``), Koordinator (``apis/extension/coscheduling.go``), Gödel, Kueue
("Run Plain Pods"), YuniKorn ("Gang Scheduling"), and the labels of controllers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of

KUBERNETES, PLUGINS = "scheduling.k8s.io", "scheduling.x-k8s.io"
OLD_PLUGINS, VOLCANO = "scheduling.sigs.k8s.io", "scheduling.volcano.sh"
KAI, GODEL = "scheduling.run.ai", "scheduling.godel.kubewharf.io"
"""API groups that have a kind ``PodGroup``."""


WORKLOAD = "spec.workloadRef"
"""Kubernetes 1.35 only, in place of ``schedulingGroup``."""


class Member(NamedTuple):
    """What of a pod says which gang it is in."""

    uid: str
    namespace: str
    name: str
    labels: Object
    annotations: Object
    spec: Object


Naming = Callable[[Member], str]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to name a gang.

    ``key`` is how messages name it, ``words`` the labels and annotations of pods that it looks at
    first; empty: it looks at the spec. ``pod_groups`` are the API groups whose PodGroups of that
    name say how many must start, ``least`` the pods' own words for it, labels or annotations.
    ``by_owner``: the controller of the pods gave them the name, and nobody asked for a gang in so
    many words. ``sized_by_owner``: only the owner's object says how many pods there will be.
    """

    project: str
    key: str
    named: Naming
    words: tuple[str, ...] = ()
    pod_groups: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    by_owner: bool = False
    sized_by_owner: bool = False


def _label(*names: str) -> Naming:
    return lambda m: next((str(m.labels[key]) for key in names if m.labels.get(key)), "")


def _annotation(*names: str) -> Naming:
    return lambda m: next((str(m.annotations[key]) for key in names if m.annotations.get(key)), "")


def _native(member: Member) -> str:
    group = dict_of(member.spec.get("schedulingGroup")).get("podGroupName")
    if group:
        return str(group)
    ref = dict_of(member.spec.get("workloadRef"))
    parts = [ref.get(key) for key in ("name", "podGroup", "podGroupReplicaKey")]
    return "/".join(str(part) for part in parts if part)


def application_of(member: Member) -> str:
    """Return the application of YuniKorn that a pod belongs to; empty without one.

    Parameters
    ----------
    member
        The pod.
    """
    names = keys.YUNIKORN_APP, "applicationId", "spark-app-selector"
    return _annotation(keys.YUNIKORN_APP)(member) or _label(*names)(member)


def _yunikorn(member: Member) -> str:
    return application_of(member) if member.annotations.get(keys.YUNIKORN_TASK_GROUP) else ""


def _leader_worker(member: Member) -> str:
    name = member.labels.get("leaderworkerset.sigs.k8s.io/name")
    index = member.labels.get("leaderworkerset.sigs.k8s.io/group-index")
    return f"{name}-{index}" if name and index is not None else ""


def _whole_job(member: Member) -> str:
    """Return the Job of a pod that says that its Job is to start as one."""
    if str(member.annotations.get(keys.GANG_OF_JOB, "")).lower() != "job":
        return ""
    return _label("batch.kubernetes.io/job-name", "job-name")(member)


def _by_label(project: str, *names: str, pod_groups: tuple[str, ...] = (),
              least: tuple[str, ...] = ()) -> Scheme:  # fmt: skip
    return Scheme(project, names[0], _label(*names), names, pod_groups, least)


def _by_annotation(project: str, *names: str, pod_groups: tuple[str, ...] = (),
                   least: tuple[str, ...] = ()) -> Scheme:  # fmt: skip
    return Scheme(project, names[0], _annotation(*names), names, pod_groups, least)


def _owned(project: str, key: str, named: Naming | None = None, least: tuple[str, ...] = (),
           *, sized: bool = True) -> Scheme:  # fmt: skip
    return Scheme(
        project, key, named or _label(key), (key,), (), least, by_owner=True, sized_by_owner=sized
    )


SCHEMES: tuple[Scheme, ...] = (
    Scheme("Kubernetes", "spec.schedulingGroup", _native, (), (KUBERNETES,)),
    _by_label(
        "scheduler-plugins", "scheduling.x-k8s.io/pod-group",
        "pod-group.scheduling.sigs.k8s.io/name", "pod-group.scheduling.sigs.k8s.io",
        pod_groups=(PLUGINS, OLD_PLUGINS),
        least=("pod-group.scheduling.sigs.k8s.io/min-available",),
    ),
    _by_annotation(
        "Volcano", "scheduling.k8s.io/group-name", "scheduling.volcano.sh/group-name",
        pod_groups=(VOLCANO,), least=("scheduling.volcano.sh/group-min-member",),
    ),
    _by_annotation(
        "KAI", "pod-group-name", pod_groups=(KAI,), least=("kai.scheduler/batch-min-member",)
    ),
    _by_annotation(
        "Koordinator", "gang.scheduling.koordinator.sh/name", pod_groups=(OLD_PLUGINS,),
        least=("gang.scheduling.koordinator.sh/min-available",),
    ),
    _by_annotation("Gödel", "godel.bytedance.com/pod-group-name", pod_groups=(GODEL,)),
    _by_label(
        "Kueue", "kueue.x-k8s.io/pod-group-name", least=("kueue.x-k8s.io/pod-group-total-count",)
    ),
    Scheme("YuniKorn", keys.YUNIKORN_TASK_GROUP, _yunikorn, (keys.YUNIKORN_TASK_GROUP,),
           least=(keys.YUNIKORN_TASK_GROUPS,)),
    _owned("LeaderWorkerSet", "leaderworkerset.sigs.k8s.io/name", _leader_worker,
           ("leaderworkerset.sigs.k8s.io/size",), sized=False),
    _owned("JobSet", "jobset.sigs.k8s.io/jobset-name"),
    _owned("Kubeflow", "training.kubeflow.org/job-name"),
    _owned("Ray", "ray.io/cluster"),
    _owned("Bayplan", keys.GANG_OF_JOB, _whole_job),
)  # fmt: skip
"""What names a gang, by precedence."""

BY_KEY = {scheme.key: scheme for scheme in SCHEMES}
_BY_WORD = {word: n for n, scheme in enumerate(SCHEMES) for word in scheme.words}
_WORDS = frozenset(_BY_WORD)
_NATIVE = 0
"""The place of the scheme that looks at the spec."""


def says_nothing(member: Member) -> bool:
    """Whether a pod has none of the words by which gangs are named: most pods.

    Parameters
    ----------
    member
        The pod.
    """
    return (
        _WORDS.isdisjoint(member.labels)
        and _WORDS.isdisjoint(member.annotations)
        and not _says_native(member)
    )


def _says_native(member: Member) -> bool:
    return "schedulingGroup" in member.spec or "workloadRef" in member.spec


def _spoken(member: Member) -> list[Scheme]:
    """Return the schemes of which a pod has a word, by precedence: few, so few are asked."""
    found = {_BY_WORD[word] for word in _WORDS.intersection(member.labels)}
    found |= {_BY_WORD[word] for word in _WORDS.intersection(member.annotations)}
    if _says_native(member):
        found.add(_NATIVE)
    return [SCHEMES[n] for n in sorted(found)]


def named_by(member: Member) -> tuple[str, str]:
    """Return the key of the scheme that names a pod's gang, and the name; empty without one.

    Parameters
    ----------
    member
        The pod.
    """
    for each in _spoken(member):
        if name := each.named(member):
            return each.key, name
    return "", ""


def rivals_of(member: Member, key: str) -> tuple[tuple[str, str], ...]:
    """Return what else names a gang of a pod in so many words: (key, name), by precedence.

    What its owner named it by does not count: nobody asked for a gang with it.

    Parameters
    ----------
    member
        The pod.
    key
        The scheme that counts.
    """
    return tuple(
        (each.key, name)
        for each in _spoken(member)
        if not each.by_owner and each.key != key and (name := each.named(member))
    )


def markdown() -> str:
    """Return the table of what names a gang, by precedence."""
    rows = ["| | project | named by | how many must start |", "|---|---|---|---|"]
    for n, each in enumerate(SCHEMES, 1):
        words = ", ".join(f"`{word}`" for word in each.words or ("spec.schedulingGroup", WORKLOAD))
        sizes = [f"PodGroup of `{group}`" for group in each.pod_groups]
        sizes += [f"`{word}`" for word in each.least]
        sizes += ["the owner"] if each.sized_by_owner else []
        rows.append(f"| {n} | {each.project} | {words} | {'; '.join(sizes)} |")
    return "\n".join(rows) + "\n"
