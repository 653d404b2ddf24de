"""What may be taken back from queues that use more than they are guaranteed.

The excess of a queue is what it uses beyond its guarantee, where what queues in it keep from
others counts as used. Between siblings, a queue within its guarantee may take back the excess of
the others. So a pod whose queue is within its guarantee, inside groups that are within theirs,
is protected from all; one whose group is within its guarantee only from those outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.queues.fill import whole_fill
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import GPU, ROOT
from bayplan.scheduler.queues.usage import Column, Usage, add


def reclaimable(
    tree: QueueTree,
    usage: Usage,
    resource: str = GPU,
    by: str | None = None,
    amount: int = 0,
    within: str = ROOT,
) -> dict[str, int]:
    """Return what may be taken back from the pods of each queue itself; only what is above 0.

    The amounts can all be taken at once: at no level is then less left than the guarantee. An
    excess of a group is taken from the queues in it so that what stays beyond their guarantees is
    shared by weight. The keys are sorted; pods without a queue are under ``""``.

    Parameters
    ----------
    tree, usage, resource
        Whose and what use is looked at. Nothing is reclaimable of a resource that no queue
        guarantees.
    by, amount
        The queue that asks, and for how much. It must stay within its guarantee with that, and
        so must the groups that it is in, as far up as it asks; None: somebody outside all queues.
    within
        Only from queues inside this one: the ``Verdict.queue`` whose rule binds.
    """
    rest = tree.rest.get(resource)
    if rest is None:
        return {}
    column = usage.column(resource)
    if by is not None:
        column = column.copy()
        add(tree, column, usage.reserves(resource), tree.position(by), amount)
    work = _Reclaim(tree, column, usage.reserves(resource), tree.guaranteed[resource], rest, {})
    top = tree.position(within)
    if by is None:
        work.take_inside(top, with_own=True)
    else:
        work.take_for(tree.position(by), top)
    return _by_name(usage, resource, work.found)


@dataclass(frozen=True, slots=True)
class _Reclaim:
    tree: QueueTree
    column: Column
    reserves: Sequence[int]
    guaranteed: Sequence[int]
    rest: Sequence[int]
    found: dict[int, int]
    """What is taken from the pods of a queue itself, by position."""

    def excess(self, i: int) -> int:
        """Return what a queue weighs beyond its guarantee; what it keeps is never more."""
        return max(0, self.column.inside[i] - self.guaranteed[i])

    def own_excess(self, i: int) -> int:
        """Return what a queue's own pods use beyond what is guaranteed and not a child's."""
        return max(0, self.column.own[i] - self.rest[i])

    def take_for(self, start: int, top: int) -> None:
        """Take from all beside the path from ``start`` to ``top``, as long as that is within."""
        if self.own_excess(start):
            return
        self.take_inside(start, with_own=False)
        i = start
        while i != top and i and not self.excess(i):
            i = self.tree.parents[i]
            self.take_inside(i, with_own=True)

    def take_inside(self, i: int, *, with_own: bool) -> None:
        """Take the whole excess of those in ``i``; who asks has none, as far up as it asks."""
        if with_own:
            self._note(i, self.own_excess(i))
        for c in self.tree.children[i]:
            self._take(c, self.excess(c))

    def _take(self, top: int, amount: int) -> None:
        todo = [(top, amount)]
        while todo:
            i, amount = todo.pop()
            children = self.tree.children[i]
            if amount and not children:
                self._note(i, amount)
            elif amount:
                caps = [self.own_excess(i), *(self.excess(c) for c in children)]
                weights = [1.0, *(self.tree.weights[c] for c in children)]
                kept = whole_fill(sum(caps) - amount, weights, caps)
                self._note(i, caps[0] - kept[0])
                todo += [(c, caps[k] - kept[k]) for k, c in enumerate(children, 1)]

    def _note(self, i: int, amount: int) -> None:
        if amount:
            self.found[i] = amount


def _by_name(usage: Usage, resource: str, found: dict[int, int]) -> dict[str, int]:
    names = {usage.tree.names[i]: amount for i, amount in found.items() if i}
    if 0 in found:  # nothing is guaranteed to those: all that they use
        names |= {name: usage.own(name, resource) for name in (ROOT, *usage.strangers)}
    return {name: names[name] for name in sorted(names) if names[name]}
