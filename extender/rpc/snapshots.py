"""The live state at one moment, in parts: small messages, between which others have their turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from bayplan.extender.remote.decisions import placement_message, slot_message
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import isolation_number
from bayplan.extender.rpc.rooms import PREFIX
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.sharing import isolation_of
from bayplan.scheduler.types import ANONYMOUS, Node, Pod, Slot

PART = 200
"""Nodes, or pods, a message: some 50 KB at eight GPUs a node, of the 4 MiB that clients take."""


def parts(
    cluster: Cluster, holds: Mapping[str, float], now_s: float, since: int, placement: str
) -> Iterator[pb.SnapshotPart]:
    """Yield a cluster that nobody changes meanwhile: its nodes, then its pods, by name.

    Parameters
    ----------
    cluster
        A copy of the live one.
    holds
        Until when the room of pods is kept that are not bound.
    now_s
        The time.
    since
        What is added to versions.
    placement
        The policy that decides.
    """
    part = pb.SnapshotPart(now_s=now_s, placement=placement)
    for name in sorted(cluster.nodes):
        part.nodes.append(_node(cluster, cluster.nodes[name], since))
        if len(part.nodes) == PART:
            yield part
            part = pb.SnapshotPart(now_s=now_s, placement=placement)
    for uid in sorted(cluster.pods, key=lambda each: each.removeprefix(PREFIX)):
        part.pods.append(_pod(cluster.pods[uid], holds.get(uid)))
        if len(part.pods) == PART:
            yield part
            part = pb.SnapshotPart(now_s=now_s, placement=placement)
    yield part


def _node(cluster: Cluster, node: Node, since: int) -> pb.NodeState:
    view, row = cluster.view, cluster.row(node.name)
    message = pb.NodeState(
        name=node.name,
        version=view.version.item(row) + since,
        schedulable=node.schedulable,
        cpu_milli=node.cpu_milli,
        free_cpu_milli=view.cpu_free_milli.item(row),
        memory_mib=node.memory_mib,
        free_memory_mib=view.memory_free_mib.item(row),
        gpu_model=node.gpu_model,
        gpu_memory_mib=node.gpu_memory_mib,
        anonymous_gpus=node.anonymous_gpus,
        labels=dict(node.labels),
        row=row,
        taints=[
            pb.Taint(key=each.key, value=each.value, effect=each.effect.value)
            for each in node.taints
        ],
    )
    start, count = view.slot_start.item(row), view.slot_count.item(row)
    for flat in range(start, start + count):
        kind = view.kinds.kinds[view.slot_kind.item(flat)]
        slot = Slot(
            ANONYMOUS if node.anonymous_gpus else view.slot_gpu.item(flat),
            view.slot_first.item(flat),
            view.slot_size.item(flat),
            kind.profile.name if kind.profile is not None else "",
        )
        message.slots.add(
            slot=slot_message(slot),
            free_milli=view.slot_free_milli.item(flat),
            free_memory_mib=view.slot_free_mib.item(flat),
            milli=kind.capacity_milli,
            memory_mib=kind.memory_mib,
            isolation=isolation_number(isolation_of(kind.sharing)),
            clients=max(0, kind.seats),
        )
    return message


def _pod(pod: Pod, until_s: float | None) -> pb.PodState:
    request = pod.request
    committed = request.uid.startswith(PREFIX)
    standing = pb.COMMITTED if committed else pb.BOUND if until_s is None else pb.HELD
    return pb.PodState(
        uid=request.uid.removeprefix(PREFIX),
        standing=standing,
        placement=placement_message(pod.placement),
        priority=request.priority,
        gang=request.gang.removeprefix(PREFIX),
        until_s=0.0 if until_s is None or math.isinf(until_s) else until_s,
    )
