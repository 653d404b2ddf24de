"""What is free for the pods of a namespace: GPUs by model, slices, and shares of queues."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.quota import Quota
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.queues import GPU, room
from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object


def free_for(owner: Owner, namespace: str, waiting: Mapping[str, int]) -> Object:
    """Return the page.

    Amounts of GPUs are in milli-GPU, those of slices are counts. Nodes that take no pods count as
    having nothing free. Queues are those that pods of the namespace name, with those that they
    are in; all where none does.

    Parameters
    ----------
    owner
        The state.
    namespace
        Whose; empty for all.
    waiting
        How many pods wait in each queue.
    """
    cluster = owner.mirror.cluster
    page: Object = {
        "namespace": namespace,
        "models": _models(cluster),
        "slices": _slices(cluster),
        "queues": [],
    }
    if owner.quota is not None:
        page["queues"] = _queues(owner, owner.quota, namespace, waiting)
    return page


def _models(cluster: Cluster) -> list[Object]:
    view, found = cluster.view, dict[str, Object]()
    for name, node in sorted(cluster.nodes.items()):
        if not node.gpu_count:
            continue
        row = cluster.row(name)
        start = view.slot_start.item(row)
        slots = view.slot_free_milli[start : start + view.slot_count.item(row)]
        open_ = node.schedulable
        idle = max(0, view.idle_milli.item(row)) if open_ else 0
        free = int(slots[slots > 0].sum()) if open_ else 0
        entry = found.setdefault(
            node.gpu_model,
            {"model": node.gpu_model, "nodes": 0, "total": 0, "free": 0, "whole": 0, "largest": 0},
        )
        entry["nodes"] += 1
        entry["total"] += node.gpu_count * GPU_MILLI
        entry["free"] += free
        entry["whole"] += idle // GPU_MILLI
        entry["largest"] = max(entry["largest"], idle // GPU_MILLI)
    return [found[model] for model in sorted(found)]


def _slices(cluster: Cluster) -> list[Object]:
    """Return what device plugins hand out by number: MIG instances and replicas."""
    view, found = cluster.view, defaultdict[tuple[str, str], list[int]](lambda: [0, 0])
    columns = {name: k for k, name in enumerate(view.resource_names)}
    for name, node in cluster.nodes.items():
        for resource, total in node.resources:
            if not resource.startswith((keys.MIG_PREFIX, keys.GPU_SHARED)):
                continue
            entry = found[node.gpu_model, resource]
            entry[0] += total
            if node.schedulable and resource in columns:
                entry[1] += max(0, view.resources_free[cluster.row(name), columns[resource]].item())
    return [
        {"model": model, "slice": resource, "total": total, "free": free}
        for (model, resource), (total, free) in sorted(found.items())
    ]


def _queues(owner: Owner, quota: Quota, namespace: str, waiting: Mapping[str, int]) -> list[Object]:
    tree, usage, capacity = quota.tree, quota.admission.usage, quota.capacity
    mine: dict[str, int] = {}
    for uid, seen in owner.mirror.pods.items():
        if namespace and seen.facts.member.namespace != namespace:
            continue
        queue = seen.facts.queue
        if queue not in tree.queues:
            continue
        pod = owner.mirror.cluster.pods.get(uid)
        milli = 0 if pod is None else sum(g.milli for gs in pod.placement.grants for g in gs)
        for name in tree.path(queue):
            mine[name] = mine.get(name, 0) + milli
    shown = [name for name in tree.names if name and (name in mine or not mine)]
    none: tuple[int | None, ...] = (None,) * len(tree.names)
    return [
        {
            "queue": name,
            "parent": tree.queues[name].parent,
            "guaranteed": tree.guaranteed.get(GPU, none)[tree.index[name]] or 0,
            "limit": tree.limits.get(GPU, none)[tree.index[name]],
            "used": usage.used(name, GPU),
            "yours": mine.get(name, 0),
            "waiting": waiting.get(name, 0),
            "room": room(tree, usage, GPU, name, capacity),
        }
        for name in sorted(shown, key=lambda each: tuple(reversed(tree.path(each))))
    ]
