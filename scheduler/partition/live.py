"""From a node of a cluster to a plan for its MIG layouts, and from the plan to events."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.events import Repartitioned
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.partition.dynamic import plan_changes
from bayplan.scheduler.partition.types import Create, GpuState, Instance, Plan
from bayplan.scheduler.sharing import Mig, sharing_of


def gpu_states(cluster: Cluster, node: str) -> dict[int, GpuState]:
    """Return what is used and what is idle on each GPU of a node that has a static layout.

    GPUs that take no new pods are left as they are.

    Raises
    ------
    Unknown
        There is no such node.
    """
    row = cluster.row(node)
    stated = cluster.node_at(row)
    used = {
        (slot.gpu, slot.start)
        for uid in cluster.pods_on(row)
        for grants in cluster.pods[uid].placement.grants
        for slot in (grant.slot for grant in grants)
    }
    states = {}
    for gpu in range(stated.gpu_count):
        sharing = sharing_of(stated.sharing, gpu)
        if not isinstance(sharing, Mig) or sharing.layout is None or gpu in stated.unhealthy:
            continue
        instances = [Instance(start, profile) for start, profile in sorted(sharing.layout)]
        states[gpu] = GpuState(
            product_named(stated.gpu_model),
            tuple(i for i in instances if (gpu, i.start) in used),
            tuple(i for i in instances if (gpu, i.start) not in used),
        )
    return states


def plan_node(
    cluster: Cluster, node: str, demand: Mapping[str, int]
) -> tuple[Plan, tuple[Repartitioned, ...]]:
    """Plan the layouts of a node for pending demand, by profile name.

    Returns
    -------
    The plan, whose GPU indices are those of the node, and one event for each GPU that changes.
    Instances in use stay as they are, so the events are accepted as long as nothing else happens.
    """
    states = gpu_states(cluster, node)
    indices = list(states)
    plan = plan_changes(list(states.values()), demand)
    layouts = {gpu: {*state.used, *state.idle} for gpu, state in states.items()}
    changes = []
    for change in plan.changes:
        gpu = indices[change.gpu_index]
        if isinstance(change, Create):
            layouts[gpu].add(change.instance)
        else:
            layouts[gpu].discard(change.instance)
        changes.append(type(change)(gpu, change.instance))
    stated = cluster.nodes[node]
    events = []
    for gpu in sorted({change.gpu_index for change in changes}):
        sharing = sharing_of(stated.sharing, gpu)
        assert isinstance(sharing, Mig)
        layout = tuple(sorted((i.start, i.profile_name) for i in layouts[gpu]))
        # Without an instance left there is no layout to state: they may come as they are asked for.
        events.append(Repartitioned(node, gpu, Mig(layout, sharing.inside) if layout else Mig()))
    return Plan(tuple(changes), plan.unmet), tuple(events)
