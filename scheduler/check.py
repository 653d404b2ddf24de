"""The invariants of a cluster, checked from first principles: slow, for tests and recomputes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.tenancy import NO_CLASS, Tenancy
from bayplan.scheduler.types import GPU_MILLI
from bayplan.scheduler.view import NO_MODEL

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
    start, count = int(view.gpu_start[row]), node.gpu_count
    _require(view.gpu_count[row] == count, f"{node.name}: number of GPUs")
    _require(view.gpu_memory_mib[row] == node.gpu_memory_mib, f"{node.name}: GPU memory")
    _require(view.anonymous[row] == node.anonymous_gpus, f"{node.name}: anonymous")
    model = view.model_names[view.model[row]] if count else ""
    _require(model == (node.gpu_model if count else ""), f"{node.name}: GPU model")
    milli = np.full(count, GPU_MILLI)
    mib = np.full(count, node.gpu_memory_mib)
    classes = np.zeros(view.class_pods.shape[1], np.int64)
    for tenancy in tenancies:
        _require(len(set(tenancy.gpus)) == len(tenancy.gpus), f"{node.name}: a GPU twice")
        for gpu, taken, memory in zip(tenancy.gpus, tenancy.milli, tenancy.mib, strict=True):
            _require(start <= gpu < start + count, f"{node.name}: GPU {gpu} is not its own")
            milli[gpu - start] -= taken
            mib[gpu - start] -= memory
        if tenancy.gpu_class != NO_CLASS:
            classes[tenancy.gpu_class] += 1
    own = slice(start, start + count)
    _require((milli >= 0).all() and (mib >= 0).all(), f"{node.name}: a GPU is oversubscribed")
    _require((view.gpu_free_milli[own] == milli).all(), f"{node.name}: free milli-GPU")
    _require((view.gpu_free_mib[own] == mib).all(), f"{node.name}: free GPU memory")
    _require(view.idle_milli[row] == milli.sum(), f"{node.name}: idle milli-GPU")
    _require((view.class_pods[row] == classes).all(), f"{node.name}: pods by GPU class")


def _check_ranges(cluster: Cluster) -> None:
    owned = np.zeros(cluster.view.n_gpus, np.int64)
    for name in cluster.nodes:
        row = cluster.row(name)
        start = int(cluster.view.gpu_start[row])
        owned[start : start + int(cluster.view.gpu_count[row])] += 1
    _require((owned <= 1).all(), "two nodes share a GPU of the flat arrays")


def _check_dead_rows(cluster: Cluster) -> None:
    view = cluster.view
    dead = np.flatnonzero(~view.alive[: view.n_rows])
    _require(dead.size == view.n_rows - len(cluster.nodes), "rows and nodes do not add up")
    for array in (view.cpu_free_milli, view.memory_free_mib, view.idle_milli, view.gpu_count):
        _require((array[dead] == 0).all(), "a row without a node has capacity")
    _require((view.class_pods[dead] == 0).all(), "a row without a node has pods")
    _require((view.model[dead] == NO_MODEL).all(), "a row without a node has a GPU model")
    _require((view.version[: view.n_rows] <= cluster.log.number).all(), "a version from nowhere")
