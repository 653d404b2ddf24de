"""Who goes down with whom: the blast radius of a fatal fault, by how a GPU is shared."""

from __future__ import annotations

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Unknown


def blast_radius(cluster: Cluster, uid: str) -> tuple[str, ...]:
    """Return the uids of the pods that a fatal GPU fault of a pod takes with it, itself first.

    A MIG instance keeps its faults to itself; MPS clients, time-sliced contexts and vGPUs share
    those of their GPU, or of the instance that they share; so do pods of the same claim.

    Raises
    ------
    Unknown
        There is no such pod.

    Notes
    -----
    NVIDIA MPS documentation (a fatal fault is seen by all clients), MIG user guide (error
    isolation: yes for MIG only). Partial containment by static partitions is not assumed.
    """
    if uid not in cluster.pods:
        raise Unknown(f"no pod {uid} in the cluster")
    row = cluster.tenancies[uid].row
    hit = _places(cluster, uid)
    others = [other for other in cluster.pods_on(row) if other != uid]
    return (uid, *[other for other in others if hit & _places(cluster, other)])


def _domain(cluster: Cluster, slot: int, units: int) -> tuple[int, int]:
    """Return what fails together on a slot: an instance of a MIG GPU by its bits, or all of it."""
    view = cluster.view
    kind = view.kinds.kinds[view.slot_kind.item(slot)]
    return slot, units if kind.is_dynamic_mig else 0


def _places(cluster: Cluster, uid: str) -> set[tuple[int, int]]:
    tenancies = [cluster.tenancies[uid]]
    devices = cluster.pods[uid].request.devices
    tenancies += [cluster.claims[device.claim].tenancy for device in devices if device.claim]
    return {
        _domain(cluster, slot, units)
        for tenancy in tenancies
        for slot, _, _, units in tenancy.taken
    }
