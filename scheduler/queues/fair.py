"""Fair shares of one resource: by guarantee, then by weight, then by demand.

At each level of the tree, from the cluster down, what a group has is dealt out among the queues
in it: first to each its guarantee, as far as it has use for it; then the rest by weight, as
max-min water-filling; what a queue has no use for goes to its siblings. What a queue keeps from
others while it is idle is given to nobody. (KAI's deserved quota and over-quota weight; NSDI
2011, "Dominant Resource Fairness", section 4 for the max-min principle.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues.fill import water_fill
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import GPU


def fair_shares(
    tree: QueueTree, demand: Mapping[str, int], capacity: int, resource: str = GPU
) -> dict[str, float]:
    """Return how much of a resource each queue should have, with all queues in it.

    Parameters
    ----------
    tree
        The queues.
    demand
        What the pods of each queue itself use and wait for (no name: 0). Pods of a group itself
        count as a queue in it of weight 1, whose guarantee is what is left of the group's.
    capacity
        What there is.

    Returns
    -------
    dict
        By name, ``""`` for all. The shares of siblings and of the group's own pods add up to the
        group's. ``""`` is ``min(capacity, demand within limits)``, less what idle queues keep.

    Raises
    ------
    InputError
        A demand of a queue that does not exist, or a negative one.
    """
    own = _checked(tree, demand)
    zeros = (0,) * len(tree.names)
    limits = tree.limits.get(resource, (None,) * len(tree.names))
    guaranteed = tree.guaranteed.get(resource, zeros)
    rest = tree.rest.get(resource, zeros)
    wanted = _wanted(tree, own, limits, tree.reserves.get(resource, zeros))
    given = [0.0] * len(own)
    given[0] = float(min(capacity, wanted[0]))
    shares = [0.0] * len(own)
    for i, children in enumerate(tree.children):
        if not children:
            shares[i] = min(given[i], float(own[i]))
            continue
        weights = [1.0, *(tree.weights[c] for c in children)]
        sure = [rest[i], *(guaranteed[c] for c in children)]
        caps = [own[i], *(wanted[c] for c in children)]
        parts = _deal(given[i], weights, sure, caps)
        shares[i] = parts[0]
        for c, part in zip(children, parts[1:], strict=True):
            given[c] = part
    for i in range(len(own) - 1, 0, -1):
        shares[tree.parents[i]] += shares[i]
    return dict(zip(tree.names, shares, strict=True))


def _checked(tree: QueueTree, demand: Mapping[str, int]) -> list[int]:
    own = [0] * len(tree.names)
    for name, amount in demand.items():
        if amount < 0:
            raise InputError(f"queue {name}: a demand of {amount}", fix="give 0 or more")
        own[tree.position(name)] = amount
    return own


def _wanted(
    tree: QueueTree,
    own: Sequence[int],
    limits: Sequence[int | None],
    reserves: Sequence[int],
) -> list[int]:
    """Return what each queue can use within the limits, or keeps idle if that is more."""
    wanted = list(own)
    for i in range(len(wanted) - 1, -1, -1):
        limit = limits[i]
        wanted[i] = max(reserves[i], wanted[i] if limit is None else min(limit, wanted[i]))
        if i:
            wanted[tree.parents[i]] += wanted[i]
    return wanted


def _deal(
    amount: float, weights: Sequence[float], sure: Sequence[int], caps: Sequence[int]
) -> list[float]:
    """Return the parts up to ``caps``: what is ``sure`` before all, then the rest by weight."""
    first = [min(part, cap) for part, cap in zip(sure, caps, strict=True)]
    if sum(first) > amount:  # less than the guarantees: by what is guaranteed
        return water_fill(amount, sure, first)
    more = [cap - part for cap, part in zip(caps, first, strict=True)]
    extra = water_fill(amount - sum(first), weights, more)
    return [part + rest for part, rest in zip(first, extra, strict=True)]
