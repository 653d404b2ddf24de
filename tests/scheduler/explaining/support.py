"""Random small clusters with pods on them, and applying a fix to a copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    Operator,
    PodTerm,
    Selector,
    Taint,
    Toleration,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.explaining import Fix
from bayplan.scheduler.explaining.case import candidates_after
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.worst_fit import WorstFit
from bayplan.scheduler.sharing import UNGOVERNED, Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from bayplan.scheduler.view import _NODE_ARRAYS, _SLOT_ARRAYS

A100: dict[str, Any] = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920}
LAYOUT = Mig(((0, "1g.10gb"), (1, "1g.10gb"), (2, "2g.20gb"), (4, "3g.40gb")))


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


def whole(uid: str, count: int = 1, **fields: Any) -> Request:
    return Request(uid, devices=(DeviceRequest(WholeGpus(count)),), **fields)


def share(uid: str, milli: int = 0, mib: int = 0, **fields: Any) -> Request:
    return Request(uid, devices=(DeviceRequest(GpuShare(milli, mib)),), **fields)


def instances(uid: str, profile: str, count: int = 1, **fields: Any) -> Request:
    return Request(uid, devices=(DeviceRequest(MigInstances(profile, count)),), **fields)


def engine_of(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), BestFit())


def run(
    engine: Engine, request: Request, on: str = "", end_s: float | None = None, start_s: float = 0.0
) -> Decision:
    """Bind a pod, on a node of that name if one is given."""
    mask = None
    if on:
        mask = engine.feasible(request)
        mask[:] = False
        mask[engine.cluster.row(on)] = True
    decision = engine.decide(request, start_s, mask)
    assert decision.placement is not None, decision.reasons
    engine.cluster.apply(Bound(decision, start_s, end_s))
    return decision


def after(engine: Engine, request: Request, fix: Fix, nodes: BoolArray | None = None) -> Decision:
    """Apply a fix to a copy of the cluster, by the public doors only, and decide there."""
    copy = engine.cluster.copy()
    for event in fix.events:
        copy.apply(event)
    copy.check()
    again = Engine(copy, BestFit())
    mask = None if fix.any_node else candidates_after(copy, nodes, fix.events)
    return again.decide(fix.request or request, 0.0, mask)


def _plain(array: Any) -> list[Any]:
    """An array as a list; a table without the zeros at the end of its rows, which are room."""
    if array.ndim == 1:
        return list(array.tolist())
    return [{k: n for k, n in enumerate(row) if n} for row in array.tolist()]


def state_of(cluster: Cluster) -> dict[str, Any]:
    """The state as plain values: all but versions, and room that no node uses."""
    view = cluster.view
    arrays = {
        field: getattr(view, field)[: view.n_slots if field.startswith("slot_") else view.n_rows]
        for field in (*_NODE_ARRAYS, *_SLOT_ARRAYS)
        if field not in ("version", "slot_start", "slot_count")
    }
    return {
        "arrays": {field: _plain(array) for field, array in arrays.items()},
        "slots": [view.slot_start[: view.n_rows].tolist(), view.slot_count[: view.n_rows].tolist()],
        "nodes": dict(cluster.nodes),
        "pods": dict(cluster.pods),
        "on": [cluster.pods_on(row) for row in range(view.n_rows)],
        "claims": dict(cluster.claims),
        "tenancies": dict(cluster.tenancies),
    }


def check_text(text: str) -> None:
    lines = text.split("\n")
    assert len(lines) <= 12
    assert all(len(line) <= 100 for line in lines), lines
    assert all(lines)


# --- strategies --------------------------------------------------------------------------------

plain_sharing: st.SearchStrategy[tuple[Sharing, ...]] = st.sampled_from(
    [
        (),
        (),
        (UNGOVERNED,),
        (Exclusive(),),
        (Mps(clients=2),),
        (TimeSlicing(replicas=3),),
        (Hami(),),
    ]
)
mig_sharing: st.SearchStrategy[tuple[Sharing, ...]] = st.sampled_from(
    [(Mig(),), (Mig(),), (LAYOUT,), ()]
)
domains = st.sampled_from(
    [
        (("topology.kubernetes.io/rack", rack), ("topology.kubernetes.io/zone", zone))
        for rack, zone in [("r1", "z1"), ("r2", "z1"), ("r3", "z2")]
    ]
    + [()]
)
labels = st.sampled_from([(), (("zone", "a"),), (("zone", "b"),)])


APART = Constraints(
    labels=(("app", "x"),),
    pod_anti_affinity=(PodTerm("zone", Selector((Expression("app", Operator.IN, ("x",)),))),),
)
constraints = st.sampled_from(
    [None, None, None, Constraints(), Constraints(tolerations=(Toleration("t"),)), APART]
)


@st.composite
def hosts(draw: st.DrawFn, name: str) -> Node:
    fields: dict[str, Any] = {
        "cpu_milli": draw(st.sampled_from([2_000, 4_000, 10_000])),
        "memory_mib": draw(st.sampled_from([4_000, 10_000])),
        "labels": draw(labels),
        "schedulable": draw(st.sampled_from([True] * 7 + [False])),
        "resources": draw(st.sampled_from([(), (("nic", 2),)])),
        "taints": draw(st.sampled_from([(), (), (Taint("t"),), (Taint("t"), Taint("u", "1"))])),
    }
    gpus = draw(st.sampled_from([0, 1, 2, 2, 4]))
    if gpus and draw(st.booleans()):
        return node(name, gpus, sharing=draw(mig_sharing), **A100, **fields)
    model = draw(st.sampled_from(["A", "A", "B"])) if gpus else ""
    anonymous = draw(st.sampled_from([False] * 5 + [True]))
    sharing = draw(plain_sharing) if gpus and not anonymous else ()
    return node(name, gpus, gpu_model=model, anonymous_gpus=anonymous, sharing=sharing, **fields)


asks = st.one_of(
    st.builds(WholeGpus, st.sampled_from([1, 1, 2, 4])),
    st.builds(
        GpuShare,
        st.sampled_from([250, 500, 600]),
        st.sampled_from([0, 0, 4_000]),
        st.sampled_from([1, 1, 1, 2]),
        st.sampled_from(
            [(), (), (Isolation.MPS,), (Isolation.MIG,), (Isolation.HAMI, Isolation.MPS)]
        ),
    ),
    st.builds(
        MigInstances, st.sampled_from(["1g.10gb", "2g.20gb", "3g.40gb"]), st.sampled_from([1, 1, 2])
    ),
)
models = st.sampled_from([(), (), (), ("A",), ("B",), ("A100-80GB",)])
wishes = st.builds(DeviceRequest, asks, models)
devices = st.one_of(
    st.tuples(wishes),
    st.tuples(wishes),
    st.tuples(wishes),
    st.tuples(st.builds(DeviceRequest, asks, models, alternatives=st.tuples(wishes))),
    st.tuples(st.builds(DeviceRequest, st.just(WholeGpus(1)), claim=st.sampled_from(["c", "d"]))),
    st.just(()),
)


@st.composite
def pods(draw: st.DrawFn, uid: str) -> Request:
    return Request(
        uid,
        draw(st.sampled_from([0, 500, 1_000, 3_000])),
        draw(st.sampled_from([0, 500, 3_000])),
        draw(devices),
        draw(st.sampled_from([(), (), (), (("nic", 1),)])),
        draw(st.sampled_from([(), (), (), (("zone", "a"),)])),
        priority=draw(st.sampled_from([0, 1, 2])),
        preemptible=draw(st.sampled_from([True, True, True, False])),
        disruption_budgets=draw(st.sampled_from([(), (), ("b",)])),
        constraints=draw(constraints),
    )


def mig_pods(uid: str) -> st.SearchStrategy[Request]:
    """Pods with small instances."""
    profiles = st.sampled_from(["1g.10gb", "1g.10gb", "2g.20gb"])
    return st.builds(
        lambda profile, priority: instances(uid, profile, priority=priority),
        profiles,
        st.sampled_from([0, 1]),
    )


def share_pods(uid: str) -> st.SearchStrategy[Request]:
    """Pods with shares of a GPU or one GPU."""
    return st.builds(
        lambda milli, priority: share(uid, milli, priority=priority),
        st.sampled_from([250, 500, 1_000]),
        st.sampled_from([0, 1]),
    )


@st.composite
def worlds(draw: st.DrawFn, racks: bool = False) -> Engine:
    """A cluster of 1 to 4 nodes on which pods run that found a place, often spread badly."""
    n = draw(st.integers(1, 4))
    nodes = [draw(hosts(f"n{i}")) for i in range(n)]
    if racks:
        nodes = [replace(each, labels=each.labels + draw(domains)) for each in nodes]
    engine = engine_of(*nodes)
    scattering = Engine(engine.cluster, WorstFit())
    chooser = draw(st.sampled_from([engine, scattering]))
    some = draw(st.sampled_from([pods, pods, mig_pods, share_pods]))
    for i in range(draw(st.sampled_from([0, 3, 6, 12]))):
        request = draw(some(f"p{i}"))
        decision = chooser.decide(request, 0.0)
        if decision.placement is not None:
            end_s = draw(st.sampled_from([None, 10.0, 20.0, 20.0, 30.0, 70.0]))
            engine.cluster.apply(Bound(decision, draw(st.sampled_from([0.0, 5.0])), end_s))
    return engine
