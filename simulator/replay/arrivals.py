"""In which order pods arrive and ties break: drawn from a seed, by the published protocol.

Protocol: Weng et al., "Beware of Fragmentation", USENIX ATC 2023, section 6.1 and its simulator.
"""

from __future__ import annotations

import numpy as np

from bayplan.simulator.replay.settings import Experiment, IntArray

_PODS, _NODES = 0, 1


def arrival_order(experiment: Experiment, seed: int) -> IntArray:
    """Return rows of the pod table in the order of arrival: (n_arrivals,) int64.

    The pods, sorted by name, are shuffled. While they ask for more than ``load`` × the GPU
    capacity, a random one is deleted. Otherwise copies of random pods are appended until the
    next one's share of a single GPU would exceed it.
    """
    given = experiment.arrivals.get(seed)
    if given is not None:
        return given
    pods = experiment.pods
    rng = np.random.Generator(np.random.PCG64([seed, _PODS]))
    order = _by_name(pods.name)[rng.permutation(len(pods))]
    limit = experiment.load * experiment.capacity_milli
    each = pods.gpu_milli
    demand = pods.gpu_count * each
    total = int(demand.sum())
    if total > limit:
        return _deleted(order, demand, total - limit, rng)
    copies = _drawn(order, each, demand, limit - total, rng)
    return np.concatenate([order, copies])


def node_order(experiment: Experiment, seed: int) -> IntArray:
    """Return rows of the node table in the order in which ties break: (n_nodes,) int64."""
    given = experiment.node_orders.get(seed)
    if given is not None:
        return given
    rng = np.random.Generator(np.random.PCG64([seed, _NODES]))
    return _by_name(experiment.nodes.name)[rng.permutation(len(experiment.nodes))]


def _by_name(names: tuple[str, ...]) -> IntArray:
    return np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)


def _deleted(
    order: IntArray, demand: IntArray, excess: float, rng: np.random.Generator
) -> IntArray:
    kept = order.tolist()
    while excess > 0:
        excess -= int(demand[kept.pop(int(rng.integers(len(kept))))])
    return np.array(kept, np.int64)


def _drawn(
    order: IntArray, each: IntArray, demand: IntArray, room: float, rng: np.random.Generator
) -> IntArray:
    copies: list[int] = []
    while True:
        row = int(order[rng.integers(order.size)])
        if each[row] > room:
            return np.array(copies, np.int64)
        copies.append(row)
        room -= int(demand[row])
