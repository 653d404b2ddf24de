"""From a dump to a cluster: its nodes, and on them the pods that run, exactly where they are.

Where the device plugin picks the GPU a pod takes anonymous slots. A shared GPU that only has a
name (KAI's groups) gets the lowest free index of its node: GPUs of a node are alike. A pod that its
node cannot hold by the dump takes what is left there, because in truth it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import BayplanError
from bayplan.scheduler.events import Bound, NodeChanged, NodeUp
from bayplan.scheduler.needs import Need
from bayplan.scheduler.types import (
    ANONYMOUS,
    Decision,
    DeviceRequest,
    Grant,
    Node,
    Placement,
    Request,
    Slot,
    WholeGpus,
)
from bayplan.traces.kubernetes.types import BoundPod, Dump, Problem

NOWHERE = -1
NODE = "spec.nodeName"


def cluster_of(dump: Dump) -> tuple[Cluster, tuple[Problem, ...]]:
    """Return the cluster of a dump, and which of its nodes and pods do not fit into it.

    A pod that its node cannot hold is a problem; it takes what is left, and is not evicted. Where
    the GPUs that it is on cannot be told, its node takes no new pods.

    Parameters
    ----------
    dump
        The dump.
    """
    cluster, problems = Cluster(), []
    for node in dump.nodes:
        try:
            # Pods that run on it were there before it was cordoned.
            cluster.apply(NodeUp(node if node.schedulable else replace(node, schedulable=True)))
        except BayplanError as error:
            problems.append(Problem("node", node.name, "status.allocatable", str(error)))
    groups = Groups()
    crowded: list[tuple[BoundPod, str]] = []
    for pod in _in_order(dump.bound):
        if pod.node not in cluster.nodes:
            problems.append(Problem("pod", pod.request.uid, NODE, f"node {pod.node} is left out"))
        elif problem := bind_pod(cluster, pod, groups):
            crowded.append((pod, problem))
    closed = {node.name for node in dump.nodes if not node.schedulable}
    for pod, problem in crowded:
        wholly = squeeze_in(cluster, pod, groups)
        what = "the pod is given what is left" if wholly else f"{pod.node} takes no new pods"
        problems.append(Problem("pod", pod.request.uid, NODE, f"{problem}; {what}"))
        if not wholly:
            closed.add(pod.node)
    for node in dump.nodes:
        if node.name in closed and node.name in cluster.nodes:
            cluster.apply(NodeChanged(replace(node, schedulable=False)))
    return cluster, tuple(sorted(problems))


def squeeze_in(cluster: Cluster, pod: BoundPod, groups: Groups) -> bool:
    """Let a pod take what is left of what it asks for; return whether that is told for GPUs, too.

    Where its GPUs are not there, how many whole ones are left is known; which it has shares of is
    not.

    Parameters
    ----------
    cluster, pod, groups
        As of ``bind_pod``.
    """
    row, request = cluster.row(pod.node), pod.request
    less = _less(cluster, row, request)
    if not bind_pod(cluster, pod._replace(request=less), groups):
        return True  # its GPUs are there: it was CPU, memory or something else that is short
    left, devices = _idle_gpus(cluster, row), []
    wholly = True
    for device in request.devices:
        if not isinstance(device.ask, WholeGpus):
            wholly = False
            continue
        count = min(device.ask.count, left)
        left -= count
        if count:
            devices.append(DeviceRequest(WholeGpus(count)))
    less = less._replace(devices=tuple(devices))
    refused = bind_pod(cluster, BoundPod(less, pod.node, pod.start_s), groups)
    return wholly and not refused


def _less(cluster: Cluster, row: int, request: Request) -> Request:
    """Return a request for no more than is free but for GPUs."""
    view = cluster.view
    return request._replace(
        cpu_milli=min(request.cpu_milli, max(0, view.cpu_free_milli.item(row))),
        memory_mib=min(request.memory_mib, max(0, view.memory_free_mib.item(row))),
        resources=tuple(
            (name, min(n, free))
            for name, n in request.resources
            if (free := _free(cluster, row, name)) > 0
        ),
        preemptible=False,
    )


@dataclass(slots=True)
class Groups:
    """The index that a named shared GPU was given, by node and name."""

    index: dict[tuple[str, str], int] = field(default_factory=dict)


def _in_order(bound: Iterable[BoundPod]) -> list[BoundPod]:
    # Those whose GPUs are known first, so that those without take what is left.
    return sorted(bound, key=lambda pod: (not pod.hint.gpus, not pod.hint.groups))


def bind_pod(cluster: Cluster, pod: BoundPod, groups: Groups) -> str:
    """Put a pod where it runs, or say why that cannot be.

    Parameters
    ----------
    cluster
        The cluster; the node takes pods.
    pod
        The pod.
    groups
        What is known of shared GPUs that only have a name.
    """
    node = cluster.nodes[pod.node]
    try:
        placement = _placement(cluster, node, pod, groups)
        if isinstance(placement, str):
            return placement
        cluster.apply(Bound(Decision(pod.request, pod.start_s, placement), pod.start_s))
    except BayplanError:
        return f"{node.name} has not the room that the pod takes; {_short_of(cluster, node, pod)}"
    return ""


def _placement(cluster: Cluster, node: Node, pod: BoundPod, groups: Groups) -> Placement | str:
    devices = pod.request.devices
    if not devices:
        return Placement(node.name)
    needs = [_need(cluster, node, device) for device in devices]
    if None in needs:
        return f"{node.name} has no GPUs of the kind that the pod takes"
    gpus = list(pod.hint.gpus)
    if NOWHERE in gpus or any(gpu >= node.gpu_count for gpu in gpus):
        return f"the GPU that the pod was given is not on {node.name}"
    grants = []
    taken: set[int] = set()
    for device, need in zip(devices, needs, strict=True):
        assert need is not None
        for _ in range(device.ask.count):
            gpu = ANONYMOUS
            if not node.anonymous_gpus:
                gpu = gpus.pop(0) if gpus else _index(cluster, node, pod, need, taken, groups)
            if gpu == NOWHERE and not node.anonymous_gpus:
                return f"{node.name} has too few GPUs with enough free for the pod"
            taken.add(gpu)
            grants.append(_grant(gpu, need.milli, need.mib))
    return Placement(node.name, _dealt(grants, devices), (0,) * len(devices))


@lru_cache(maxsize=4096)
def _grant(gpu: int, milli: int, mib: int) -> Grant:
    """Return a grant; equal ones are one object, which is made once."""
    return Grant(Slot(gpu), milli, mib)


def _need(cluster: Cluster, node: Node, device: DeviceRequest) -> Need | None:
    """Return what a device request takes of each GPU of a node; None: it has none to give."""
    view = cluster.view
    row = cluster.row(node.name)
    start = view.slot_start.item(row)
    for number in dict.fromkeys(view.slot_kind[start : start + view.slot_count.item(row)].tolist()):
        for need in view.kinds.needs_of(device, number):
            if not need.code:
                return need
    return None


def _index(
    cluster: Cluster, node: Node, pod: BoundPod, need: Need, taken: set[int], groups: Groups
) -> int:  # fmt: skip
    """Return the index of a GPU that nobody names: its group's, or the lowest with the room."""
    view = cluster.view
    start = view.slot_start.item(cluster.row(node.name))
    own = slice(start, start + node.gpu_count)
    named = [group for group in pod.hint.groups if (node.name, group) in groups.index]
    for group in named:
        gpu = groups.index[node.name, group]
        if gpu not in taken:
            return gpu
    free = (view.slot_free_milli[own] >= need.milli) & (view.slot_free_mib[own] >= need.mib)
    new = [group for group in pod.hint.groups if group not in named]
    if new:
        free &= view.slot_free_milli[own] == view.slot_capacity[own]
    found = [gpu for gpu in np.flatnonzero(free).tolist() if gpu not in taken]
    if not found:
        return NOWHERE
    if new:
        groups.index[node.name, new[0]] = found[0]
    return int(found[0])


def _dealt(
    grants: Sequence[Grant], devices: Sequence[DeviceRequest]
) -> tuple[tuple[Grant, ...], ...]:
    dealt, start = [], 0
    for device in devices:
        dealt.append(tuple(grants[start : start + device.ask.count]))
        start += device.ask.count
    return tuple(dealt)


def _short_of(cluster: Cluster, node: Node, pod: BoundPod) -> str:
    """Name what a node lacks for a pod."""
    view, row, request = cluster.view, cluster.row(node.name), pod.request
    lacks = [
        (what, asked, free)
        for what, asked, free in (
            ("CPU (millicores)", request.cpu_milli, view.cpu_free_milli.item(row)),
            ("memory (MiB)", request.memory_mib, view.memory_free_mib.item(row)),
            *((name, asked, _free(cluster, row, name)) for name, asked in request.resources),
            ("whole GPUs", whole_gpus(request), _idle_gpus(cluster, row)),
        )
        if asked > free
    ]
    if not lacks:
        return "its GPUs are taken" if request.devices else "an event refused it"
    return ", ".join(f"{what}: asked {asked}, free {free}" for what, asked, free in lacks)


def _free(cluster: Cluster, row: int, name: str) -> int:
    names = cluster.view.resource_names
    return cluster.view.resources_free.item(row, names.index(name)) if name in names else 0


def whole_gpus(request: Request) -> int:
    """Return how many whole GPUs a pod asks for.

    Parameters
    ----------
    request
        The pod.
    """
    asks = [device.ask for device in request.devices]
    return sum(ask.count for ask in asks if isinstance(ask, WholeGpus))


def _idle_gpus(cluster: Cluster, row: int) -> int:
    """Return how many GPUs of a node nobody is on."""
    view = cluster.view
    start = view.slot_start.item(row)
    own = slice(start, start + view.slot_count.item(row))
    return int(np.count_nonzero(view.slot_free_milli[own] == view.slot_capacity[own]))
