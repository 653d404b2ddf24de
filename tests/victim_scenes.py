"""Random clusters with running pods, a request that wants room, and guards."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Checkpointed, Held
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.policies.worst_fit import WorstFit
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)

NOW_S = 100.0
POLICIES = ("priority", "spot", "fair-reclaim")

NODES = (
    Node("plain", 10_000, 10_000, 2, "A", 8_000, resources=(("nic", 2),)),
    Node("wide", 12_000, 8_000, 3, "A", 8_000),
    Node("mig", 10_000, 10_000, 1, "A100-80GB", 81_920, sharing=(Mig(),)),
    Node("host", 6_000, 6_000, resources=(("nic", 1),)),
)
ASKS: tuple[tuple[WholeGpus | GpuShare | MigInstances, ...], ...] = (
    (),
    (WholeGpus(1),),
    (WholeGpus(2),),
    (GpuShare(500),),
    (GpuShare(300),),
    (GpuShare(700),),
    (MigInstances("1g.10gb"),),
    (MigInstances("3g.40gb"),),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster's engine, what asks for room, and what protects pods."""

    engine: Engine
    request: Request
    guards: Guards
    policy: str


@st.composite
def requests(draw: st.DrawFn, uid: str) -> Request:
    """Draw a pod."""
    ask = draw(st.sampled_from(ASKS))
    claim = ""
    if ask and isinstance(ask[0], WholeGpus) and draw(st.integers(0, 3)) == 0:
        claim = draw(st.sampled_from(["c", "d"]))
    alternatives: tuple[DeviceRequest, ...] = ()
    if ask and not claim and draw(st.integers(0, 5)) == 0:
        alternatives = (DeviceRequest(GpuShare(200)),)
    devices = tuple(DeviceRequest(a, claim=claim, alternatives=alternatives) for a in ask)
    budgets = draw(st.sets(st.sampled_from(["x", "y"]), max_size=2))
    return Request(
        uid,
        1000 * draw(st.integers(0, 4)),
        1000 * draw(st.integers(0, 3)),
        devices,
        resources=(("nic", 1),) if draw(st.integers(0, 4)) == 0 else (),
        priority=draw(st.integers(0, 4)),
        preemptible=draw(st.integers(0, 5)) > 0,
        disruption_budgets=tuple(sorted(budgets)) if draw(st.booleans()) else (),
        gang=draw(st.sampled_from(["", "", "", "g", "h"])),
        queue=draw(st.sampled_from(["", "q", "r"])),
    )


@st.composite
def crowd(draw: st.DrawFn, uid: str) -> Request:
    """Draw a pod of little value, that takes some of a GPU and hardly anything else."""
    return draw(requests(uid))._replace(
        cpu_milli=500 * draw(st.integers(0, 2)),
        memory_mib=0,
        devices=tuple(map(DeviceRequest, draw(st.sampled_from(ASKS[1:])))),
        priority=draw(st.sampled_from([0, 0, 1, 1, 2, 3])),
        preemptible=draw(st.integers(0, 9)) > 0,
    )


@st.composite
def crowded(draw: st.DrawFn, max_nodes: int = 3) -> Scene:
    """Draw a scene without much room, so that for the one who asks some have to leave."""
    chosen = draw(st.lists(st.sampled_from(NODES[:3]), min_size=1, max_size=max_nodes))
    cluster = Cluster(replace(node, name=f"n{i}") for i, node in enumerate(chosen))
    policies: list[PlacementPolicy] = [FirstFit(), WorstFit()]
    engine = Engine(cluster, draw(st.sampled_from(policies)))
    for i in range(4 * len(chosen)):
        decision = engine.decide(draw(crowd(f"p{i}")), 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, float(draw(st.sampled_from([0, 10, 80])))))
    asking = draw(crowd("asking"))._replace(
        cpu_milli=1000 * draw(st.sampled_from([0, 1, 8])),
        priority=draw(st.integers(2, 6)),
        preemptible=draw(st.booleans()),
        gang="",
    )
    few = st.integers(0, 2)
    guards = Guards(
        draw(st.dictionaries(st.sampled_from(["x", "y"]), few)),
        draw(st.dictionaries(st.sampled_from(["g", "h"]), few)),
        float(draw(st.sampled_from([0, 0, 30]))),
        draw(st.dictionaries(st.sampled_from(["q", "r"]), st.sampled_from([500, 1000, 3000]))),
    )
    return Scene(engine, asking, guards, draw(st.sampled_from(POLICIES)))


@st.composite
def scenes(draw: st.DrawFn, max_pods: int = 10, max_nodes: int = 3) -> Scene:
    """Draw a scene."""
    chosen = draw(st.lists(st.sampled_from(NODES), min_size=1, max_size=max_nodes))
    cluster = Cluster(replace(node, name=f"n{i}") for i, node in enumerate(chosen))
    policies: list[PlacementPolicy] = [FirstFit(), WorstFit()]
    engine = Engine(cluster, draw(st.sampled_from(policies)))
    for i in range(draw(st.integers(0, max_pods))):
        start_s = float(draw(st.integers(0, 99)))
        decision = engine.decide(draw(requests(f"p{i}")), start_s)
        if decision.placement is None:
            continue
        if draw(st.integers(0, 9)) == 0:
            cluster.apply(Held(decision, 1000.0))
            continue
        cluster.apply(Bound(decision, start_s))
        if draw(st.integers(0, 3)) == 0:
            cluster.apply(Checkpointed(f"p{i}", float(draw(st.integers(int(start_s), 100)))))
    asking = draw(requests("asking"))._replace(priority=draw(st.integers(1, 6)))
    few = st.integers(0, 2)
    guards = Guards(
        draw(st.dictionaries(st.sampled_from(["x", "y"]), few)),
        draw(st.dictionaries(st.sampled_from(["g", "h"]), few)),
        float(draw(st.sampled_from([0, 0, 30]))),
        draw(st.dictionaries(st.sampled_from(["q", "r"]), st.sampled_from([500, 1000, 3000]))),
    )
    return Scene(engine, asking, guards, draw(st.sampled_from(POLICIES)))
