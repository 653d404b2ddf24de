"""The whole state worked out anew from what is watched, and compared with the live one.

They must be equal: a difference is a bug, or an event that was missed, and never passes in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayplan.extender.live.mirror import Mirror, hint_of_placement
from bayplan.extender.live.reading import Reader, Seen
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import Held
from bayplan.scheduler.types import Decision, Pod
from bayplan.traces.kubernetes.nodes import NodeFacts


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is needed to work the state out anew, taken at one moment."""

    nodes: Mapping[str, NodeFacts]
    pods: Mapping[str, Seen]
    promised: tuple[Pod, ...]
    live: Cluster
    reader: Reader


def snapshot(mirror: Mirror) -> Snapshot:
    """Return what a recompute needs; it may then be done elsewhere, while the state moves on."""
    promised = [
        mirror.cluster.pods[uid]
        for uid in (*mirror.assumed, *mirror.holds)
        if uid in mirror.cluster.pods
    ]
    nodes = dict(mirror.reader.nodes)
    return Snapshot(
        nodes, dict(mirror.pods), tuple(promised), mirror.cluster.copy(), mirror.reader.twin()
    )


def differences(taken: Snapshot, now_s: float) -> list[str]:
    """Return the nodes on which the live state is not what follows from what was seen.

    GPUs are compared as a set: of GPUs alike, which one a pod has that nobody names is free.
    """
    anew = Mirror(taken.reader)
    for facts in taken.nodes.values():
        anew.put_node(facts, now_s)
    anew.pods.update(taken.pods)
    anew.start(now_s)
    for pod in taken.promised:
        uid, node = pod.request.uid, pod.placement.node
        if pod.held_until_s is None:
            anew.place_assumed(uid, node, hint_of_placement(pod.placement), now_s)
            continue
        try:
            with anew.opened(node):
                anew.cluster.apply(Held(Decision(pod.request, now_s, pod.placement), 0.0))
        except StateError as error:
            return [f"{node}: what is held does not fit: {error}"]
    names = sorted(set(anew.cluster.nodes) | set(taken.live.nodes))
    return [
        f"{name}: {what}" for name in names if (what := _difference(taken.live, anew.cluster, name))
    ]


def _difference(live: Cluster, anew: Cluster, name: str) -> str:
    if name not in live.nodes or name not in anew.nodes:
        return "known to one of them only"
    if live.nodes[name] != anew.nodes[name]:
        return "the node is another one"
    one, other = _free(live, name), _free(anew, name)
    for what, has in one.items():
        if other.get(what) != has:
            return f"free {what}: {has} live, {other.get(what)} anew"
    return ""


def _free(cluster: Cluster, name: str) -> dict[str, object]:
    view, row = cluster.view, cluster.row(name)
    own = slice(view.slot_start.item(row), view.slot_start.item(row) + view.slot_count.item(row))
    gpus = np.stack([view.slot_free_milli[own], view.slot_free_mib[own]], axis=1)
    return {
        # Less than nothing is free where a node has become smaller than what runs there.
        "CPU": max(0, view.cpu_free_milli.item(row)),
        "memory": max(0, view.memory_free_mib.item(row)),
        "GPUs": sorted(map(tuple, gpus.tolist())),
        "resources": dict(
            sorted(
                (key, free)
                for key, free in zip(
                    view.resource_names, view.resources_free[row].tolist(), strict=False
                )
                if free > 0
            )
        ),
    }
