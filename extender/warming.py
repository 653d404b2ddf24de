"""Compiles what calls need before the first one: a small cluster is asked all that can be asked."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.extender.live.lifting import serve
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.rounds import Queueing
from bayplan.extender.live.settings import Live
from bayplan.extender.live.turns import Turns
from bayplan.extender.names import NodeNames
from bayplan.extender.service.question import Question, asked, finished
from bayplan.extender.wire.encoding import priorities_reply
from bayplan.scheduler.compiled import warm as compile_ahead
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.queues import Queue, QueueTree
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object

AHEAD = ("gangs", "governed")
"""Groups of kernels: of gangs as clients ask for them, and for GPUs that are shared."""

_NODES = NodeNames.of(("one", "two"))


def warm(policy: str = Live().placement) -> None:
    """Ask a cluster of two nodes for a pod, a gang and more than there is.

    Kernels compile at their first call, or are read from their cache. Those that no pod of such a
    cluster takes are compiled without being asked.

    Parameters
    ----------
    policy
        The placement policy, which may have kernels of its own.
    """
    compile_ahead(AHEAD)
    owner = Owner(Live(placement=policy))
    for kind, things in (("Node", [_node(name) for name in _NODES]), ("Pod", [])):
        owner.replacing(kind)
        owner.page(kind, things, 0.0)
        owner.replaced(kind, 0.0)
    for name, gpus in (("small", 1), ("large", 64), ("none", 0)):
        pod = _pod(name, gpus, {})
        owner.filter(pod, _NODES, 0.0, holds=True)
        priorities_reply(owner.prioritize(pod, _NODES, 0.0))
        owner.reserve(f"warm/{name}", _NODES[0], 0.0)
    group = {"scheduling.x-k8s.io/pod-group": "gang"}
    members = [_pod(f"gang-{k}", 2, group) for k in range(3)]
    for each in members:
        owner.changed("Pod", each, 0.0)
    for each in members:
        owner.filter(each, _NODES, 0.0, holds=True)
    _explain(owner, _crowd(owner))


def _crowd(owner: Owner) -> list[Object]:
    """Let a pod and a gang wait, and somebody be there who could be evicted for them."""
    group = {"scheduling.x-k8s.io/pod-group": "wide"}
    waiting = [_pod("wait", 8, {}), *(_pod(f"wide-{k}", 8, group) for k in range(3))]
    running = _pod("runs", 4, {})
    running["spec"]["nodeName"] = _NODES[0]
    for each in waiting:
        each["spec"]["priority"] = 1
    for each in (running, *waiting):
        owner.changed("Pod", each, 0.0)
    return waiting


def _explain(owner: Owner, waiting: Sequence[Object]) -> None:
    """Ask why a pod and a gang wait, and whom to evict for them."""
    for each in waiting[:2]:
        owner.preempt(each, dict.fromkeys(_NODES, ((), 0)), 0.0)
    engine = Engine(owner.mirror.cluster.copy(), owner.engine.policy)
    for name in ("warm/wait", "warm/wide"):
        question = asked(owner, name, 0.0)
        if isinstance(question, Question):
            finished(question, engine)


def warm_queues() -> None:
    """Let queues of a small cluster have a round in which one is lifted and one is to make room.

    Apart from ``warm``: who has no queues need not wait for it.
    """
    tree = QueueTree(
        [Queue("one", guaranteed={"gpu": 4000}), Queue("two", guaranteed={"gpu": 4000})]
    )
    owner = Owner(Live(queues=tree))
    assert owner.quota is not None
    gates = {"schedulingGates": [{"name": keys.QUEUE}]}
    pods = [_pod("runs", 7, {keys.QUEUE: "one"}, nodeName="one")]
    pods += [_pod(f"waits-{k}", k, {keys.QUEUE: "two"}, **gates) for k in (1, 2)]
    pods += [
        _pod(f"gang-{k}", 2, {keys.QUEUE: "two", "scheduling.x-k8s.io/pod-group": "g"}, **gates)
        for k in range(2)
    ]
    for kind, things in (("Node", [_node("one")]), ("Pod", pods)):
        owner.replacing(kind)
        owner.page(kind, things, 0.0)
        owner.replaced(kind, 0.0)
    for order, backfill in (("priority", "easy"), ("drf", "conservative")):
        turns = Turns(owner, owner.quota, Queueing(True, order, backfill))
        round_ = turns.look(0.0)
        if round_ is not None:
            turns.settle(serve(round_), 0.0)


def _node(name: str) -> Object:
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": "8"}
    return {"metadata": {"name": name}, "spec": {}, "status": {"allocatable": amounts}}


def _pod(name: str, gpus: int, labels: dict[str, str], **spec: object) -> Object:
    asks = {"cpu": "1", "memory": "1Gi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    return {
        "metadata": {"name": name, "namespace": "warm", "uid": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "resources": {"requests": asks}}]} | spec,
        "status": {"phase": "Pending"},
    }


if __name__ == "__main__":
    warm()
    warm_queues()
