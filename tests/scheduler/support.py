"""What the tests of the engine share: small clusters, and a cluster's state as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import Bound, Event
from bayplan.scheduler.policies import PlacementPolicy, make_policy
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from bayplan.scheduler.view import IntArray, View
from bayplan.scheduler.workload import typical_workload

Snapshot = dict[str, Any]


def node(name: str, gpus: int = 2, **changes: Any) -> Node:
    """A node with 10 cores, 10,000 MiB and GPUs of model A with 8,000 MiB each."""
    standard: dict[str, Any] = {
        "cpu_milli": 10_000,
        "memory_mib": 10_000,
        "gpu_count": gpus,
        "gpu_model": "A" if gpus else "",
        "gpu_memory_mib": 8_000 if gpus else 0,
    }
    return Node(name, **(standard | changes))


A100: dict[str, Any] = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920}
"""What a node with such GPUs has."""


def mig_node(name: str, gpus: int = 1, **changes: Any) -> Node:
    """A node with A100s on which MIG instances come and go."""
    return node(name, gpus, **(A100 | {"sharing": (Mig(),)} | changes))


def whole(uid: str, count: int = 1, **fields: Any) -> Request:
    """A pod with whole GPUs."""
    return Request(uid, devices=(DeviceRequest(WholeGpus(count)),), **fields)


def share(uid: str, milli: int = 0, mib: int = 0, **fields: Any) -> Request:
    """A pod with a share of one GPU."""
    return Request(uid, devices=(DeviceRequest(GpuShare(milli, mib)),), **fields)


def instances(uid: str, profile: str, count: int = 1, **fields: Any) -> Request:
    """A pod with MIG instances."""
    return Request(uid, devices=(DeviceRequest(MigInstances(profile, count)),), **fields)


def sharer(uid: str, claim: str, **fields: Any) -> Request:
    """A pod that uses one whole GPU by a claim."""
    return Request(uid, devices=(DeviceRequest(WholeGpus(1), claim=claim),), **fields)


WORKLOAD = typical_workload(
    [
        *(share(f"s{i}", 500, cpu_milli=2000) for i in range(4)),
        *(share(f"m{i}", 250, cpu_milli=1000) for i in range(2)),
        *(whole(f"w{i}", cpu_milli=4000) for i in range(3)),
        whole("pair", 2, cpu_milli=8000),
        Request("model-b", 3000, devices=(DeviceRequest(GpuShare(700), models=("B",)),)),
        Request("cpu-only", 6000),
    ],
    coverage=1.0,
)
"""A small target workload with every kind of class."""


def policy(name: str) -> PlacementPolicy:
    """A policy of the registry; those that need a target workload get ``WORKLOAD``."""
    return make_policy(name, WORKLOAD)


def first_fit(cluster: Cluster) -> Engine:
    return Engine(cluster, FirstFit())


def bind(engine: Engine, request: Request, start_s: float = 0.0) -> Decision:
    """Decide and commit, if there is a placement."""
    decision = engine.decide(request, start_s)
    if decision.placement is not None:
        engine.cluster.apply(Bound(decision, start_s))
    return decision


def where(decision: Decision) -> tuple[str, tuple[int, ...]]:
    """The node and the GPU indices of a decision; ``("", ())`` for none."""
    placement = decision.placement
    if placement is None:
        return "", ()
    return placement.node, tuple(g.slot.gpu for grants in placement.grants for g in grants)


def row_content(cluster: Cluster, row: int) -> Snapshot:
    """What policies and kernels can see of a row, its version aside."""
    view = cluster.view
    start, stop = int(view.slot_start[row]), int(view.slot_start[row] + view.slot_count[row])
    own = slice(start, stop)
    kind = int(view.row_kind[row])
    classes = view.class_pods[row].tolist()
    amounts = zip(view.resource_names, view.resources[row], view.resources_free[row], strict=True)
    alive = bool(view.alive[row])
    return {
        "node": cluster.node_at(row) if alive else None,
        "alive": alive,
        "schedulable": bool(view.schedulable[row]),
        "cpu": (int(view.cpu_milli[row]), int(view.cpu_free_milli[row])),
        "memory": (int(view.memory_mib[row]), int(view.memory_free_mib[row])),
        "kind": view.kinds.kinds[kind] if kind >= 0 else None,
        "slot range": (start, stop),
        "gpus": int(view.gpu_count[row]),
        "idle": int(view.idle_milli[row]),
        "key": int(view.name_key[row]),
        "classes": {k: n for k, n in enumerate(classes) if n},
        "resources": {name: (int(all_), int(free)) for name, all_, free in amounts if all_ or free},
        "kinds": [view.kinds.kinds[number] for number in view.slot_kind[own]],
        "slots": {name: array[own].tolist() for name, array in slot_arrays(view).items()},
    }


def slot_arrays(view: View) -> dict[str, IntArray]:
    """What the view knows of slots by itself, tables aside."""
    return {
        "GPU": view.slot_gpu,
        "start": view.slot_first,
        "size": view.slot_size,
        "capacity": view.slot_capacity,
        "free milli": view.slot_free_milli,
        "free MiB": view.slot_free_mib,
        "used": view.slot_used,
        "able": view.slot_able,
    }


def snapshot(cluster: Cluster) -> Snapshot:
    """The whole state as plain values: all but versions, and room that no node uses."""
    rows = {name: cluster.row(name) for name in sorted(cluster.nodes)}
    return {
        "rows": rows,
        "size": (cluster.view.n_rows, cluster.view.n_slots),
        "contents": {name: row_content(cluster, row) for name, row in rows.items()},
        "alive": int(np.count_nonzero(cluster.view.alive[: cluster.view.n_rows])),
        "nodes": dict(cluster.nodes),
        "pods": dict(cluster.pods),
        "pods on": {name: cluster.pods_on(row) for name, row in rows.items()},
        "claims": dict(cluster.claims),
        "tenancies": dict(cluster.tenancies),
        "shrunk": cluster.shrunk,
    }


def refusal(cluster: Cluster, event: Event) -> type[StateError] | None:
    """Apply an event; if it is refused, see that nothing changed, and return the error's type."""
    before = snapshot(cluster)
    try:
        cluster.apply(event)
    except StateError as error:
        assert snapshot(cluster) == before, "a refused event left a trace"
        return type(error)
    return None
