"""Plans never place what takes more than a queue may use."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.queues import Admission, Queue, QueueTree
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from bayplan.simulator.plan.planning import make_plan
from bayplan.simulator.plan.results import Plan
from bayplan.simulator.plan.scene import Scene, Unit

from .support import gang, pods, run, where, why

MIG: dict[str, Any] = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920, "sharing": (Mig(),)}
NODES = (Node("n", 9_000, 9_000, 3, "A", 8_000), Node("k", 9_000, 9_000, 1, **MIG))
LIMITS = {"gpu": (500, 1_000, 2_000), "gpu:A": (500, 1_000), "gpu:A100-80GB": (250, 500)}
asks = st.sampled_from(
    [
        WholeGpus(1),
        GpuShare(300),
        GpuShare(0, 3_000),
        MigInstances("1g.10gb"),
        MigInstances("3g.40gb"),
    ]
)
trees = st.builds(
    lambda *limits: QueueTree(
        Queue(name, parent, limit=limit)
        for (name, parent), limit in zip((("a", "p"), ("b", "p"), ("p", "")), limits, strict=True)
    ),
    *[st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in LIMITS.items()})] * 3,
)


@pytest.mark.promise("queues never over limit")
@given(
    trees,
    st.lists(st.tuples(asks, st.sampled_from("abp"), st.integers(0, 2), st.booleans()), max_size=8),
    st.sampled_from(["never", "priority", "fair-reclaim"]),
)
def test_no_queue_is_over_its_limit_after_a_plan(
    tree: QueueTree, wanted: list[tuple[Any, str, int, bool]], preemption: str
) -> None:
    units = []
    for i, (ask, queue, priority, together) in enumerate(wanted):
        members = [
            Request(f"w{i}-{k}", 100, devices=(DeviceRequest(ask),), queue=queue, priority=priority)
            for k in range(2 if together else 1)
        ]
        units.append(gang(f"g{i}", *members) if together else Unit(tuple(members)))
    cluster = Cluster(NODES)
    scene = Scene(cluster, tuple(units))
    make_plan(scene, Engine(cluster, FirstFit()), units, preemption, Admission(tree, cluster))
    use: Counter[tuple[str, str]] = Counter()
    for pod in cluster.pods.values():
        milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
        for name in tree.path(pod.request.queue):
            for resource in ("gpu", f"gpu:{cluster.nodes[pod.placement.node].gpu_model}"):
                use[name, resource] += milli
    for name, each in tree.queues.items():
        assert all(use[name, resource] <= most for resource, most in each.limit.items())


def instance(
    uid: str, profile: str = "3g.40gb", cpu_milli: int = 100, queue: str = "a", priority: int = 0
) -> Request:
    wish = DeviceRequest(MigInstances(profile))
    return Request(uid, cpu_milli, devices=(wish,), queue=queue, priority=priority)


def plan_within(
    cluster: Cluster, limit: dict[str, int], *units: Unit, preemption: str = "never"
) -> tuple[Plan, Admission]:
    """A plan where queues a and b are in a group with a limit."""
    tree = QueueTree([Queue("a", "p"), Queue("b", "p"), Queue("p", limit=limit)])
    admission = Admission(tree, cluster)
    engine = Engine(cluster, FirstFit())
    plan = make_plan(Scene(cluster, units), engine, units, preemption, admission)
    cluster.check()
    return plan, admission


LIMIT = {"gpu": 500, "gpu:A100-80GB": 250}


def test_what_a_pod_takes_where_it_goes_is_what_counts() -> None:
    small, large = instance("small", "1g.10gb"), instance("large")
    plan, _ = plan_within(Cluster(NODES), LIMIT, *pods(large, small))
    assert where(plan) == {"small": "k"}
    assert why(plan)["large"].startswith("queue: ")
    assert "p uses 0 of its limit of 0.25 GPUs of A100-80GB" in why(plan)["large"]


@pytest.mark.parametrize("queues", ["aa", "ab"])
def test_a_gang_over_the_limit_where_it_would_go_does_not_start(queues: str) -> None:
    members = [
        instance(f"m{i}", profile, queue=queue)
        for i, (queue, profile) in enumerate(zip(queues, ("1g.10gb", "2g.20gb"), strict=True))
    ]
    plan, admission = plan_within(Cluster(NODES), LIMIT, gang("g", *members))
    assert not plan.placed
    assert set(why(plan)) == {"m0", "m1"}
    again = Engine(Cluster(NODES), FirstFit()).decide(instance("again"), 0.0)
    assert admission.verdict_there([again]).used == 0
    plan, _ = plan_within(Cluster(NODES), {"gpu": 500}, gang("g", *members))
    assert len(plan.placed) == 2


@pytest.mark.parametrize("together", [False, True])
def test_nobody_is_evicted_for_what_stays_over_the_limit(together: bool) -> None:
    cluster = Cluster([NODES[0], replace(NODES[1], cpu_milli=500)])
    run(cluster, instance("old", "1g.10gb", cpu_milli=450, queue="b"), "k")
    wanted = instance("m0", priority=1)
    units = (gang("g", wanted),) if together else pods(wanted)
    plan, _ = plan_within(cluster, LIMIT, *units, preemption="priority")
    assert not plan.placed
    assert not plan.evicted
    plan, _ = plan_within(cluster, {"gpu": 500}, *units, preemption="priority")
    assert where(plan) == {"m0": "k"}
    assert [each.request.uid for each in plan.evicted] == ["old"]
