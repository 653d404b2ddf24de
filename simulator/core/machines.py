"""The nodes of a simulated cluster: which are there, which take no more pods, which leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.events import NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.kinds import slots_of
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.simulator.core.bill import Bill
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group, check_groups
from bayplan.simulator.core.progress import Saves
from bayplan.simulator.core.results import Absence


class Hold(IntEnum):
    """What somebody keeps a node from, the most severe last."""

    CORDON = 1
    DRAIN = 2
    DOWN = 3


START = "the start"
"""Who holds the nodes that are not there, or take no pods, when all begins."""


class Machines:
    """Lets nodes come and go. All that may ever be there are known from the beginning.

    Whoever cordons a node, drains it or takes it down has a hold on it, by a name, and takes back
    that one alone: a node is there, and takes pods, when nobody holds it. So a repair does not
    bring back what a cloud has reclaimed.

    Attributes
    ----------
    known
        All nodes by name, also those that are not there.
    bill
        How long nodes were there, by group, and what that cost.
    unhealthy
        GPUs that take no new pods, of nodes of which any ever was: what a node comes back with.
    """

    def __init__(
        self,
        floor: Floor,
        nodes: Sequence[Node],
        spare: Sequence[Node],
        groups: Sequence[Group] = (),
    ) -> None:
        self._floor = floor
        self._cluster = floor.cluster
        self.known = {node.name: node for node in (*nodes, *spare)}
        if len(self.known) < len(nodes) + len(spare):
            twins = [node.name for node in spare if node in nodes] or ["?"]
            raise InputError(f"two nodes are called {twins[0]!r}", fix="rename one of them")
        self._holds: dict[str, dict[str, Hold]] = {name: {} for name in self.known}
        check_groups(groups, tuple(self.known))
        self.bill = Bill(groups, float(floor.book.arrival_s.min(initial=math.inf)))
        self._away_s = {node.name: -math.inf for node in spare}
        self._absences: list[Absence] = []
        self.unhealthy: dict[str, tuple[int, ...]] = {}
        for node in nodes:
            self._count(node, 1)
            if not node.schedulable:
                self._holds[node.name][START] = Hold.CORDON
        for node in spare:
            self._holds[node.name][START] = Hold.DOWN

    @property
    def n_gpus(self) -> int:
        """The GPUs of all nodes, also of those that are not there."""
        return sum(node.gpu_count for node in self.known.values())

    def is_up(self, name: str) -> bool:
        """Whether a node is there."""
        return name in self._cluster.nodes

    def may_come(self, name: str, by: str) -> bool:
        """Whether a node is not there, and would come if somebody took back a hold."""
        others = {whose: hold for whose, hold in self._holds[name].items() if whose != by}
        others.pop(START, None)
        return not self.is_up(name) and Hold.DOWN not in others.values()

    def up(self, name: str, by: str) -> None:
        """Take back a hold; a node that nobody holds comes, or takes pods again.

        Who holds nothing takes back what holds the node since the start. The GPUs of a node that
        comes are idle, as they were cut first.
        """
        node, holds = self._node(name), self._holds[name]
        if holds.pop(by, None) is None and holds.pop(START, None) is None:
            return
        most = max(holds.values(), default=None)
        if most is Hold.DOWN:
            return
        if most is not Hold.DRAIN:
            self._floor.draining.discard(name)
        if not self.is_up(name):
            self._come(node, schedulable=most is None)
        elif most is None:
            self._set_schedulable(name, True)
            self._floor.note("up", None, name)
        if most is None:
            self._floor.waiting.unblock()

    def cordon(self, name: str, by: str) -> None:
        """Let a node take no more pods; those on it stay."""
        self._hold(name, by, Hold.CORDON)
        if self.is_up(name) and self._cluster.nodes[name].schedulable:
            self._set_schedulable(name, False)
            self._floor.note("cordon", None, name)

    def drain(self, name: str, by: str) -> None:
        """Let a node take no more pods, and leave when the last of those on it has left."""
        self._hold(name, by, Hold.DRAIN)
        if not self.is_up(name):
            self._all_drained(name)
            return
        if self._cluster.nodes[name].schedulable:
            self._set_schedulable(name, False)
        self._floor.note("drain", None, name)
        self._floor.draining.add(name)
        self.leave_empty()

    def down(self, name: str, by: str) -> None:
        """Let a node leave at once. Jobs with a pod on it are stopped, and wait again."""
        self._hold(name, by, Hold.DOWN)
        if not self.is_up(name):
            return
        self._floor.draining.discard(name)
        for job in self.jobs_on(name):
            self._floor.lose(job, name)
        self._leave(name)

    def save(self, name: str) -> None:
        """Let the jobs with a pod on a node save what they have done, if their model can."""
        floor, model = self._floor, self._floor.progress
        if isinstance(model, Saves):
            for job in self.jobs_on(name):
                model.save(floor.book, job, floor.now_s)

    def leave_empty(self) -> None:
        """Let the nodes that are drained leave, if they are empty."""
        for name in sorted(self._floor.draining):
            if not self._cluster.pods_on(self._cluster.row(name)):
                self._floor.draining.discard(name)
                self._leave(name)

    def jobs_on(self, name: str) -> list[int]:
        """Return the jobs with a pod on a node, by number."""
        if not self.is_up(name):
            return []
        pods = self._cluster.pods_on(self._cluster.row(name))
        return sorted({self._floor.pods.job_of(uid) for uid in pods})

    def _come(self, node: Node, *, schedulable: bool) -> None:
        unhealthy = self.unhealthy.get(node.name, node.unhealthy)
        self._cluster.apply(NodeUp(replace(node, schedulable=schedulable, unhealthy=unhealthy)))
        self._floor.node_changes += 1
        self._count(node, 1)
        self._absences.append(Absence(node.name, self._away_s.pop(node.name), self._floor.now_s))
        self._floor.note("up", None, node.name)
        if not schedulable:
            self._floor.note("cordon", None, node.name)

    def absences(self) -> tuple[Absence, ...]:
        """Return when which node was not there until now, from the first arrival on."""
        now_s, first_s = self._floor.now_s, self.bill.first_s
        still = [Absence(name, from_s, now_s) for name, from_s in self._away_s.items()]
        cut = (each._replace(from_s=max(each.from_s, first_s)) for each in self._absences + still)
        place = {name: k for k, name in enumerate(self.known)}
        found = [each for each in cut if each.from_s < each.until_s]
        return tuple(sorted(found, key=lambda each: (place[each.node], each.from_s)))

    def _leave(self, name: str) -> None:
        self._cluster.apply(NodeGone(name))
        self._floor.node_changes += 1
        if self._floor.startup is not None:
            self._floor.startup.gone(name)
        self._all_drained(name)
        self._count(self.known[name], -1)
        self._away_s[name] = self._floor.now_s
        self._floor.note("down", None, name)

    def _hold(self, name: str, by: str, hold: Hold) -> None:
        holds = self._holds[self._node(name).name]
        holds[by] = max(hold, holds.get(by, hold))

    def _all_drained(self, name: str) -> None:
        """Let those who drain a node keep it away, now that it has left."""
        holds = self._holds[name]
        holds.update({by: Hold.DOWN for by, hold in holds.items() if hold is Hold.DRAIN})

    def _node(self, name: str) -> Node:
        node = self.known.get(name)
        if node is None:
            raise InputError(f"there is no node {name!r}", fix="name a node of the cluster")
        return node

    def _set_schedulable(self, name: str, schedulable: bool) -> None:
        node = self._cluster.nodes[name]
        self._cluster.apply(NodeChanged(replace(node, schedulable=schedulable)))
        self._floor.node_changes += 1

    def _count(self, node: Node, sign: int) -> None:
        floor, gpus = self._floor, sign * node.gpu_count
        floor.capacity_milli += sign * slots_of(node).total_milli
        floor.meter.resize(floor.now_s, gpus)
        if floor.energy is not None:
            floor.energy.resize(node, sign, floor.now_s)
        self.bill.count(node.name, node.gpu_count, sign, floor.now_s)
        floor.columns.resize(sign * node.cpu_milli, sign * node.memory_mib, GPU_MILLI * gpus)
