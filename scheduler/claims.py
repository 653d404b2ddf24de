"""Claims that other pods hold already: what is left to decide beside them, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.tenancy import Claim
from bayplan.scheduler.types import DeviceRequest, Reason, Request

Part = TypeVar("Part")
Reasons: TypeAlias = tuple[tuple[Reason, int], ...]


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


def rest_of(
    cluster: Cluster, request: Request, granted: Mapping[int, Claim], nodes: BoolArray | None
) -> tuple[Request, BoolArray]:
    """Return what is still to be decided, and the candidates: only where the claims are."""
    rest = tuple(d for i, d in enumerate(request.devices) if i not in granted)
    there = np.zeros(cluster.view.n_rows, np.bool_)
    rows = {cluster.row(claim.node) for claim in granted.values()}
    if len(rows) == 1:  # claims on two nodes cannot be used by one pod
        row = rows.pop()
        there[row] = nodes is None or nodes[row]
    return replace(request, devices=rest), there


def by_claim(cluster: Cluster, reasons: Reasons, nodes: BoolArray | None) -> Reasons:
    """Tell the nodes that the caller left out from those where the claims are not."""
    counts = dict(reasons)
    left_out = counts.pop(Reason.EXCLUDED, 0)
    alive = cluster.view.alive[: cluster.view.n_rows]
    by_caller = 0 if nodes is None else int(np.count_nonzero(alive & ~nodes))
    counts |= {Reason.EXCLUDED: by_caller, Reason.CLAIM_NODE: left_out - by_caller}
    return tuple(sorted((reason, n) for reason, n in counts.items() if n))


def merged(
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
