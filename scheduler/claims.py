"""Claims that other pods hold already: what is left to decide beside them, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.deciding import allowed
from bayplan.scheduler.islands import ANY, NONE, InIsland, Near, island_of, near_of
from bayplan.scheduler.taking import is_stranded
from bayplan.scheduler.tenancy import Claim
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    Placement,
    Reason,
    Request,
    TopologyLevel,
)

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine

Part = TypeVar("Part")
Reasons: TypeAlias = tuple[tuple[Reason, int], ...]

_MANY = 2
"""More GPUs than one: a wish for an island concerns them together."""


def granted_of(cluster: Cluster, request: Request) -> dict[int, Claim]:
    """Return, by position, the device requests whose claim other pods hold already."""
    claims = cluster.claims
    if not claims:
        return {}
    return {
        i: claims[device.claim]
        for i, device in enumerate(request.devices)
        if device.claim in claims and claims[device.claim].users != {request.uid}
    }


def left_open(
    engine: Engine, request: Request, nodes: BoolArray | None
) -> tuple[Request, BoolArray | None]:
    """Return what is still to be decided of a request, and the candidates that suit it."""
    nodes = allowed(engine.cluster, request, nodes)
    granted = granted_of(engine.cluster, request)
    if not granted:
        return request, nodes
    engine.shapes(request)  # raises on what makes no sense
    return rest_of(engine.cluster, request, granted, nodes)


def decide_rest(
    engine: Engine,
    request: Request,
    granted: Mapping[int, Claim],
    now_s: float,
    nodes: BoolArray | None,
) -> Decision:
    """Decide what claims that other pods hold leave open; they stay where they are."""
    engine.shapes(request)  # raises on what makes no sense
    rest, there = rest_of(engine.cluster, request, granted, nodes)
    decision = engine.decide(rest, now_s, there)
    placement = decision.placement
    if placement is not None:
        placement = Placement(
            placement.node,
            _merged(request, granted, placement.grants, lambda _, claim: claim.grants),
            chosen_of(request, granted, placement.chosen),
        )
        return decision._replace(request=request, placement=placement)
    reasons = by_claim(engine.cluster, decision.reasons, granted, nodes)
    return decision._replace(request=request, reasons=reasons)


def rest_of(
    cluster: Cluster, request: Request, granted: Mapping[int, Claim], nodes: BoolArray | None
) -> tuple[Request, BoolArray]:
    """Return what is still to be decided, and the candidates: only where the claims are."""
    rest = tuple(d for i, d in enumerate(request.devices) if i not in granted)
    there = np.zeros(cluster.view.n_rows, np.bool_)
    rows = {cluster.row(claim.node) for claim in granted.values()}
    if len(rows) == 1:  # claims on two nodes cannot be used by one pod
        row = rows.pop()
        stranded = any(is_stranded(cluster.view, claim) for claim in granted.values())
        there[row] = (nodes is None or nodes[row]) and not stranded
    near = near_of(request.topology, _MANY)
    if near is None or not near.required:
        return request._replace(devices=rest), there
    # What is decided now joins what the claims hold already.
    number = _island_of(cluster, near, granted, rest)
    if number == NONE:
        there[:] = False
    wish = InIsland(TopologyLevel.GPU_ISLAND, number=number) if number != ANY else request.topology
    return request._replace(devices=rest, topology=wish), there


def _island_of(
    cluster: Cluster, near: Near, granted: Mapping[int, Claim], rest: Sequence[DeviceRequest]
) -> int:
    """Return in which island the rest of a request must be."""
    grants = [grant for claim in granted.values() for grant in claim.grants]
    if len(grants) == 1 and not rest and near.number == ANY:
        return ANY  # one GPU is in one island
    rows = {cluster.row(claim.node) for claim in granted.values()}
    number = island_of(cluster.view.island.item(min(rows)), grants)
    if near.number in (ANY, number):
        return number
    return near.number if number == ANY else NONE


def by_claim(
    cluster: Cluster, reasons: Reasons, granted: Mapping[int, Claim], nodes: BoolArray | None
) -> Reasons:
    """Tell the nodes that the caller left out from those where the claims are not.

    One where they all are, on a GPU that takes no new pods, is told from both.
    """
    counts = dict(reasons)
    left_out = counts.pop(Reason.EXCLUDED, 0)
    alive = cluster.view.alive[: cluster.view.n_rows]
    by_caller = 0 if nodes is None else int(np.count_nonzero(alive & ~nodes))
    rows = {cluster.row(claim.node) for claim in granted.values()}
    here = len(rows) == 1 and (nodes is None or all(nodes[row] for row in rows))
    stranded = here and any(is_stranded(cluster.view, claim) for claim in granted.values())
    counts |= {Reason.EXCLUDED: by_caller, Reason.CLAIM_NODE: left_out - by_caller - stranded}
    if stranded:
        counts[Reason.GPU_UNHEALTHY] = 1
    return tuple(sorted((reason, n) for reason, n in counts.items() if n))


def chosen_of(
    request: Request, granted: Mapping[int, Claim], rest: Iterable[int]
) -> tuple[int, ...]:
    """Return which wish each device request got, of those that claims hold and of the rest."""
    return _merged(request, granted, rest, _chosen)


def _chosen(device: DeviceRequest, claim: Claim) -> int:
    # A later user may name fewer wishes than the first one did.
    return claim.chosen if claim.chosen <= len(device.alternatives) else 0


def _merged(
    request: Request,
    granted: Mapping[int, Claim],
    rest: Iterable[Part],
    of_claim: Callable[[DeviceRequest, Claim], Part],
) -> tuple[Part, ...]:
    """Deal the parts of the rest and those of the claims out to the device requests, in order."""
    new = iter(rest)
    return tuple(
        [
            of_claim(device, granted[i]) if i in granted else next(new)
            for i, device in enumerate(request.devices)
        ]
    )
