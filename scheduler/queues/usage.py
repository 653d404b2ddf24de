"""What each queue uses, kept up as pods come and go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bayplan.scheduler.errors import StateError
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import ROOT, Amounts


@dataclass(slots=True)
class Column:
    """The use of one resource, by position in the tree.

    Attributes
    ----------
    own, used
        What the pods of a queue itself use, and those of it and of all queues in it.
    inside
        As ``used``, but what a queue in it keeps from others while idle counts as used. To its
        parent a queue weighs ``max(inside, reserve)`` (hierarchical cohorts and lending limits:
        Kueue KEP-79 and KEP-1224).
    """

    own: list[int]
    used: list[int]
    inside: list[int]

    def copy(self) -> Column:
        """Return an independent column."""
        return Column(self.own[:], self.used[:], self.inside[:])


class Usage:
    """What each queue of a tree uses, by resource; integers.

    Pods without a queue, and those of queues that the tree does not have, are the cluster's own
    (``ROOT``): they use room, and nothing is guaranteed to them.

    Parameters
    ----------
    tree
        The queues.
    own
        What the pods of each queue itself use to start with.
    """

    def __init__(self, tree: QueueTree, own: Mapping[str, Amounts] | None = None) -> None:
        self.tree = tree
        self._columns: dict[str, Column] = {}
        self._strangers: dict[str, dict[str, int]] = {}
        self._none = (0,) * len(tree.names)
        for queue, amounts in (own or {}).items():
            self.add(queue, amounts)

    def add(self, queue: str, amounts: Amounts) -> None:
        """Let pods of a queue use more."""
        self._change(queue, amounts, 1)

    def remove(self, queue: str, amounts: Amounts) -> None:
        """Let pods of a queue use less; ``StateError`` if they do not use as much."""
        for resource, amount in amounts.items():
            if amount > self.own(queue, resource):
                raise StateError(
                    f"queue {queue} uses {self.own(queue, resource)} {resource} itself, so that"
                    f" {amount} cannot be taken away"
                )
        self._change(queue, amounts, -1)

    def own(self, queue: str, resource: str) -> int:
        """Return what the pods of a queue itself use; for ``ROOT``, those that name no queue."""
        if queue not in self.tree.index:
            return self._strangers.get(queue, {}).get(resource, 0)
        own = self.column(resource).own[self.tree.index[queue]]
        if queue != ROOT:
            return own
        return own - sum(amounts.get(resource, 0) for amounts in self._strangers.values())

    def used(self, queue: str, resource: str) -> int:
        """Return what a queue and all queues in it use; for ``ROOT``, all that is used."""
        if queue not in self.tree.index:
            return self.own(queue, resource)
        return self.column(resource).used[self.tree.index[queue]]

    @property
    def resources(self) -> tuple[str, ...]:
        """Resources that were ever used or asked about, sorted."""
        return tuple(sorted(self._columns))

    @property
    def strangers(self) -> tuple[str, ...]:
        """Queues that pods name and the tree does not have, sorted."""
        return tuple(sorted(name for name, own in self._strangers.items() if any(own.values())))

    def column(self, resource: str) -> Column:
        """Return the use of one resource by position. Read it; only this class writes."""
        column = self._columns.get(resource)
        if column is None:
            column = self._columns[resource] = self._idle(resource)
        return column

    def copy(self) -> Usage:
        """Return an independent usage in the same state, of the same tree."""
        twin = Usage(self.tree)
        twin._columns = {resource: column.copy() for resource, column in self._columns.items()}
        twin._strangers = {name: dict(own) for name, own in self._strangers.items()}
        return twin

    def reserves(self, resource: str) -> tuple[int, ...]:
        """Return by position what of each guarantee is not lent."""
        return self.tree.reserves.get(resource, self._none)

    def _idle(self, resource: str) -> Column:
        reserves, parents = self.reserves(resource), self.tree.parents
        inside = [0] * len(parents)
        for i in range(len(parents) - 1, 0, -1):
            inside[parents[i]] += max(inside[i], reserves[i])
        return Column([0] * len(parents), [0] * len(parents), inside)

    def _change(self, queue: str, amounts: Amounts, sign: int) -> None:
        for resource, amount in amounts.items():
            if amount < 0:
                raise StateError(f"queue {queue}: {amount} {resource} is negative")
        position = self.tree.index.get(queue, 0)
        for resource, amount in amounts.items():
            if position == 0 and queue != ROOT:
                own = self._strangers.setdefault(queue, {})
                own[resource] = own.get(resource, 0) + sign * amount
            add(self.tree, self.column(resource), self.reserves(resource), position, sign * amount)


def add(
    tree: QueueTree, column: Column, reserves: tuple[int, ...], position: int, amount: int
) -> None:
    """Add an amount (negative: take it away) to what a queue itself uses, and up the tree."""
    parents, used, inside = tree.parents, column.used, column.inside
    column.own[position] += amount
    felt, i = amount, position
    while True:
        used[i] += amount
        before = max(inside[i], reserves[i])
        inside[i] += felt
        felt = max(inside[i], reserves[i]) - before
        if not i:
            return
        i = parents[i]


def total(parts: Iterable[Amounts]) -> dict[str, int]:
    """Return the sum of amounts by resource, sorted by resource."""
    sums: dict[str, int] = {}
    for part in parts:
        for resource, amount in part.items():
            sums[resource] = sums.get(resource, 0) + amount
    return dict(sorted(sums.items()))
