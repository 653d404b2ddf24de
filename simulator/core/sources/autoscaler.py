"""Lets nodes come when jobs wait for them, and leave when they are idle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.clock import next_multiple
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.sources._base import Events, World
from bayplan.simulator.core.sources.sizing import sizing

SCAN_S = 10.0
"""Between two looks at the cluster: the default of Cluster Autoscaler's ``--scan-interval``
(kubernetes/autoscaler, cluster-autoscaler/FAQ.md)."""


AUTOSCALER = "autoscaler"
"""Who holds the nodes that it let go."""


class Autoscaler:
    """Orders nodes for jobs that wait, and lets those go that have been empty for long.

    It looks at multiples of ``scan_s``, at the first one after something changed: what happens at
    the very time of a look is seen at the next. Between changes it looks only when an empty node
    may leave.

    - What to order is in ``sizing``. A node that was ordered comes after its group's
      ``provision_s``, whatever the looks are; no order is taken back.
    - A node is empty from the first look on that finds it so, and leaves at the first one that is
      ``idle_s`` later, the last of a group first, while more than ``least`` are there. One that a
      waiting job has room on does not count as empty, so that a gang's first nodes wait for its
      last ones.

    Nodes that failed, or that something else holds, are not ordered until that is over.

    Parameters
    ----------
    groups
        The groups that grow and shrink.
    scan_s
        Seconds between looks.

    Raises
    ------
    InputError
        ``scan_s`` is no number above 0.
    """

    def __init__(self, groups: Sequence[Group], scan_s: float = SCAN_S) -> None:
        if not 0.0 < scan_s < math.inf:
            raise InputError(f"autoscaler: scan_s is {scan_s}", fix="write seconds above 0")
        self._groups = groups
        self._scan_s = scan_s
        self._coming: list[tuple[float, int, str]] = []
        self._ordered = 0
        self._idle_since: dict[str, float] = {}
        self._group_of = {name: group for group in groups for name in group.nodes}
        self._draws: dict[str, np.random.Generator] = {}

    def run(self, world: World) -> Events:
        """Look, order, let go, sleep."""
        self._draws = {group.name: world.rng("autoscaler", group.name) for group in self._groups}
        scan_s = math.inf
        while True:
            due_s = min([scan_s, *(at_s for at_s, _, _ in self._coming[:1])])
            next_s = self._look_after(world.now_s)
            yield world.until(due_s) if scan_s <= next_s else world.stirred(due_s)
            self._receive(world)
            if world.now_s >= scan_s:
                scan_s = self._look(world)
            else:
                scan_s = min(scan_s, self._look_after(world.now_s))

    def _look_after(self, time_s: float) -> float:
        """Return the time of the first look after a time."""
        return next_multiple(self._scan_s, time_s)

    def _look_from(self, time_s: float) -> float:
        """Return the time of the first look at a time or after it."""
        at_s = math.ceil(time_s / self._scan_s) * self._scan_s
        return at_s if at_s >= time_s else at_s + self._scan_s

    def _receive(self, world: World) -> None:
        """Let the nodes come that are due."""
        while self._coming and self._coming[0][0] <= world.now_s:
            world.up(heappop(self._coming)[2], AUTOSCALER)

    def _look(self, world: World) -> float:
        """Order and let go, and return when to look again if nothing changes before."""
        empty = self._empty(world)
        needed = frozenset[str]()
        if len(world.floor.waiting):
            offers = self._offers(world)
            if empty or any(names for _, names in offers):
                world.floor.now_s = world.now_s
                coming = [name for _, _, name in sorted(self._coming)]
                found = sizing(world.floor, world.machines.known, coming, offers)
                needed = found.needed
                for group, name in found.order:
                    self._order(world, group, name)
        return self._let_go(world, [name for name in empty if name not in needed])

    def _offers(self, world: World) -> list[tuple[Group, list[str]]]:
        coming = {name for _, _, name in self._coming}
        machines = world.machines
        return [
            (
                group,
                [
                    name
                    for name in group.nodes
                    if name not in coming and machines.may_come(name, AUTOSCALER)
                ],
            )
            for group in self._groups
        ]

    def _order(self, world: World, group: Group, name: str) -> None:
        jitter_s = self._draws[group.name].exponential(group.jitter_s) if group.jitter_s else 0.0
        at_s = world.now_s + group.provision_s + jitter_s
        self._ordered += 1
        heappush(self._coming, (at_s, self._ordered, name))
        world.floor.note("order", None, name)

    def _empty(self, world: World) -> list[str]:
        """Return the nodes of the groups that take pods and have none."""
        cluster, view = world.floor.cluster, world.floor.cluster.view
        n = view.n_rows
        # Most nodes are told apart by their arrays; a pod that asks for nothing is not.
        free = view.alive[:n] & view.schedulable[:n] & ~view.class_pods[:n].any(axis=1)
        free &= view.cpu_free_milli[:n] == view.cpu_milli[:n]
        names = [cluster.name(row) for row in np.flatnonzero(free).tolist()]
        return [
            name
            for name in names
            if name in self._group_of and not cluster.pods_on(cluster.row(name))
        ]

    def _let_go(self, world: World, idle: list[str]) -> float:
        """Drain what has been idle for long, and return when the next node will have been."""
        now_s, since = world.now_s, self._idle_since
        self._idle_since = {name: since.get(name, now_s) for name in idle}
        next_s = math.inf
        for group in self._groups:
            idle_here = [name for name in group.nodes if name in self._idle_since]
            if idle_here:
                next_s = min(next_s, self._let_go_of(world, group, idle_here))
        return next_s

    def _let_go_of(self, world: World, group: Group, idle: list[str]) -> float:
        more, since = self._more_than_least(world, group), self._idle_since
        stay = []
        for name in reversed(idle):
            # Somebody may have come to one as the others went.
            is_due = since[name] + group.idle_s <= world.now_s
            if more > 0 and is_due and not world.machines.jobs_on(name):
                del since[name]
                world.drain(name, AUTOSCALER)
                more -= 1
            else:
                stay.append(since[name] + group.idle_s)
        if more <= 0 or not stay:
            return math.inf
        return max(self._look_from(min(stay)), self._look_after(world.now_s))

    def _more_than_least(self, world: World, group: Group) -> int:
        """Return how many nodes of a group take pods beyond those that must stay."""
        nodes = world.floor.cluster.nodes
        return sum(name in nodes and nodes[name].schedulable for name in group.nodes) - group.least
