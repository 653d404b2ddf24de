"""Pods let in one by one: whatever comes and goes, nobody uses more than it may."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.queues import (
    Queue,
    QueueTree,
    Rule,
    admits,
    capacity_of,
    taken_by,
    usage_of,
)
from bayplan.scheduler.sharing import Mig, Mps
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Request,
    WholeGpus,
)

from .support import first_fit, node

A100: dict[str, Any] = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920}
PARENT = {"a": "p", "b": "p", "p": "", "c": ""}
LIMITS = {
    "gpu": (250, 600, 1_000, 2_000),
    "gpu:A": (300, 500, 1_000),
    "gpu:A100-80GB": (142, 500, 1_000),
    "cpu": (500, 2_000),
    "memory": (300, 1_000),
    "nic": (0, 1),
}
asks = st.one_of(
    st.builds(WholeGpus, st.integers(1, 2)),
    st.builds(GpuShare, st.sampled_from([100, 250, 500]), count=st.sampled_from([1, 1, 2])),
    st.builds(GpuShare, st.just(0), st.sampled_from([2_000, 20_000])),
    st.builds(MigInstances, st.sampled_from(["1g.10gb", "3g.40gb"])),
)


@st.composite
def trees(draw: st.DrawFn) -> QueueTree:
    """Two queues in a group and one beside it, with limits on some of what pods take."""
    queues = []
    for name, parent in PARENT.items():
        some = draw(st.sets(st.sampled_from(sorted(LIMITS)), min_size=1, max_size=3))
        limit = {each: draw(st.sampled_from(LIMITS[each])) for each in sorted(some)}
        queues.append(Queue(name, parent, limit=limit))
    return QueueTree(queues)


@st.composite
def pods(draw: st.DrawFn, uid: str) -> Request:
    """A pod of a queue, or of none; a claim is shared within a queue."""
    queue = draw(st.sampled_from(sorted(PARENT)) | st.just(""))
    wish = draw(st.builds(DeviceRequest, asks))
    if draw(st.integers(0, 4)) == 0:
        wish = DeviceRequest(WholeGpus(1), claim=f"claim of {queue}")
    elif draw(st.booleans()):
        wish = DeviceRequest(wish.ask, alternatives=(DeviceRequest(draw(asks)),))
    return Request(
        uid,
        draw(st.sampled_from([0, 100, 600])),
        draw(st.sampled_from([0, 300])),
        draw(st.sampled_from([(wish,), (wish,), (wish,), ()])),
        draw(st.sampled_from([(), (), (("nic", 1),)])),
        queue=queue,
    )


def plain_use(cluster: Cluster) -> Counter[tuple[str, str]]:
    """What each queue and all above it use, pod by pod and grant by grant; a claim once."""
    use: Counter[tuple[str, str]] = Counter()
    counted: set[str] = set()
    for pod in cluster.pods.values():
        request, model = pod.request, cluster.nodes[pod.placement.node].gpu_model
        takes = Counter({"cpu": request.cpu_milli, "memory": request.memory_mib})
        takes.update(dict(request.resources))
        for device, grants in zip(request.devices, pod.placement.grants, strict=True):
            if device.claim not in counted:
                milli = sum(grant.milli for grant in grants)
                takes.update({"gpu": milli, f"gpu:{model}": milli})
            if device.claim:
                counted.add(device.claim)
        name = request.queue
        while name:
            use.update({(name, resource): amount for resource, amount in takes.items()})
            name = PARENT[name]
    return use


def cluster_of_all_kinds() -> Cluster:
    return Cluster(
        [
            node("n", 2, resources=(("nic", 2),)),
            node("m", 1, sharing=(Mps(),)),
            node("k", 1, sharing=(Mig(),), **A100),
        ]
    )


def let_in(engine: Engine, tree: QueueTree, request: Request) -> bool:
    """Decide, ask the queue for what is taken at that place, and bind only if it says yes."""
    cluster = engine.cluster
    decision = engine.decide(request, 0.0)
    if decision.placement is None:
        return False
    model = cluster.nodes[decision.placement.node].gpu_model
    amounts = taken_by(request, decision.placement, model, cluster.claims)
    usage = usage_of(cluster, tree).usage
    verdict = admits(tree, usage, amounts, request.queue, capacity_of(cluster))
    before = plain_use(cluster)
    with cluster.trial() as trial:
        cluster.apply(Bound(decision, 0.0))
        over = beyond(tree, plain_use(cluster))
        if verdict.admitted:
            trial.keep()
    if verdict.admitted:
        assert not over
    else:
        assert verdict.rule is Rule.LIMIT, "nobody is guaranteed anything, and there is room"
        assert (verdict.queue, verdict.resource) in over
        assert plain_use(cluster) == before
    return verdict.admitted


def beyond(tree: QueueTree, use: Counter[tuple[str, str]]) -> set[tuple[str, str]]:
    """Whose limit of which resource is passed."""
    return {
        (name, resource)
        for name, queue in tree.queues.items()
        for resource, most in queue.limit.items()
        if use[name, resource] > most
    }


@pytest.mark.promise("queues never over limit")
@given(trees(), st.data())
def test_no_queue_and_no_group_uses_more_than_its_limit_and_none_is_refused_below_it(
    tree: QueueTree, data: st.DataObject
) -> None:
    cluster = cluster_of_all_kinds()
    engine = first_fit(cluster)
    for number in range(data.draw(st.integers(4, 14))):
        if cluster.pods and data.draw(st.integers(0, 3)) == 0:
            cluster.apply(Gone(data.draw(st.sampled_from(sorted(cluster.pods)))))
        else:
            let_in(engine, tree, data.draw(pods(f"p{number}")))
        assert not beyond(tree, plain_use(cluster))
