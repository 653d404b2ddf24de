"""Short words for constraints."""

from __future__ import annotations

from typing import Any

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    Labels,
    Operator,
    PodTerm,
    Selector,
    Spread,
)
from bayplan.scheduler.events import Bound
from bayplan.scheduler.types import Decision, Node, Placement, Reason, Request

ZONE = "zone"
HOST = "host"
REASONS = list(Reason)


def app(value: str) -> Selector:
    """The pods with the label app."""
    return Selector((Expression("app", Operator.IN, (value,)),))


def labelled(value: str, **fields: Any) -> Constraints:
    """What a pod with the label app has, and whatever else."""
    return Constraints(labels=(("app", value),), **fields)


def with_labels(name: str, labels: Labels = (), **changes: Any) -> Node:
    """A node with labels, 10 cores and 10,000 MiB."""
    standard: dict[str, Any] = {"cpu_milli": 10_000, "memory_mib": 10_000}
    return Node(name, labels=labels, **(standard | changes))


def zoned(*zones: str) -> Cluster:
    """Nodes n0, n1, ... in these zones, with their host names; no zone without a name."""
    return Cluster(
        with_labels(f"n{i}", ((HOST, f"n{i}"), *(((ZONE, zone),) if zone else ())))
        for i, zone in enumerate(zones)
    )


def settle(cluster: Cluster, constraints: Constraints | None, *names: str) -> None:
    """Bind one such pod to each of the nodes, whatever anybody says to it."""
    for name in names:
        request = Request(f"settled-{len(cluster.pods)}", constraints=constraints)
        cluster.apply(Bound(Decision(request, 0.0, Placement(name)), 0.0))


def codes(cluster: Cluster, constraints: Constraints, **fields: Any) -> list[Reason]:
    """Why each row does not suit."""
    found = constraint_reasons(cluster, Request("asked", constraints=constraints, **fields))
    return [REASONS[code] for code in found.tolist()]


def suits(cluster: Cluster, constraints: Constraints, **fields: Any) -> list[bool]:
    """Which rows suit."""
    return [code is Reason.FITS for code in codes(cluster, constraints, **fields)]


def spread(value: str, key: str = ZONE, skew: int = 1, **fields: Any) -> tuple[Spread, ...]:
    """One constraint over the pods with the label app."""
    return (Spread(skew, key, app(value), **fields),)


def terms(value: str, key: str = ZONE, **fields: Any) -> tuple[PodTerm, ...]:
    """One term about the pods with the label app."""
    return (PodTerm(key, app(value), **fields),)
