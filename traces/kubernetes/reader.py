"""Read a dump of a cluster: ``kubectl get nodes,pods -A -o json``, and what else is in it."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.types import Request
from bayplan.traces.files import PathLike, display
from bayplan.traces.kubernetes.budgets import Budgets, read_budgets
from bayplan.traces.kubernetes.gangs import Group, check_members, gang_of, groups_of
from bayplan.traces.kubernetes.gpus import Gpus, named_on
from bayplan.traces.kubernetes.images import images_of, images_on
from bayplan.traces.kubernetes.keys import ALIYUN_INDEX, KAI_GROUP, KAI_RESERVATIONS, KOORD_GIVEN
from bayplan.traces.kubernetes.nodes import NodeFacts, read_node
from bayplan.traces.kubernetes.objects import (
    HOW,
    Object,
    Objects,
    dict_of,
    metadata_of,
    name_of,
    objects_in,
    read_objects,
)
from bayplan.traces.kubernetes.pods import (
    MAX_PRIORITY,
    PodFacts,
    PodReader,
    member_of,
    shares_by_groups,
)
from bayplan.traces.kubernetes.refining import uuids_in
from bayplan.traces.kubernetes.registry import given, indices
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.schemes import Member
from bayplan.traces.kubernetes.times import seconds_of
from bayplan.traces.kubernetes.types import NO_HINT, BoundPod, Dump, Hint, Problem

NO_CLAIMS = "claims of devices are not read from a dump"
FINISHED = ("Succeeded", "Failed")


def read_dump(paths: Sequence[PathLike], *, images: bool = False) -> Dump:
    """Read a dump; what cannot be used becomes a problem, and the rest goes on.

    Times are seconds relative to the newest timestamp in the dump; no clock is read.

    Parameters
    ----------
    paths
        JSON files of one cluster, plain or gzip; ``-`` is standard input.
    images
        Whether to read which images nodes have and waiting pods ask for: large, and mostly unread.

    Raises
    ------
    InputError
        A file cannot be read, or there is no node in any.
    """
    # Every object is kept to the end: looking for garbage among them is for nothing.
    collects = gc.isenabled()
    gc.disable()
    try:
        objects = read_objects(paths, images=images)
        if not objects.of("Node"):
            files = ", ".join(display(path) for path in paths)
            raise InputError("there is no node in the dump", file=files, fix=HOW)
        return _dump(objects, images=images)
    finally:
        if collects:
            gc.enable()


@dataclass(slots=True)
class _Pods:
    """What was read of the pods: those that count, when they were made, and their problems."""

    members: list[tuple[Member, Object]] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    facts: list[PodFacts] = field(default_factory=list)


def _dump(objects: Objects, *, images: bool) -> Dump:
    problems: list[Problem] = []
    pods = _members(objects, problems)
    indexed = any(shares_by_groups(member) for member, _ in pods.members)
    nodes: dict[str, NodeFacts] = {}
    for thing in objects.of("Node"):
        facts = read_node(thing, problems, indexed=indexed)
        if not facts.node.name or not facts.node.name.isprintable():
            problems.append(Problem("node", repr(facts.node.name), "metadata.name", "is no name"))
        else:
            nodes[facts.node.name] = _with_images(facts, thing) if images else facts
    reader = _reader(objects, nodes)
    _read_pods(pods, reader, nodes, problems)
    _name_gpus(pods.facts, nodes)
    budgets = read_budgets(objects.of("PodDisruptionBudget"), problems)
    members = [facts.member for facts in pods.facts]
    check_members(members, problems)
    groups = groups_of(members, objects.of("PodGroup") + objects.of("Workload"), problems)
    requests = _requests(pods.facts, reader, groups, budgets)
    if images:
        _add_images(requests, pods.facts)
    waiting = [facts for facts in pods.facts if not facts.node]
    newest = _newest(objects, pods)
    end = seconds_of(newest)
    return Dump(
        nodes=tuple(facts.node for facts in nodes.values()),
        bound=tuple(
            BoundPod(
                requests[facts.member.uid],
                facts.node,
                min(0.0, _seconds(facts.start, end, facts.member, problems)),
                hint_of(facts, nodes[facts.node]),
            )
            for facts in pods.facts
            if facts.node
        ),
        pending=tuple(requests[facts.member.uid] for facts in waiting),
        gangs=tuple(_waiting_gangs(groups, requests, waiting)),
        problems=tuple(sorted(set(problems))),
        budgets=budgets.allowed,
        gang_min={group.name: group.least for group in groups},
        gates={facts.member.uid: facts.gates for facts in waiting if facts.gates},
        meek=frozenset(facts.member.uid for facts in waiting if facts.meek),
        waited_s={
            uid: max(0.0, -_seconds(pods.created.get(uid, ""), end, facts.member, problems))
            for facts in waiting
            for uid in [facts.member.uid]
        },
        newest=newest,
    )


def _members(objects: Objects, problems: list[Problem]) -> _Pods:
    pods = _Pods()
    for thing in objects.of("Pod"):
        status = dict_of(thing.get("status"))
        metadata = metadata_of(thing)
        if status.get("phase") in FINISHED or str(metadata.get("namespace")) in KAI_RESERVATIONS:
            continue
        if metadata.get("deletionTimestamp") and not dict_of(thing.get("spec")).get("nodeName"):
            continue  # it waits, and will never run
        try:
            member = member_of(thing)
        except BadField as bad:
            problems.append(Problem("pod", repr(name_of(thing)), bad.field, bad.text))
            continue
        pods.members.append((member, status))
        pods.created[member.uid] = str(metadata.get("creationTimestamp") or "")
    return pods


def _reader(objects: Objects, nodes: dict[str, NodeFacts]) -> PodReader:
    priorities = {
        str(metadata_of(thing).get("name")): value
        for thing in objects.of("PriorityClass")
        if isinstance(value := thing.get("value"), int) and abs(value) <= MAX_PRIORITY
    }
    gpus: dict[str, Gpus] = {facts.gpus.product: facts.gpus for facts in nodes.values()}
    units = {facts.gpus.aliyun_mib for facts in nodes.values()}
    return PodReader(list(gpus.values()), priorities, min(units, default=1024))


def _read_pods(
    pods: _Pods, reader: PodReader, nodes: dict[str, NodeFacts], problems: list[Problem]
) -> None:
    for member, status in pods.members:
        try:
            at = str(member.spec.get("nodeName") or "")
            if at and at not in nodes:
                raise BadField("spec.nodeName", f"there is no node {at} in the dump")
            facts = reader.read(member, status)
            if member.spec.get("resourceClaims"):
                # One that runs keeps its CPU and memory all the same.
                problems.append(Problem("pod", member.uid, "spec.resourceClaims", NO_CLAIMS))
                if not facts.node:
                    continue
        except BadField as bad:
            text = bad.text
            if at in nodes:
                facts = reader.salvaged(member, status)
                pods.facts.append(facts)
                text += _kept(facts, nodes)
            problems.append(Problem("pod", member.uid, bad.field, text))
        else:
            pods.facts.append(facts)


def _name_gpus(every: list[PodFacts], nodes: dict[str, NodeFacts]) -> None:
    """Let GPUs have their uuid where some pod names it."""
    named = {uuid for facts in every for uuid in uuids_in(facts.room[2])}
    for name, facts in nodes.items() if named else ():
        if uuids := named_on(facts.gpus, named):
            nodes[name] = replace(facts, node=replace(facts.node, gpu_uuids=uuids))


def _kept(facts: PodFacts, nodes: dict[str, NodeFacts]) -> str:
    """Close the node of a pod whose room cannot be told; return what is done about it."""
    if facts.wholly:
        return "; the pod keeps its room"
    known = nodes[facts.node]
    nodes[facts.node] = replace(known, node=replace(known.node, schedulable=False))
    return f"; {facts.node} takes no new pods"


def _requests(
    every: list[PodFacts], reader: PodReader, groups: list[Group], budgets: Budgets
) -> dict[str, Request]:
    gangs = {member.uid: group.name for group in groups for member in group.members}
    return {
        uid: reader.finished(
            facts,
            gangs.get(uid, ""),
            budgets.protecting(facts.member.namespace, facts.member.labels),
        )
        for facts in every
        for uid in [facts.member.uid]
    }


def _with_images(facts: NodeFacts, thing: Object) -> NodeFacts:
    node = replace(facts.node, images=images_on(dict_of(thing.get("status"))))
    return replace(facts, node=node)


def _add_images(requests: dict[str, Request], every: list[PodFacts]) -> None:
    """Let the requests of waiting pods name their images; those of running ones are for nothing."""
    for facts in every:
        if not facts.node:
            uid = facts.member.uid
            requests[uid] = requests[uid]._replace(images=images_of(facts.member.spec))


def _waiting_gangs(
    groups: list[Group], requests: dict[str, Request], waiting: list[PodFacts]
) -> Iterable[Gang]:
    uids = {facts.member.uid for facts in waiting}
    for group in groups:
        if any(member.uid in uids for member in group.members):
            yield gang_of(group, requests)


def hint_of(facts: PodFacts, node: NodeFacts) -> Hint:
    """Return what is said of the GPUs that a pod has on its node.

    Parameters
    ----------
    facts, node
        The pod, and its node.
    """
    member = facts.member
    _, _, devices, _ = facts.room
    if not devices:
        return NO_HINT
    if node.gpus.minors:
        known = {minor: index for index, minor in enumerate(node.gpus.minors)}
        return Hint(gpus=tuple(known.get(each, -1) for each in _koordinator_minors(member)))
    if node.gpus.registered:
        return Hint(gpus=indices(given(member.annotations), node.gpus.registered))
    index = str(member.annotations.get(ALIYUN_INDEX, ""))
    if index.isascii() and index.isdecimal():
        return Hint(gpus=(int(index),))
    if minors := _koordinator_minors(member):
        return Hint(gpus=minors)
    groups = sorted(
        str(value)
        for key, value in member.labels.items()
        if key == KAI_GROUP or key.startswith(KAI_GROUP + "/")
    )
    return Hint(groups=tuple(dict.fromkeys(groups))) if groups else NO_HINT


def _koordinator_minors(member: Member) -> tuple[int, ...]:
    text = member.annotations.get(KOORD_GIVEN)
    if not text:
        return ()
    try:
        gpus = objects_in(dict_of(json.loads(str(text))).get("gpu"))
        return tuple(int(gpu["minor"]) for gpu in gpus)
    except (ValueError, KeyError, TypeError):
        return ()


def _newest(objects: Objects, pods: _Pods) -> str:
    """Return the newest of the timestamps of pods and nodes, as it is written."""
    times = list(pods.created.values())
    times += [str(status.get("startTime") or "") for _, status in pods.members]
    for thing in objects.of("Node"):
        times.append(str(metadata_of(thing).get("creationTimestamp") or ""))
        conditions = objects_in(dict_of(thing.get("status")).get("conditions"))
        times += [str(each.get("lastHeartbeatTime") or "") for each in conditions]
    known = [(time, text) for text in set(times) if text and (time := seconds_of(text)) is not None]
    return max(known)[1] if known else ""


def _seconds(text: str, end: float | None, member: Member, problems: list[Problem]) -> float:
    """Return a timestamp in seconds after the newest one; 0 where there is none."""
    if not text:
        return 0.0
    time = seconds_of(text)
    if time is None:
        problems.append(Problem("pod", member.uid, "status.startTime", f"{text[:40]!r} is no time"))
    return 0.0 if time is None or end is None else time - end
