"""Packing by every policy, and by plans for all pods at once, beside the exact optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.packing import pack_all
from bayplan.scheduler.policies import make_policy, policy_names
from bayplan.scheduler.types import Decision, Request
from bayplan.scheduler.workload import Workload, typical_workload
from optimal_instances import Packing, packing
from optimal_packing import most_value
from optimal_taking import value_milli

ARRIVAL, LARGEST, PLANNED = ORDERS = ("arrival", "largest first", "planned")
PLANNERS = ("first-fit", "best-fit", "fgd")
"""The policies under which all pods are planned at once (``pack_all``)."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was placed of one instance over the optimum, by (policy, order).

    Empty where the optimum is not proven, or where first-fit in arrival order reaches it.
    """

    seed: int
    optimum: int | None
    easy: bool
    parts: dict[tuple[str, str], float]


def packed(seed: int) -> Packed:
    """Return the result for a seed."""
    instance = packing(seed)
    optimum = most_value(instance.nodes, instance.pods)
    if optimum is None:
        return Packed(seed, None, False, {})
    workload = typical_workload(instance.pods)
    if placed_milli(instance, "first-fit", ARRIVAL, workload) == optimum:
        return Packed(seed, optimum, True, {})
    pairs = [(policy, order) for policy in policy_names() for order in (ARRIVAL, LARGEST)]
    pairs += [(policy, PLANNED) for policy in PLANNERS]
    parts = {pair: placed_milli(instance, *pair, workload) / optimum for pair in pairs}
    if max(parts.values()) > 1:
        raise AssertionError(f"packing {seed}: more than the optimum {optimum}: {parts}")
    return Packed(seed, optimum, False, parts)


def placed_milli(instance: Packing, policy: str, order: str, workload: Workload) -> int:
    """Return what one policy places of an instance in one order, in milli-GPU."""
    engine = Engine(Cluster(instance.nodes), make_policy(policy, workload))
    if order == PLANNED:
        decisions = pack_all(engine, instance.pods, 0.0)
        for decision in decisions:
            if decision.placement is not None:
                engine.cluster.apply(Bound(decision, 0.0))
    else:
        pods = instance.pods if order == ARRIVAL else largest_first(instance.pods)
        decisions = [_bound(engine, pod) for pod in pods]
    return sum(value_milli(each.request) for each in decisions if each.placement is not None)


def largest_first(pods: Sequence[Request]) -> list[Request]:
    """Return the pods by GPU demand, then CPU and memory, the largest first."""
    return sorted(pods, key=lambda pod: (-value_milli(pod), -pod.cpu_milli, -pod.memory_mib))


def _bound(engine: Engine, pod: Request) -> Decision:
    decision = engine.decide(pod, 0.0)
    if decision.placement is not None:
        engine.cluster.apply(Bound(decision, 0.0))
    return decision
