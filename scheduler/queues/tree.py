"""The tree of queues, checked, with what each guarantees, limits and keeps from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues.checks import check_limits, check_queue, check_sums
from bayplan.scheduler.queues.types import GPU, ROOT, Queue, gpu_of

Row: TypeAlias = tuple[int, ...]
Limits: TypeAlias = tuple[int | None, ...]


class QueueTree:
    """Queues by name, and the same as rows by position: parents before children.

    Position 0 is ``ROOT``, the cluster; siblings are sorted by name. Rows are (n_queues + 1,).

    Parameters
    ----------
    queues
        In any order.

    Attributes
    ----------
    queues
        Queues by name, without ``ROOT``.
    names, index, parents, children
        Names by position and back; the parent of each position (of ``ROOT``: 0), and its
        children.
    weights
        Over-quota weights; of ``ROOT``: 1.
    guaranteed, rest, reserves
        By resource that anybody guarantees: the guarantees (of ``ROOT``: their sum); what of a
        guarantee is not that of a child; and what of a guarantee is not lent.
    limits
        By resource that has any limit.

    Raises
    ------
    InputError
        A name that is empty or given twice, an unknown parent, a cycle, a negative amount, a
        guarantee that is less than those of the children or than those by GPU model, a limit
        below the guarantee, or a lending limit above it.
    """

    def __init__(self, queues: Iterable[Queue] = ()) -> None:
        by_name: dict[str, Queue] = {}
        for queue in queues:
            check_queue(queue)
            if queue.name in by_name:
                raise InputError(f"queue {queue.name} is given twice", fix="rename one of them")
            by_name[queue.name] = queue
        self.queues: Mapping[str, Queue] = MappingProxyType(by_name)
        self.names = _order(by_name)
        self.index: Mapping[str, int] = {name: i for i, name in enumerate(self.names)}
        self.parents: Row = tuple(
            self.index[by_name[name].parent] if name else 0 for name in self.names
        )
        self.children = _children(self.parents)
        self.weights = tuple(by_name[name].weight if name else 1.0 for name in self.names)
        self.guaranteed: Mapping[str, Row] = self._guarantees()
        self.rest: Mapping[str, Row] = {
            resource: tuple(
                own - sum(row[c] for c in self.children[i]) for i, own in enumerate(row)
            )
            for resource, row in self.guaranteed.items()
        }
        self.limits: Mapping[str, Limits] = self._limits()
        self.reserves: Mapping[str, Row] = self._reserves()

    @property
    def resources(self) -> tuple[str, ...]:
        """What any queue guarantees or limits, sorted."""
        return tuple(sorted({*self.guaranteed, *self.limits}))

    def path(self, queue: str) -> tuple[str, ...]:
        """Return a queue and those that it is in, up to ``ROOT``; ``InputError`` if unknown."""
        i = self.position(queue)
        names = [self.names[i]]
        while i:
            i = self.parents[i]
            names.append(self.names[i])
        return tuple(names)

    def position(self, queue: str) -> int:
        """Return the position of a queue; ``InputError`` if there is none of that name."""
        if queue not in self.index:
            raise InputError(f"there is no queue {queue}", fix="add it, or name another")
        return self.index[queue]

    def subtree_sums(self, own: Mapping[str, float]) -> dict[str, float]:
        """Return for each queue the sum of its own value and those of all queues in it."""
        sums = [float(own.get(name, 0.0)) for name in self.names]
        for i in range(len(sums) - 1, 0, -1):
            sums[self.parents[i]] += sums[i]
        return dict(zip(self.names, sums, strict=True))

    def _guarantees(self) -> dict[str, Row]:
        named = {r for queue in self.queues.values() for r in queue.guaranteed}
        models = sorted(r for r in named if r.startswith(gpu_of("")))
        rows = {r: self._guarantee(r, ()) for r in sorted(named - {GPU})}
        if models or GPU in named:
            rows[GPU] = self._guarantee(GPU, [rows[r] for r in models])
        return rows

    def _guarantee(self, resource: str, parts: Iterable[Row]) -> Row:
        """Return the guarantees by position; ``parts`` are those that add up to less or as much."""
        least = [sum(column) for column in zip(*parts, strict=True)] or [0] * len(self.names)
        row = [0] * len(self.names)
        below = [0] * len(self.names)
        for i in range(len(row) - 1, -1, -1):
            queue = self.queues.get(self.names[i])
            default = max(below[i], least[i])
            row[i] = queue.guaranteed.get(resource, default) if queue else below[i]
            if queue:
                check_sums(queue, resource, row[i], below[i], least[i])
                below[self.parents[i]] += row[i]
        return tuple(row)

    def _limits(self) -> dict[str, Limits]:
        named = sorted({r for queue in self.queues.values() for r in queue.limit})
        rows = {
            r: (None, *(self.queues[name].limit.get(r) for name in self.names[1:])) for r in named
        }
        for resource, row in rows.items():
            guaranteed = self.guaranteed.get(resource, (0,) * len(row))
            check_limits(self.names, resource, row, guaranteed, is_least=True)
        return rows

    def _reserves(self) -> dict[str, Row]:
        lent = {r for queue in self.queues.values() for r in queue.lending_limit}
        for resource in sorted(lent | set(self.guaranteed)):
            row = (None, *(self.queues[n].lending_limit.get(resource) for n in self.names[1:]))
            guaranteed = self.guaranteed.get(resource, (0,) * len(row))
            check_limits(self.names, resource, row, guaranteed, is_least=False)
        return {r: (0, *(self._kept(r, n) for n in self.names[1:])) for r in self.guaranteed}

    def _kept(self, resource: str, name: str) -> int:
        guaranteed = self.guaranteed[resource][self.index[name]]
        return guaranteed - self.queues[name].lending_limit.get(resource, guaranteed)


def _order(queues: Mapping[str, Queue]) -> tuple[str, ...]:
    """Return all names, ``ROOT`` first, level by level, siblings sorted by name."""
    below: dict[str, list[str]] = {ROOT: []}
    for name in sorted(queues):
        parent = queues[name].parent
        if parent and parent not in queues:
            raise InputError(
                f"queue {name}: there is no queue {parent} to be its parent",
                fix=f"add queue {parent}, or leave the parent out",
            )
        below.setdefault(parent, []).append(name)
    names, level = [ROOT], below[ROOT]
    while level:
        names += level
        level = [child for name in level for child in below.get(name, ())]
    if len(names) <= len(queues):
        circle = _circle(queues, min(set(queues) - set(names)))
        raise InputError(
            f"queue {circle[0]} is its own ancestor: {' in '.join(circle)}",
            fix="give one of them another parent",
        )
    return tuple(names)


def _circle(queues: Mapping[str, Queue], name: str) -> list[str]:
    seen: list[str] = []
    while name not in seen:
        seen.append(name)
        name = queues[name].parent
    return [*seen[seen.index(name) :], name]


def _children(parents: Row) -> tuple[Row, ...]:
    found: list[list[int]] = [[] for _ in parents]
    for i in range(1, len(parents)):
        found[parents[i]].append(i)
    return tuple(tuple(children) for children in found)
