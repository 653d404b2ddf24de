"""The invariants of a cluster, checked from first principles: slow, for tests and recomputes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.health import kinds_of
from bayplan.scheduler.islands import island_size
from bayplan.scheduler.kinds import NO_LIMIT, Kind, slots_of
from bayplan.scheduler.tenancy import NO_CLASS, Tenancy
from bayplan.scheduler.view import NO_KIND

if TYPE_CHECKING:
    from bayplan.scheduler.cluster import Cluster


def check_cluster(cluster: Cluster) -> None:
    """Compare every array with what nodes, pods and claims add up to.

    Raises
    ------
    AssertionError
        With the node and the quantity that differ.
    """
    tenancies = _tenancies(cluster)
    _check_tables(cluster)
    for name in cluster.nodes:
        row = cluster.row(name)
        _check_host(cluster, row, [t for t in tenancies if t.row == row])
        _check_gpus(cluster, row, [t for t in tenancies if t.row == row])
    _check_images(cluster)
    _check_ranges(cluster)
    _check_dead_rows(cluster)


def _require(true: object, what: str) -> None:
    if not true:
        raise AssertionError(what)


def _tenancies(cluster: Cluster) -> list[Tenancy]:
    return [*cluster.tenancies.values(), *(claim.tenancy for claim in cluster.claims.values())]


def _check_tables(cluster: Cluster) -> None:
    _require(cluster.pods.keys() == cluster.tenancies.keys(), "pods and tenancies differ")
    users: dict[str, set[str]] = {}
    for uid, pod in cluster.pods.items():
        row = cluster.row(pod.placement.node)
        _require(cluster.tenancies[uid].row == row, f"pod {uid}: row differs from its node's")
        _require(uid in cluster.pods_on(row), f"pod {uid} is not listed on its node")
        for device, grants in zip(pod.request.devices, pod.placement.grants, strict=True):
            if device.claim:
                users.setdefault(device.claim, set()).add(uid)
                _require(
                    cluster.claims[device.claim].grants == grants,
                    f"pod {uid}: claim {device.claim} grants otherwise",
                )
    listed = sum(len(cluster.pods_on(cluster.row(name))) for name in cluster.nodes)
    _require(listed == len(cluster.pods), "a pod is listed on two nodes, or on one that left")
    _require(
        {name: set(claim.users) for name, claim in cluster.claims.items()} == users,
        "users of claims differ from the pods",
    )


def _check_host(cluster: Cluster, row: int, tenancies: list[Tenancy]) -> None:
    view, node = cluster.view, cluster.node_at(row)
    cpu = sum(t.cpu for t in tenancies)
    memory = sum(t.memory for t in tenancies)
    _require(view.alive[row], f"{node.name}: not alive")
    _require(view.schedulable[row] == node.schedulable, f"{node.name}: schedulable")
    _require(view.cpu_milli[row] == node.cpu_milli, f"{node.name}: CPU capacity")
    _require(view.memory_mib[row] == node.memory_mib, f"{node.name}: memory capacity")
    _require(view.cpu_free_milli[row] == node.cpu_milli - cpu, f"{node.name}: free CPU")
    _require(view.memory_free_mib[row] == node.memory_mib - memory, f"{node.name}: free memory")
    capacity = dict(node.resources)
    for column, name in enumerate(view.resource_names):
        used = sum(n for t in tenancies for c, n in t.resources if c == column)
        total = capacity.get(name, 0)
        _require(view.resources[row, column] == total, f"{node.name}: capacity of {name}")
        _require(view.resources_free[row, column] == total - used, f"{node.name}: free {name}")
    if node.name not in cluster.shrunk:
        _require(cpu <= node.cpu_milli, f"{node.name}: CPU oversubscribed")
        _require(memory <= node.memory_mib, f"{node.name}: memory oversubscribed")
        _require((view.resources_free[row] >= 0).all(), f"{node.name}: resources oversubscribed")


def _check_gpus(cluster: Cluster, row: int, tenancies: list[Tenancy]) -> None:
    view, node = cluster.view, cluster.node_at(row)
    plan = slots_of(node)
    start, count = int(view.slot_start[row]), len(plan)
    own = slice(start, start + count)
    _require(view.gpu_count[row] == node.gpu_count, f"{node.name}: number of GPUs")
    _require(view.island[row] == island_size(node), f"{node.name}: size of its islands")
    _require(view.slot_count[row] == count, f"{node.name}: number of slots")
    kinds = [view.kinds.kinds[number] for number in view.slot_kind[own]]
    planned = [plan.kinds[k] for k in kinds_of(view, row, node, plan)]
    _require(kinds == planned, f"{node.name}: kinds of slots")
    alike = view.slot_kind[start] if len(set(view.slot_kind[own])) == 1 else NO_KIND
    _require(view.row_kind[row] == alike, f"{node.name}: kind of the row")
    for array, column, what in (
        (view.slot_gpu, plan.gpu, "GPU of a slot"),
        (view.slot_first, plan.start, "start of a slot"),
        (view.slot_size, plan.size, "size of a slot"),
        (view.slot_capacity, plan.capacity_milli, "capacity of a slot"),
    ):
        _require((array[own] == column).all(), f"{node.name}: {what}")
    classes = np.zeros(view.class_pods.shape[1], np.int64)
    for tenancy in tenancies:
        _require(all(start <= s < start + count for s in tenancy.slots), f"{node.name}: a slot")
        taken = tuple(part[0] for part in tenancy.taken)
        _require(taken == tenancy.slots, f"{node.name}: slots of a tenancy")
        if tenancy.gpu_class != NO_CLASS:
            classes[tenancy.gpu_class] += 1
    _require((view.class_pods[row] == classes).all(), f"{node.name}: pods by GPU class")
    free = 0
    for slot, kind in enumerate(kinds, start):
        free += _check_slot(cluster, node.name, slot, kind, tenancies)
    _require(view.idle_milli[row] == free, f"{node.name}: idle milli-GPU")


def _check_slot(
    cluster: Cluster, name: str, slot: int, kind: Kind, tenancies: list[Tenancy]
) -> int:
    view, number = cluster.view, int(cluster.view.slot_kind[slot])
    parts = [part for t in tenancies for part in t.taken if part[0] == slot]
    milli = kind.capacity_milli - sum(part[1] for part in parts)
    mib = kind.memory_mib - sum(part[2] for part in parts)
    units = [part[3] for part in parts]
    _require(milli >= 0 and mib >= 0, f"{name}: slot {slot}: oversubscribed")
    if not kind.healthy:
        milli = mib = 0
    _require(view.slot_free_milli[slot] == milli, f"{name}: slot {slot}: free milli-GPU")
    _require(view.slot_free_mib[slot] == mib, f"{name}: slot {slot}: free GPU memory")
    _require(view.slot_used[slot] == sum(units), f"{name}: slot {slot}: units in use")
    _require(
        view.slot_able[slot] == view.kinds.able(number, sum(units)), f"{name}: slot {slot}: able"
    )
    if kind.is_dynamic_mig:
        together = 0
        for bits in units:
            _require(bits and not together & bits, f"{name}: slot {slot}: MIG instances overlap")
            together |= bits
    elif kind.seats != NO_LIMIT:
        _require(len(units) <= kind.seats, f"{name}: slot {slot}: too many clients")
    return milli


def _check_images(cluster: Cluster) -> None:
    expected: dict[str, dict[int, int]] = {}
    for name, node in cluster.nodes.items():
        for image, mib in node.images:
            expected.setdefault(image, {})[cluster.row(name)] = mib
    _require(cluster.view.images.sizes == expected, "the images of nodes are listed otherwise")


def _check_ranges(cluster: Cluster) -> None:
    owned = np.zeros(cluster.view.n_slots, np.int64)
    for name in cluster.nodes:
        row = cluster.row(name)
        start = int(cluster.view.slot_start[row])
        owned[start : start + int(cluster.view.slot_count[row])] += 1
    _require((owned <= 1).all(), "two nodes share a slot of the flat arrays")


def _check_dead_rows(cluster: Cluster) -> None:
    view = cluster.view
    dead = np.flatnonzero(~view.alive[: view.n_rows])
    _require(dead.size == view.n_rows - len(cluster.nodes), "rows and nodes do not add up")
    amounts = view.cpu_free_milli, view.memory_free_mib, view.idle_milli
    for array in (*amounts, view.slot_count, view.island):
        _require((array[dead] == 0).all(), "a row without a node has capacity")
    _require((view.class_pods[dead] == 0).all(), "a row without a node has pods")
    _require((view.row_kind[dead] == NO_KIND).all(), "a row without a node has a kind of slot")
    _require((view.version[: view.n_rows] <= cluster.log.number).all(), "a version from nowhere")
