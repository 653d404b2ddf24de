"""Dominant resource fairness over the tree of queues, for pods that need several resources.

The dominant share of a queue is the largest part that it has of the capacity of any resource.
Weighted DRF raises ``dominant share / weight`` of all queues alike, until each has what it asks
for or a resource that it needs is used up (Ghodsi et al., "Dominant Resource Fairness", NSDI
2011, sections 4.1 and 4.3). Over the tree it is applied level by level: a group asks for what
the queues in it ask for together, and what it gets is dealt out among them in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import Amounts
from bayplan.scheduler.queues.usage import Usage

Floats: TypeAlias = NDArray[np.float64]

NEAR = 1e-12
"""Of a capacity: a resource with less left is used up."""


@dataclass(frozen=True, slots=True)
class Share:
    """The dominant share of a queue: a fraction of the capacity, and of which resource."""

    share: float
    resource: str


def dominant_shares(tree: QueueTree, usage: Usage, capacity: Amounts) -> dict[str, Share]:
    """Return the dominant share of what each queue uses, with all queues in it.

    Of equal shares the resource whose name sorts first is told. Resources that ``capacity`` does
    not name, or has none of, do not count; with none at all the resource is ``""``.
    """
    columns = [
        (resource, usage.column(resource).used, capacity[resource])
        for resource in sorted(capacity)
        if capacity[resource] > 0
    ]
    shares = {}
    for i, name in enumerate(tree.names):
        best = Share(0.0, columns[0][0] if columns else "")
        for resource, used, whole in columns:
            if used[i] / whole > best.share:
                best = Share(used[i] / whole, resource)
        shares[name] = best
    return shares


def drf_shares(
    tree: QueueTree, demand: Mapping[str, Amounts], capacity: Amounts
) -> dict[str, float]:
    """Return which part of its demand each queue gets under hierarchical weighted DRF.

    Demands are divisible, and what a queue gets keeps the ratio of its resources. Guarantees and
    limits play no role here. Pods of a group itself count as a queue in it of weight 1. What a
    group cannot use of its part, since the needs of its queues differ, is left idle.

    Parameters
    ----------
    tree
        The queues.
    demand
        What the pods of each queue itself ask for in total.
    capacity
        What there is. Resources that it does not name do not bind.

    Returns
    -------
    dict
        By name, for the pods of the queue itself: 0 to 1; 1 for those that ask for nothing.

    Raises
    ------
    InputError
        A demand of a queue that does not exist, or a negative one.
    """
    resources = sorted(capacity)
    own = np.zeros((len(tree.names), len(resources)))
    for name in demand:
        for resource, amount in demand[name].items():
            if amount < 0:
                raise InputError(
                    f"queue {name}: a demand of {amount} {resource}", fix="give 0 or more"
                )
        own[tree.position(name)] = [demand[name].get(resource, 0) for resource in resources]
    total = np.array([capacity[resource] for resource in resources], np.float64)
    wanted = own.copy()
    for i in range(len(tree.names) - 1, 0, -1):
        wanted[tree.parents[i]] += wanted[i]
    given = np.zeros_like(own)
    given[0] = total
    parts = np.ones(len(tree.names))
    for i, children in enumerate(tree.children):
        if i and not children:
            continue
        asked = np.concatenate((own[i : i + 1], wanted[list(children)]))
        weights = np.array([1.0, *(tree.weights[c] for c in children)])
        dealt = drf_fill(asked, weights, given[i], total)
        parts[i] = dealt[0]
        given[list(children)] = dealt[1:, None] * asked[1:]
        parts[list(children)] = dealt[1:]  # for those with queues in them, not the last word
    return dict(zip(tree.names, parts.tolist(), strict=True))


def drf_fill(demand: Floats, weights: Floats, left: Floats, total: Floats) -> Floats:
    """Return which part of its demand each user gets by weighted progressive filling.

    Users of weight 0 get, in equal dominant shares, what the others leave.

    Parameters
    ----------
    demand : (n_users, n_resources)
    weights : (n_users,)
    left : (n_resources,)
        What is to be dealt out.
    total : (n_resources,)
        What shares are fractions of.

    Returns
    -------
    (n_users,)
        0 to 1.
    """
    some = weights > 0
    parts = np.zeros(len(demand))
    parts[some] = _fill(demand[some], weights[some], left, total)
    if not some.all():
        rest = np.maximum(left - parts @ demand, 0.0)
        parts[~some] = _fill(demand[~some], np.ones(int((~some).sum())), rest, total)
    return parts


def _fill(demand: Floats, weights: Floats, left: Floats, total: Floats) -> Floats:
    whole = np.where(total > 0, total, 1.0)  # what there is none of is used up from the start
    dominant = (demand / whole).max(axis=1, initial=0.0)
    parts = np.where(dominant > 0, 0.0, 1.0)
    used = np.zeros(len(total))
    full = left <= NEAR * total
    level = 0.0
    users = np.flatnonzero(dominant > 0)
    full_at = dominant / weights  # the level at which a user has all that it asks for
    users = users[np.argsort(full_at[users], kind="stable")]
    while True:
        users = users[~(demand[users] > 0)[:, full].any(axis=1)]
        if not users.size:
            return parts
        level, n_done, saturated = _next(demand[users], full_at[users], left - used, level)
        done, rest = users[:n_done], users[n_done:]
        parts[done] = 1.0
        parts[rest] = np.minimum(1.0, level / full_at[rest])
        if not saturated.any():
            return parts
        full |= saturated
        stopped = (demand[rest] > 0)[:, full].any(axis=1)
        ended = np.concatenate((done, rest[stopped]))
        used += parts[ended] @ demand[ended]
        users = rest[~stopped]


def _next(
    demand: Floats, full_at: Floats, left: Floats, level: float
) -> tuple[float, int, NDArray[Any]]:
    """Return the level at which the next resource is used up, how many users are done, and which.

    Users are sorted by ``full_at``. Up to a level, a user takes ``level / full_at`` of its
    demand, at most all of it.
    """
    rates = demand / full_at[:, None]
    done = np.cumsum(demand, axis=0)
    running = np.cumsum(rates[::-1], axis=0)[::-1]  # with the user itself
    use = done.copy()
    use[:-1] += full_at[:-1, None] * running[1:]
    over = (use > left * (1 + NEAR)).any(axis=1)
    if not over.any():
        return float(full_at[-1]), len(demand), np.zeros(len(left), np.bool_)
    k = int(np.argmax(over))
    base = done[k - 1] if k else np.zeros(len(left))
    slope = running[k]
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(slope > 0, (left - base) / slope, np.inf)
    at = max(level, float(ends.min()))
    return at, k, ends <= at * (1 + NEAR)
