"""Random trees of queues, and slow and obvious twins of what is computed over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.queues import GPU, ROOT, Queue, QueueTree
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)

NAMES = ("d", "a", "g", "b", "f", "c", "e", "h")
"""Not in order, so that positions are not those of the list."""

WEIGHTS = (0.0, 0.5, 1.0, 1.0, 2.0, 3.0)


# --- clusters ----------------------------------------------------------------------------------


def node(name: str, gpus: int, **changes: Any) -> Node:
    """A node with 10 cores, 10,000 MiB and GPUs of model A."""
    standard: dict[str, Any] = {
        "gpu_model": "A" if gpus else "",
        "gpu_memory_mib": 81_920 if gpus else 0,
    }
    return Node(name, 10_000, 10_000, gpus, **(standard | changes))


def pod(uid: str, ask: WholeGpus | GpuShare | MigInstances, claim: str, **fields: Any) -> Request:
    return Request(uid, devices=(DeviceRequest(ask, claim=claim),), **fields)


def whole(uid: str, count: int = 1, **fields: Any) -> Request:
    return pod(uid, WholeGpus(count), "", **fields)


def share(uid: str, milli: int, **fields: Any) -> Request:
    return pod(uid, GpuShare(milli), "", **fields)


def instances(uid: str, profile: str, **fields: Any) -> Request:
    return pod(uid, MigInstances(profile), "", **fields)


def sharer(uid: str, claim: str, **fields: Any) -> Request:
    return pod(uid, WholeGpus(1), claim, **fields)


def first_fit(cluster: Cluster) -> Engine:
    return Engine(cluster, FirstFit())


def bind(engine: Engine, request: Request) -> Decision:
    """Decide and commit, if there is a placement."""
    decision = engine.decide(request, 0.0)
    if decision.placement is not None:
        engine.cluster.apply(Bound(decision, 0.0))
    return decision


# --- trees -------------------------------------------------------------------------------------


@st.composite
def trees(draw: st.DrawFn, resource: str = GPU, positive: bool = False) -> QueueTree:
    """A valid tree of up to 8 queues with small amounts of one resource."""
    n = draw(st.integers(1, len(NAMES)))
    parents = [draw(st.integers(-1, i - 1)) for i in range(n)]
    below = [0] * n
    queues = []
    for i in reversed(range(n)):
        extra = draw(st.integers(0, 4))
        is_named = i not in parents or draw(st.booleans())
        amount = below[i] + (extra if is_named else 0)
        limit = draw(st.sampled_from((None, None, amount, amount + 1, amount + 5)))
        lending = draw(st.none() | st.integers(0, amount))
        queues.append(
            Queue(
                NAMES[i],
                NAMES[parents[i]] if parents[i] >= 0 else ROOT,
                {resource: amount} if is_named else {},
                {} if limit is None else {resource: limit},
                draw(st.sampled_from(WEIGHTS[1:] if positive else WEIGHTS)),
                {} if lending is None else {resource: lending},
            )
        )
        if parents[i] >= 0:
            below[parents[i]] += amount
    return QueueTree(queues)


def own_amounts(tree: QueueTree, most: int = 9) -> st.SearchStrategy[dict[str, int]]:
    """An amount for each queue's own pods, and for those without a queue."""
    return st.fixed_dictionaries({name: st.integers(0, most) for name in tree.names})


# --- the plain twins: by name, recursive -------------------------------------------------------


def children_of(tree: QueueTree, name: str) -> list[str]:
    return sorted(q.name for q in tree.queues.values() if q.parent == name)


def guarantee_of(tree: QueueTree, name: str, resource: str = GPU) -> int:
    queue = tree.queues.get(name)
    if queue is not None and resource in queue.guaranteed:
        return queue.guaranteed[resource]
    return sum(guarantee_of(tree, child, resource) for child in children_of(tree, name))


def rest_of(tree: QueueTree, name: str) -> int:
    return guarantee_of(tree, name) - sum(guarantee_of(tree, c) for c in children_of(tree, name))


def reserve_of(tree: QueueTree, name: str) -> int:
    if name == ROOT:
        return 0
    amount = guarantee_of(tree, name)
    return amount - tree.queues[name].lending_limit.get(GPU, amount)


def used_of(tree: QueueTree, own: Mapping[str, int], name: str) -> int:
    return own.get(name, 0) + sum(used_of(tree, own, c) for c in children_of(tree, name))


def inside_of(tree: QueueTree, own: Mapping[str, int], name: str) -> int:
    """What is used in a queue, where what its children keep counts as used."""
    return own.get(name, 0) + sum(
        max(inside_of(tree, own, c), reserve_of(tree, c)) for c in children_of(tree, name)
    )


def limit_of(tree: QueueTree, name: str, capacity: int) -> int | None:
    return capacity if name == ROOT else tree.queues[name].limit.get(GPU)


def admitted(
    tree: QueueTree, own: Mapping[str, int], name: str, amount: int, capacity: int
) -> bool:
    """Whether every queue on the way up that would feel the amount stays within its limit."""
    after = {**own, name: own.get(name, 0) + amount}
    for queue in tree.path(name):
        limit = limit_of(tree, queue, capacity)
        before, then = inside_of(tree, own, queue), inside_of(tree, after, queue)
        if limit is not None and then > limit and then > before:
            return False
    return True


def level_fill(amount: float, weights: Sequence[float], caps: Sequence[float]) -> list[float]:
    """Water-filling by bisection of the level; zero weights get equal parts of what is left."""
    some = _bisect(amount, [w if w > 0 else 0.0 for w in weights], caps)
    left = max(0.0, amount - sum(some))
    none = _bisect(left, [0.0 if w > 0 else 1.0 for w in weights], caps)
    return [a + b for a, b in zip(some, none, strict=True)]


def _bisect(amount: float, weights: Sequence[float], caps: Sequence[float]) -> list[float]:
    def parts(level: float) -> list[float]:
        return [min(cap, level * w) for w, cap in zip(weights, caps, strict=True)]

    low, high = 0.0, 1.0
    most = sum(cap for cap, w in zip(caps, weights, strict=True) if w)
    while sum(parts(high)) < min(amount, most):
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(parts(middle)) < amount else (low, middle)
    return parts(high)


def shares_of(tree: QueueTree, demand: Mapping[str, int], capacity: int) -> dict[str, float]:
    """Fair shares from the definition, recursive."""
    found: dict[str, float] = {}

    def wanted(name: str) -> int:
        amount = demand.get(name, 0) + sum(wanted(c) for c in children_of(tree, name))
        limit = None if name == ROOT else tree.queues[name].limit.get(GPU)
        return max(reserve_of(tree, name), amount if limit is None else min(limit, amount))

    def deal(name: str, given: float) -> float:
        children = children_of(tree, name)
        caps = [demand.get(name, 0), *(wanted(c) for c in children)]
        sure = [rest_of(tree, name), *(guarantee_of(tree, c) for c in children)]
        weights = [1.0, *(tree.queues[c].weight for c in children)]
        if not children:
            found[name] = min(given, caps[0])
            return found[name]
        first = [min(a, b) for a, b in zip(sure, caps, strict=True)]
        if sum(first) > given:
            parts = level_fill(given, sure, first)
        else:
            more = level_fill(
                given - sum(first), weights, [c - f for c, f in zip(caps, first, strict=True)]
            )
            parts = [f + m for f, m in zip(first, more, strict=True)]
        found[name] = parts[0] + sum(deal(c, p) for c, p in zip(children, parts[1:], strict=True))
        return found[name]

    deal(ROOT, min(capacity, wanted(ROOT)))
    return found


def progressive(
    demand: Sequence[Sequence[int]],
    weights: Sequence[Fraction],
    left: Sequence[Fraction],
    total: Sequence[int],
) -> list[Fraction]:
    """Weighted DRF by progressive filling, event by event, in exact fractions."""
    left = list(left)
    parts = [Fraction(0)] * len(demand)
    dominant = [
        max((Fraction(n, t) for n, t in zip(row, total, strict=True) if t), default=Fraction(0))
        for row in demand
    ]
    for i, row in enumerate(demand):
        if not any(row):
            parts[i] = Fraction(1)
    while True:
        active = [
            i
            for i, row in enumerate(demand)
            if parts[i] < 1
            and weights[i] > 0
            and dominant[i] > 0
            and all(left[r] > 0 for r, n in enumerate(row) if n)
        ]
        if not active:
            return parts
        speed = {i: weights[i] / dominant[i] for i in active}  # part of the demand per level
        steps = [(1 - parts[i]) / speed[i] for i in active]
        for r in range(len(left)):
            rate = sum(speed[i] * demand[i][r] for i in active)
            if rate:
                steps.append(left[r] / rate)
        step = min(steps)
        for i in active:
            parts[i] += step * speed[i]
            for r in range(len(left)):
                left[r] -= step * speed[i] * demand[i][r]
