"""The nodes of a simulated cluster: which are there, which take no more pods, which leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.events import NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.kinds import slots_of
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.simulator.core.bill import Bill
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group, check_groups
from bayplan.simulator.core.results import Absence


class Machines:
    """Lets nodes come and go. All that may ever be there are known from the beginning.

    Attributes
    ----------
    known
        All nodes by name, also those that are not there.
    bill
        How long nodes were there, by group, and what that cost.
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
        check_groups(groups, tuple(self.known))
        self.bill = Bill(groups, float(floor.book.arrival_s.min(initial=math.inf)))
        self._away_s = {node.name: -math.inf for node in spare}
        self._absences: list[Absence] = []
        for node in nodes:
            self._count(node, 1)

    def is_up(self, name: str) -> bool:
        """Whether a node is there."""
        return name in self._cluster.nodes

    def up(self, name: str) -> None:
        """Let a node come, or take pods again; its GPUs are idle, as they were cut first."""
        node = self._node(name)
        if not self.is_up(name):
            self._cluster.apply(NodeUp(node))
            self._count(node, 1)
            self._absences.append(Absence(name, self._away_s.pop(name), self._floor.now_s))
        elif self._cluster.nodes[name].schedulable:
            return
        else:
            self._set_schedulable(name, True)
            self._floor.draining.discard(name)
        self._floor.waiting.unblock()
        self._floor.note("up", None, name)

    def cordon(self, name: str) -> None:
        """Let a node take no more pods; those on it stay."""
        self._node(name)
        if self.is_up(name) and self._cluster.nodes[name].schedulable:
            self._set_schedulable(name, False)
            self._floor.note("cordon", None, name)

    def drain(self, name: str) -> None:
        """Let a node take no more pods, and leave when the last of those on it has left."""
        self._node(name)
        if not self.is_up(name):
            return
        if self._cluster.nodes[name].schedulable:
            self._set_schedulable(name, False)
        self._floor.note("drain", None, name)
        self._floor.draining.add(name)
        self.leave_empty()

    def down(self, name: str) -> None:
        """Let a node leave at once. Jobs with a pod on it are stopped, and wait again."""
        self._node(name)
        if not self.is_up(name):
            return
        self._floor.draining.discard(name)
        for job in self.jobs_on(name):
            self._floor.lose(job)
        self._leave(name)

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
        self._count(self.known[name], -1)
        self._away_s[name] = self._floor.now_s
        self._floor.note("down", None, name)

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
        floor.node_changes += 1
        floor.capacity_milli += sign * slots_of(node).total_milli
        floor.meter.resize(floor.now_s, gpus)
        self.bill.count(node.name, node.gpu_count, sign, floor.now_s)
        floor.columns.resize(sign * node.cpu_milli, sign * node.memory_mib, GPU_MILLI * gpus)
