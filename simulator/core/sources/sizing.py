"""Which nodes to order for who waits: packing on a copy of the cluster, by the engine alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, NodeUp
from bayplan.scheduler.kinds import slots_of
from bayplan.scheduler.types import Decision, Node
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group

Addition = tuple[tuple[Group, int], ...]
"""How many nodes to add, by group."""

DIGITS = 9
"""Of a price for what is asked: those that differ by less are one, and the first group is taken."""


class Sizing(NamedTuple):
    """What one scan found: nodes to order, and nodes that are there and that who waits can use."""

    order: list[tuple[Group, str]]
    needed: frozenset[str]


def sizing(
    floor: Floor,
    known: Mapping[str, Node],
    coming: Iterable[str],
    offers: Sequence[tuple[Group, Sequence[str]]],
) -> Sizing:
    """Pack who waits on what is there, what is on its way and what may be ordered.

    First-fit decreasing: the largest pods first, then the largest jobs; gangs whole (where nobody
    may pass the first of the queue, in the order of the queue). A job that
    does not fit is given nodes of one group, as few as hold it: of the group with the least price
    for what they would then hold, of this job and of those after it, in GPUs (of jobs without
    any: in cores). Of equal prices the first group is taken. Nodes of several groups are added
    where none has enough.

    Parameters
    ----------
    floor
        The cluster and who waits; nothing is changed.
    known
        All nodes by name.
    coming
        Nodes that are on their way.
    offers
        The nodes of each group that may be ordered, in their order.

    References
    ----------
    Karpenter packs pending pods by first-fit decreasing and launches the cheapest instances that
    hold them (aws/karpenter, designs/bin-packing.md); Cluster Autoscaler simulates its scheduler
    on template nodes of each group, nodes on their way included (kubernetes/autoscaler,
    cluster-autoscaler/FAQ.md).
    """
    packing = _Packing(floor, known, coming, offers)
    packing.run()
    return Sizing(packing.order, frozenset(packing.needed))


class _Packing:
    """One packing; ``scratch`` is a copy of the cluster that all of it happens on."""

    def __init__(
        self,
        floor: Floor,
        known: Mapping[str, Node],
        coming: Iterable[str],
        offers: Sequence[tuple[Group, Sequence[str]]],
    ) -> None:
        self._floor, self._known = floor, known
        self._offers = {group.name: list(names) for group, names in offers}
        self._groups = [group for group, _ in offers]
        self.scratch = floor.cluster.copy()
        for name in coming:
            self.scratch.apply(NodeUp(known[name]))
        real = floor.engine
        self._engine = Engine(self.scratch, real.policy, seed=real.seed, places=real.places)
        self._hopeless: set[int] = set()
        self.order: list[tuple[Group, str]] = []
        self.needed: set[str] = set()

    def run(self) -> None:
        """Go through who waits once; of jobs alike, only up to the first that fits nowhere."""
        jobs, class_of = self._in_turn(), self._floor.book.class_of
        for at, job in enumerate(jobs):
            kind = class_of.item(job)
            if kind in self._hopeless:
                continue
            decisions = self._floor.decide(job, self._engine)
            if decisions is None:
                addition = self._cheapest(job, jobs[at + 1 :])
                if addition:
                    self._order(addition)
                    decisions = self._floor.decide(job, self._engine)
            if decisions is None:
                self._hopeless.add(kind)
            else:
                self._bind(decisions)

    def _in_turn(self) -> list[int]:
        """Return who waits in the order in which they are packed.

        Where the first of the queue holds up the others, room that goes to larger jobs behind it
        would help nobody: then it is the order of the queue.
        """
        floor = self._floor
        if floor.settings.strict or floor.settings.backfill:
            in_order: list[int] = floor.waiting.in_order(floor.now_s).tolist()
            return in_order
        return self._decreasing()

    def _decreasing(self) -> list[int]:
        """Return who waits, the largest first, those alike as they came."""
        book, jobs = self._floor.book, self._floor.waiting.jobs()
        pod = np.array(
            [max(role.gpu_milli for role in kind.roles) for kind in book.classes], np.int64
        )
        cpu = np.array([kind.cpu_milli for kind in book.classes], np.int64)
        kinds = book.class_of[jobs]
        keys = (jobs, book.arrival_s[jobs], -cpu[kinds], -book.gpu_milli[jobs], -pod[kinds])
        decreasing: list[int] = jobs[np.lexsort(keys)].tolist()
        return decreasing

    def _bind(self, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            assert decision.placement is not None
            self.scratch.apply(Bound(decision, self._floor.now_s))
            if decision.placement.node in self._floor.cluster.nodes:
                self.needed.add(decision.placement.node)

    def _order(self, addition: Addition) -> None:
        for group, n in addition:
            names = self._offers[group.name]
            for name in names[:n]:
                self.scratch.apply(NodeUp(self._known[name]))
                self.order.append((group, name))
            del names[:n]

    # --- which group ----------------------------------------------------------------------

    def _cheapest(self, job: int, others: Sequence[int]) -> Addition:
        """Return what to add for a job; nothing if it fits on nothing that may be ordered."""
        open_groups = [group for group in self._groups if self._offers[group.name]]
        fitting = [each for group in open_groups if (each := self._least((group,), job))]
        if not fitting:
            return self._least(open_groups, job) if len(open_groups) > 1 else ()
        if len(fitting) == 1 or not any(group.price_per_h for ((group, _),) in fitting):
            return fitting[0]
        prices = [self._price(each, job, others) for each in fitting]
        return fitting[prices.index(min(prices))]

    def _least(self, groups: Sequence[Group], job: int) -> Addition:
        """Return as few nodes of some groups as a job fits on, sparing the dearest ones first.

        A job that fits is taken to fit with more nodes too.
        """
        n_pods = self._floor.book.classes[self._floor.book.class_of.item(job)].n_pods
        counts = {group: min(n_pods, len(self._offers[group.name])) for group in groups}
        if not self._fits(job, counts):
            return ()
        dearest = sorted(enumerate(groups), key=lambda each: (-each[1].price_per_h, -each[0]))
        for _, group in dearest:
            low, high = int(len(groups) == 1), counts[group]
            while low < high:
                counts[group] = (low + high) // 2
                if self._fits(job, counts):
                    high = counts[group]
                else:
                    low = counts[group] + 1
            counts[group] = high
        return tuple((group, n) for group, n in counts.items() if n)

    def _fits(self, job: int, counts: Mapping[Group, int]) -> bool:
        with self.scratch.trial():
            self._add(counts.items())
            return self._floor.decide(job, self._engine) is not None

    def _add(self, counts: Iterable[tuple[Group, int]]) -> list[int]:
        rows = []
        for group, n in counts:
            for name in self._offers[group.name][:n]:
                self.scratch.apply(NodeUp(self._known[name]))
                rows.append(self.scratch.row(name))
        return rows

    def _price(self, addition: Addition, job: int, others: Sequence[int]) -> float:
        """Return the price per hour for each unit that new nodes would hold of who waits."""
        price = sum(group.price_per_h * n for group, n in addition)
        by_gpus = self._floor.book.gpu_milli.item(job) > 0
        with self.scratch.trial():
            rows = self._add(addition)
            first = self._floor.decide(job, self._engine)
            assert first is not None
            for decision in first:
                self.scratch.apply(Bound(decision, self._floor.now_s))
            self._fill(rows, others, by_gpus)
            held = self._size(rows, by_gpus) - self._free(rows, by_gpus)
        return round(price / max(held, 1), DIGITS)

    def _fill(self, rows: list[int], others: Sequence[int], by_gpus: bool) -> None:
        """Put who else waits on new nodes, until they are full."""
        floor, engine = self._floor, self._engine
        book, mask = floor.book, np.zeros(self.scratch.view.n_rows, np.bool_)
        mask[rows] = True
        full = set(self._hopeless)
        for other in others:
            kind = book.class_of.item(other)
            if kind in full:
                continue
            if not self._free(rows, by_gpus):
                return
            floor.decisions += 1
            decisions: Sequence[Decision]
            if book.classes[kind].n_pods == 1:
                decisions = (
                    engine.decide(floor.pods.request(other), floor.now_s, mask, why=False),
                )
            else:
                decisions = engine.decide_gang(floor.pods.gang(other), floor.now_s, mask).decisions
            if not decisions or any(decision.placement is None for decision in decisions):
                full.add(kind)
                continue
            for decision in decisions:
                self.scratch.apply(Bound(decision, floor.now_s))

    def _size(self, rows: list[int], by_gpus: bool) -> int:
        nodes = [self.scratch.node_at(row) for row in rows]
        if by_gpus:
            return sum(slots_of(node).total_milli for node in nodes)
        return sum(node.cpu_milli for node in nodes)

    def _free(self, rows: list[int], by_gpus: bool) -> int:
        view = self.scratch.view
        return int((view.idle_milli if by_gpus else view.cpu_free_milli)[rows].sum())
