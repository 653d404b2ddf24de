"""Random small clusters, partly filled, and random gangs for them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.types import Gang, Role, Segment, Spread
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.policies.worst_fit import WorstFit
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)

ENGINES: tuple[PlacementPolicy, ...] = (BestFit(), FirstFit(), WorstFit())
LEVELS = (
    TopologyLevel.NODE,
    TopologyLevel.NVLINK_DOMAIN,
    TopologyLevel.RACK,
    TopologyLevel.ZONE,
)
CLIQUE, RACK, ZONE = (
    "nvidia.com/gpu.clique",
    "topology.kubernetes.io/rack",
    "topology.kubernetes.io/zone",
)
ASKS: tuple[tuple[DeviceRequest, ...], ...] = (
    (),
    (DeviceRequest(WholeGpus(1)),),
    (DeviceRequest(WholeGpus(2)),),
    (DeviceRequest(GpuShare(500)),),
    (DeviceRequest(GpuShare(300)),),
    (DeviceRequest(MigInstances("1g.10gb")),),
    (DeviceRequest(MigInstances("2g.20gb")),),
    (DeviceRequest(MigInstances("3g.40gb")),),
    (DeviceRequest(WholeGpus(2), alternatives=(DeviceRequest(WholeGpus(1)),)),),
    (DeviceRequest(MigInstances("3g.40gb"), alternatives=(DeviceRequest(GpuShare(600)),)),),
)


def request(uid: str, ask: int, cpu: int) -> Request:
    return Request(uid, cpu_milli=cpu, devices=ASKS[ask])


@st.composite
def nodes(draw: st.DrawFn, index: int) -> Node:
    labels = []
    if draw(st.integers(0, 9)):
        labels.append((ZONE, draw(st.sampled_from("ab"))))
    if draw(st.integers(0, 9)):
        labels.append((RACK, draw(st.sampled_from(("r1", "r2")))))
    if draw(st.integers(0, 3)):
        labels.append((CLIQUE, draw(st.sampled_from(("c1", "c2")))))
    mig = draw(st.booleans())
    product: dict[str, Any] = {"gpu_model": "A", "gpu_memory_mib": 8_000}
    if mig:
        product = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920, "sharing": (Mig(),)}
    return Node(
        f"n{index}",
        cpu_milli=draw(st.sampled_from((2_000, 4_000, 8_000))),
        memory_mib=1_000,
        gpu_count=draw(st.integers(1, 2)),
        labels=tuple(labels),
        schedulable=draw(st.integers(0, 9)) > 0,
        **product,
    )


@st.composite
def clusters(draw: st.DrawFn, most: int = 4) -> Cluster:
    count = draw(st.integers(1, most))
    cluster = Cluster([draw(nodes(i)) for i in range(count)])
    engine = Engine(cluster, draw(st.sampled_from(ENGINES)))
    # Some of them belong to the gang, which has started in part.
    names = st.sampled_from(("x", "a", "b"))
    for i in range(draw(st.integers(0, 4))):
        uid = f"{draw(names)}{i}"
        pod = request(uid, draw(st.integers(0, len(ASKS) - 1)), draw(st.sampled_from((0, 1_000))))
        decision = engine.decide(pod, 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
    return cluster


@st.composite
def gangs(
    draw: st.DrawFn, cluster: Cluster, most: int = 4, required: bool = True, alike: bool = False
) -> Gang:
    roles = []
    same = draw(st.integers(0, len(ASKS) - 1)), draw(st.sampled_from((0, 1_000, 2_000)))
    for name in ("a", "b")[: draw(st.integers(1, 2))]:
        members = []
        for i in range(draw(st.integers(1, most))):
            uid = f"{name}{i}"
            pod = cluster.pods.get(uid)
            kind = same
            if not alike and not draw(st.booleans()):
                kind = draw(st.integers(0, len(ASKS) - 1)), draw(st.sampled_from((0, 1_000)))
            members.append(pod.request if pod else request(uid, *kind))
        least = draw(st.one_of(st.none(), st.integers(0, len(members))))
        roles.append(Role(name, tuple(members), least))
    levels = st.sampled_from(LEVELS)
    wishes = draw(st.lists(st.builds(Topology, levels, st.just(required)), max_size=2))
    segment = draw(st.one_of(st.none(), st.builds(Segment, st.integers(1, 3), levels)))
    spread = draw(st.one_of(st.none(), st.builds(Spread, levels, st.integers(1, 2))))
    return Gang("g", tuple(roles), tuple(wishes), segment, spread)
