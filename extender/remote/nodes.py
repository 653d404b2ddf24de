"""What a client is told of nodes, as nodes of the scheduler: with what is free of them."""

from __future__ import annotations

from bayplan.extender.remote.types import NodeState, SlotState, Snapshot
from bayplan.scheduler.constraints.types import Effect
from bayplan.scheduler.sharing import UNGOVERNED, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import GPU_MILLI, Isolation, Node


def free_nodes(state: Snapshot) -> list[Node]:
    """Return nodes that have what is free, those first for which ties are broken.

    GPUs of which somebody has some, or that take no new pods, are unhealthy ones. Of how GPUs are
    shared it is known what keeps shares apart, how many there may be, and of how much.

    Parameters
    ----------
    state
        The state.
    """
    return [_node(each) for each in sorted(state.nodes, key=lambda each: each.row)]


def is_open(node: Node) -> bool:
    """Whether a node takes pods that tolerate no taint.

    Parameters
    ----------
    node
        The node.
    """
    soft = Effect.PREFER_NO_SCHEDULE
    return node.schedulable and all(taint.effect is soft for taint in node.taints)


def _node(state: NodeState) -> Node:
    slots = state.slots
    sharing = tuple(map(_sharing, slots))
    memory_mib = {slot.memory_mib for slot in slots}
    return Node(
        state.name,
        state.free_cpu_milli,
        state.free_memory_mib,
        len(slots),
        state.gpu_model,
        memory_mib.pop() if len(memory_mib) == 1 else state.gpu_memory_mib,
        state.anonymous_gpus,
        state.schedulable,
        state.labels,
        sharing=_told(sharing),
        taints=state.taints,
        unhealthy=tuple([k for k, slot in enumerate(slots) if not _is_idle(slot)]),
    )


def _is_idle(slot: SlotState) -> bool:
    return (slot.free_milli, slot.free_memory_mib) == (slot.milli, slot.memory_mib)


def _told(sharing: tuple[Sharing, ...]) -> tuple[Sharing, ...]:
    """Return how GPUs are shared as nodes state it: once where all are alike."""
    if len(set(sharing)) > 1:
        return sharing
    return () if UNGOVERNED in sharing else sharing[:1]


def _sharing(slot: SlotState) -> Sharing:
    capacity, clients = max(slot.milli, GPU_MILLI), slot.clients or 1
    match slot.isolation:
        case Isolation.HAMI:
            return Hami(clients, capacity)
        case Isolation.MPS:
            return Mps(clients, capacity)
        case Isolation.TIMESLICE:
            return TimeSlicing(clients, capacity)
        case Isolation.MIG:
            return Mig()
    return UNGOVERNED
