"""Who of a queue may start now without delaying the first that cannot: the engine's backfilling.

It works on pools of GPUs that are alike. Pods that may use either of two models compete for both,
so a pool here is all models that are joined by such pods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bayplan.extender.live.reading import Seen
from bayplan.extender.live.rounds import Unit
from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.ordering import Pending, Pool, make_backfill, plan_pools
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.run_time import run_time_s
from bayplan.traces.kubernetes.times import seconds_of

NO_GPU, NOWHERE = -1, -2
"""Pools of those who ask for no GPU, and for none that there is."""


def may_start(
    cluster: Cluster,
    pods: Mapping[str, Seen],
    units: Sequence[Unit],
    pending: Pending,
    queue: IntArray,
    now_s: float,
    backfill: str,
) -> set[int]:
    """Return the rows of ``queue`` that may start now, by sums of their pool.

    Parameters
    ----------
    cluster, pods
        What runs.
    units
        Who waits: (n_jobs,), a row of ``pending`` each.
    pending, queue
        As columns, and the rows in their order.
    now_s
        The time.
    backfill
        The engine's way.
    """
    pool_of_model, pool_of = _pools(cluster, units)
    free = dict.fromkeys([NO_GPU, NOWHERE, *pool_of_model.values()], 0)
    running: dict[int, list[tuple[float, int]]] = {number: [] for number in free}
    view = cluster.view
    for name, node in cluster.nodes.items():
        if node.schedulable and node.gpu_model in pool_of_model:
            row = cluster.row(name)
            start = view.slot_start.item(row)
            own = view.slot_free_milli[start : start + view.slot_count.item(row)]
            free[pool_of_model[node.gpu_model]] += int(np.maximum(own, 0).sum())
    for uid, pod in cluster.pods.items():
        number = pool_of_model.get(cluster.nodes[pod.placement.node].gpu_model, NO_GPU)
        milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
        if milli and number != NO_GPU:
            running[number].append((_end_s(pods.get(uid), now_s), milli))
    pools = {number: Pool.of(amount, running[number]) for number, amount in free.items()}
    plans = plan_pools(make_backfill(backfill), pools, pool_of, pending, queue, now_s)
    return {row for plan in plans.values() for row in plan.start_now.tolist()}


def estimate_s(seen: Seen) -> float | None:
    """Return how long a pod is expected to run; None: nobody says, or not in a readable way."""
    try:
        return run_time_s(seen.facts.member.annotations)
    except BadField:
        return None


def _end_s(seen: Seen | None, now_s: float) -> float:
    run_s = None if seen is None else estimate_s(seen)
    if seen is None or run_s is None:
        return math.nan
    started_s = seconds_of(seen.facts.start)
    return (now_s if started_s is None else started_s) + run_s


def _pools(cluster: Cluster, units: Sequence[Unit]) -> tuple[dict[str, int], IntArray]:
    """Return the pool of each model, and of each unit (n_jobs,)."""
    there = sorted({node.gpu_model for node in cluster.nodes.values() if node.gpu_count})
    leader = {model: model for model in there}
    wanted = [_models(unit, there) for unit in units]
    for models in wanted:
        if models:
            leaders = {_lead(leader, model) for model in models}
            first = min(leaders)
            leader |= dict.fromkeys(leaders, first)
    numbers = {model: there.index(_lead(leader, model)) for model in there}
    of_units = [
        NO_GPU if models is None else numbers[models[0]] if models else NOWHERE for models in wanted
    ]
    return numbers, np.array(of_units, np.int64)


def _models(unit: Unit, there: Sequence[str]) -> list[str] | None:
    """Return which models a unit may use, sorted; None: it asks for no GPU."""
    devices = [device for request in unit.requests for device in request.devices]
    if not devices:
        return None
    if any(not device.models for device in devices):
        return list(there)
    named = {model for device in devices for model in device.models}
    return [model for model in there if model in named]


def _lead(leader: Mapping[str, str], model: str) -> str:
    while leader[model] != model:
        model = leader[model]
    return model
