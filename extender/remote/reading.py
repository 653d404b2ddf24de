"""What a client looks at: the state and events, from their messages."""

from __future__ import annotations

from collections.abc import Iterable

from bayplan.extender.remote.decisions import placement_of, slot_of
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import isolation_or_none
from bayplan.extender.remote.types import Event, NodeState, PodState, SlotState, Snapshot, Standing
from bayplan.scheduler.constraints.types import Effect, Taint

_STANDINGS = {pb.Standing.Value(each.name): each for each in Standing}


def snapshot_of(parts: Iterable[pb.SnapshotPart]) -> Snapshot:
    """Return the state that some parts are of.

    Parameters
    ----------
    parts
        The parts.
    """
    nodes: list[NodeState] = []
    pods: list[PodState] = []
    now_s, placement = 0.0, ""
    for part in parts:
        now_s, placement = part.now_s, part.placement
        nodes += map(_node_of, part.nodes)
        pods += map(_pod_of, part.pods)
    return Snapshot(now_s, tuple(nodes), tuple(pods), placement)


def event_of(message: pb.DecisionEvent) -> Event:
    """Return the event of a message.

    Parameters
    ----------
    message
        The message.
    """
    return Event(
        message.time_s,
        pb.Kind.Name(message.kind).lower() if message.kind in pb.Kind.values() else "unknown",
        message.uid,
        message.node,
        message.why,
        tuple(message.victims),
        message.client,
        message.missed,
    )


def _node_of(message: pb.NodeState) -> NodeState:
    return NodeState(
        message.name,
        message.version,
        message.schedulable,
        message.cpu_milli,
        message.free_cpu_milli,
        message.memory_mib,
        message.free_memory_mib,
        message.gpu_model,
        message.gpu_memory_mib,
        message.anonymous_gpus,
        tuple(map(_slot_state_of, message.slots)),
        tuple(sorted(message.labels.items())),
        message.row,
        tuple([Taint(each.key, each.value, Effect(each.effect)) for each in message.taints]),
    )


def _slot_state_of(message: pb.SlotState) -> SlotState:
    return SlotState(
        slot_of(message.slot),
        message.free_milli,
        message.free_memory_mib,
        message.milli,
        message.memory_mib,
        isolation_or_none(message.isolation),
        message.clients or None,
    )


def _pod_of(message: pb.PodState) -> PodState:
    return PodState(
        message.uid,
        _STANDINGS[message.standing],
        placement_of(message.placement),
        message.priority,
        message.gang,
        message.until_s or None,
    )
