"""A slow oracle for GPU islands: free GPUs as plain lists, all ways to place a few pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.gangs import Gang
from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.types import Node, Placement, Request, TopologyLevel

ISLAND = TopologyLevel.GPU_ISLAND


def islands(node: Node) -> list[set[int]]:
    """The islands of a node as sets of GPU indices."""
    product = find_product(node.gpu_model)
    size = node.gpu_island or (product.nvlink_island if product else 1)
    every = range(node.gpu_count)
    found = [set(every[start : start + size]) for start in every[::size]]
    return found if not node.anonymous_gpus or len(found) == 1 else []


def free_gpus(cluster: Cluster, node: Node) -> list[int]:
    """The milli-GPU that are free of each GPU; of anonymous ones the first are in use."""
    free = [1000] * node.gpu_count
    for pod in cluster.pods.values():
        if pod.placement.node != node.name:
            continue
        for grants in pod.placement.grants:
            for grant in grants:
                gpu = grant.slot.gpu
                free[free.index(1000) if gpu < 0 else gpu] -= grant.milli
    return free


def gpus_of(placement: Placement) -> list[int]:
    """The indices of the GPUs that a placement takes."""
    return [grant.slot.gpu for grants in placement.grants for grant in grants]


def in_one(node: Node, gpus: list[int]) -> bool:
    """Whether some GPUs of a node are in one island."""
    wanted = set(gpus)
    if wanted == {-1}:
        return bool(islands(node))
    return any(wanted <= island for island in islands(node))


@dataclass(frozen=True)
class Seat:
    """A member: what it takes, whether it must be near, and its segment."""

    cpu: int
    count: int
    milli: int
    near: bool
    segment: object


State = tuple[tuple[int, tuple[int, ...]], ...]
Homes = dict[object, tuple[int, int]]


class Brute:
    """Whether all members of a gang can be placed, by trying all ways."""

    def __init__(self, cluster: Cluster, gang: Gang) -> None:
        self.nodes = [cluster.nodes[name] for name in sorted(cluster.nodes)]
        self.gathered = any(w.required and w.level is ISLAND for w in gang.topology)
        self.seats = [
            self._seat(gang, r, i, request)
            for r, role in enumerate(gang.roles)
            for i, request in enumerate(role.members)
        ]
        self.start: State = tuple(
            (
                node.cpu_milli
                - sum(
                    pod.request.cpu_milli
                    for pod in cluster.pods.values()
                    if pod.placement.node == node.name
                ),
                tuple(free_gpus(cluster, node)),
            )
            for node in self.nodes
        )
        self.seen: set[object] = set()

    def _seat(self, gang: Gang, r: int, i: int, request: Request) -> Seat:
        ask = request.devices[0].ask if request.devices else None
        count = ask.count if ask else 0
        milli = getattr(ask, "milli", 1000)
        near = request.topology is not None and request.topology.required
        segment: object = None
        if gang.segment and gang.segment.level is ISLAND and count:
            segment = r, i // gang.segment.size
        if self.gathered and count:
            segment = "all"
        return Seat(request.cpu_milli, count, milli, near, segment)

    def exists(self) -> bool:
        """Whether there is a plan."""
        return self._go(0, self.start, {}, -1)

    def _go(self, depth: int, state: State, homes: Homes, host: int) -> bool:
        if depth == len(self.seats):
            return True
        key = depth, state, tuple(sorted(map(repr, homes.items()))), host
        if key in self.seen:
            return False
        self.seen.add(key)
        seat = self.seats[depth]
        for i in range(len(self.nodes)):
            if self.gathered and host not in (-1, i):
                continue
            for left, island in self._ways(i, state[i], seat, homes.get(seat.segment)):
                after = homes if seat.segment is None else homes | {seat.segment: (i, island)}
                changed = (*state[:i], left, *state[i + 1 :])
                if self._go(depth + 1, changed, after, i):
                    return True
        return False

    def _ways(
        self, i: int, before: tuple[int, tuple[int, ...]], seat: Seat, home: tuple[int, int] | None
    ) -> Iterator[tuple[tuple[int, tuple[int, ...]], int]]:
        cpu, free = before
        if cpu < seat.cpu:
            return
        for gpus in combinations(range(len(free)), seat.count):
            if any(free[gpu] < seat.milli for gpu in gpus):
                continue
            found = [n for n, each in enumerate(islands(self.nodes[i])) if set(gpus) <= each]
            near = (seat.near and seat.count > 1) or seat.segment is not None
            if near and (not found or home not in (None, (i, found[0]))):
                continue
            left = tuple(
                amount - seat.milli if gpu in gpus else amount for gpu, amount in enumerate(free)
            )
            yield (cpu - seat.cpu, left), found[0] if found else -1
