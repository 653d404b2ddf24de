"""Whether a queue may take in more, and which rule says no.

A pod is admitted when, at each queue from its own to the cluster, what is used with it stays
within the limit (for the cluster: the capacity). What a queue keeps from others while it is idle
counts as used there (Kueue KEP-79, KEP-1224, with limits on what is used instead of on what is
borrowed). A pod that a rule refuses although it is within its queue's guarantee may reclaim.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import Amounts, Rule, Verdict
from bayplan.scheduler.queues.usage import Column, Usage


@dataclass(frozen=True, slots=True)
class _Bound:
    """A limit that an amount does not keep: whose, and how much of the amount it leaves."""

    position: int
    limit: int
    available: int


def admits(
    tree: QueueTree, usage: Usage, amounts: Amounts, queue: str, capacity: Amounts
) -> Verdict:
    """Say whether a queue admits amounts now.

    Resources are looked at in the order of their names, and of each the queue itself first, the
    cluster last: the first rule that says no is told. A resource that ``capacity`` does not name
    is not bounded by it, one that no queue guarantees is nobody's to borrow.

    Raises
    ------
    InvalidRequest
        A negative amount.
    """
    start = tree.index.get(queue)
    if start is None:
        return Verdict(admitted=False, rule=Rule.UNKNOWN, queue=queue)
    bounds: list[tuple[str, _Bound]] = []
    borrowed = []
    for resource in sorted(amounts):
        amount = amounts[resource]
        if amount < 0:
            raise InvalidRequest(f"queue {queue}: {amount} {resource} is negative")
        if not amount:
            continue
        beyond = _beyond(tree, usage.column(resource), resource, start, amount)
        if beyond:
            borrowed.append((resource, beyond))
        bound = _bound(usage, resource, start, amount, capacity)
        if bound is not None:
            bounds.append((resource, bound))
    if not bounds:
        return Verdict(admitted=True, borrowed=tuple(borrowed))
    # Evicting must not be for nothing: a limit on what nobody guarantees would still say no.
    may = not borrowed and all(resource in tree.guaranteed for resource, _ in bounds)
    resource, bound = bounds[0]
    verdict = _refusal(usage, bound, resource, start, amounts[resource])
    return replace(verdict, borrowed=tuple(borrowed), may_reclaim=may)


def room(tree: QueueTree, usage: Usage, resource: str, queue: str, capacity: Amounts) -> int | None:
    """Return how much more of a resource a queue would be let have now; None: no bound."""
    i = tree.position(queue)
    column, reserves = usage.column(resource), usage.reserves(resource)
    least: int | None = None
    covered = 0
    while True:
        limit = _limit(usage, resource, i, capacity)
        if limit is not None:
            left = covered + max(0, limit - column.inside[i])
            least = left if least is None else min(least, left)
        covered += max(0, reserves[i] - column.inside[i])
        if not i:
            return least
        i = tree.parents[i]


def _limit(usage: Usage, resource: str, position: int, capacity: Amounts) -> int | None:
    """Return the limit of a queue, of ``ROOT`` the capacity; None: none."""
    if not position:
        return capacity.get(resource)
    row = usage.tree.limits.get(resource)
    return None if row is None else row[position]


def _beyond(tree: QueueTree, column: Column, resource: str, position: int, amount: int) -> int:
    """Return how much of an amount is beyond what the queue's own pods are guaranteed."""
    rest = tree.rest.get(resource)
    return (
        0 if rest is None else min(amount, max(0, column.own[position] + amount - rest[position]))
    )


def _bound(
    usage: Usage, resource: str, start: int, amount: int, capacity: Amounts
) -> _Bound | None:
    """Return the first limit, from a queue up, that an amount added to it does not keep."""
    column, reserves = usage.column(resource), usage.reserves(resource)
    inside, parents = column.inside, usage.tree.parents
    i, felt = start, amount
    while felt:
        limit = _limit(usage, resource, i, capacity)
        if limit is not None and inside[i] + felt > limit:
            return _Bound(i, limit, amount - felt + max(0, limit - inside[i]))
        # What the queue keeps for itself while idle counts as used further up already.
        felt = max(0, felt - max(0, reserves[i] - inside[i]))
        if not i:
            break
        i = parents[i]
    return None


def _refusal(usage: Usage, bound: _Bound, resource: str, start: int, amount: int) -> Verdict:
    tree, column = usage.tree, usage.column(resource)
    used, keeper = column.used[bound.position], ""
    rule = Rule.LIMIT if bound.position else Rule.CAPACITY
    if used + amount <= bound.limit:
        rule, used = Rule.LENDING, column.inside[bound.position]
        keeper = _keeper(usage, resource, bound.position, start)
    return Verdict(
        admitted=False,
        rule=rule,
        queue=tree.names[bound.position],
        resource=resource,
        bound=bound.limit,
        used=used,
        asked=amount,
        available=bound.available,
        keeper=keeper,
    )


def _keeper(usage: Usage, resource: str, top: int, start: int) -> str:
    """Return who below ``top``, beside the path from ``start``, keeps most from others."""
    tree, column, reserves = usage.tree, usage.column(resource), usage.reserves(resource)
    path = {tree.index[name] for name in tree.path(tree.names[start])}
    most, keeper, todo = 0, "", list(tree.children[top])
    while todo:
        i = todo.pop()
        todo += tree.children[i]
        kept = reserves[i] - column.inside[i]
        if i not in path and kept > 0 and (-kept, tree.names[i]) < (-most, keeper):
            most, keeper = kept, tree.names[i]
    return keeper
