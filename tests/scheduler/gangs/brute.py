"""A plain search for a gang's placement on a tiny cluster: all ways, on sets and lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.gangs.topology import DEFAULT_KEYS
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.hardware import find_product as product_of
from bayplan.scheduler.hardware import smallest_covering
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    GpuShare,
    MigInstances,
    Node,
    Request,
    TopologyLevel,
    WholeGpus,
)

LEVELS = tuple(level for level in TopologyLevel if level is not TopologyLevel.GPU_ISLAND)


@dataclass(frozen=True)
class Machine:
    """What is free: CPU, and of each GPU its milli (or, under MIG, its free units)."""

    cpu: int
    mig: bool
    gpus: tuple[int | frozenset[int], ...]


@dataclass(frozen=True)
class Seat:
    """A member: what it asks for, and its segment."""

    request: Request
    segment: tuple[int, int] | None


def domain(node: Node, level: TopologyLevel) -> tuple[str, ...] | None:
    """The path of a node's domain, outermost level first."""
    if level is TopologyLevel.NODE:
        return (node.name,)
    labels = dict(node.labels)
    path = []
    for each in sorted((each for each in LEVELS if each >= level), reverse=True):
        values = [labels[key] for key in DEFAULT_KEYS[each] if labels.get(key)]
        if values:
            path.append(f"{each.name}={values[0]}")
        elif each is level:
            return None
    return tuple(path)


def machine(cluster: Cluster, node: Node) -> Machine:
    """A node without what its pods take."""
    mig = bool(node.sharing)
    assert all(isinstance(each, Mig) for each in node.sharing)
    product = product_of(node.gpu_model) if mig else None
    free: list[int | frozenset[int]] = [
        frozenset(range(product.units)) if product else 1000 for _ in range(node.gpu_count)
    ]
    cpu = node.cpu_milli
    for pod in cluster.pods.values():
        if pod.placement.node != node.name:
            continue
        cpu -= pod.request.cpu_milli
        for grants in pod.placement.grants:
            for grant in grants:
                gpu = grant.slot.gpu
                room = free[gpu]
                if isinstance(room, int):
                    free[gpu] = room - grant.milli
                else:
                    size = grant.slot.size or 8
                    free[gpu] = room - set(range(grant.slot.start, grant.slot.start + size))
    return Machine(cpu, mig, tuple(free))


def ways(node: Node, before: Machine, request: Request) -> Iterator[Machine]:
    """The node after each way to place a request on it."""
    if before.cpu < request.cpu_milli:
        return
    before = replace(before, cpu=before.cpu - request.cpu_milli)
    if not request.devices:
        yield before
        return
    (device,) = request.devices
    for wish in (device, *device.alternatives):
        yield from _ways_of(node, before, wish.ask)


def _ways_of(
    node: Node, before: Machine, ask: WholeGpus | GpuShare | MigInstances
) -> Iterator[Machine]:
    gpus = before.gpus
    if isinstance(ask, WholeGpus):
        product = product_of(node.gpu_model) if before.mig else None
        full = frozenset(range(product.units)) if product else 1000
        idle = [i for i, free in enumerate(gpus) if free == full]
        if len(idle) >= ask.count:
            # Idle GPUs are alike.
            taken = set(idle[: ask.count])
            none: int | frozenset[int] = frozenset() if before.mig else 0
            yield replace(before, gpus=tuple(none if i in taken else g for i, g in enumerate(gpus)))
        return
    for i, free in enumerate(gpus):
        for left in _left(node, free, ask):
            yield replace(before, gpus=(*gpus[:i], left, *gpus[i + 1 :]))


def _left(
    node: Node, free: int | frozenset[int], ask: GpuShare | MigInstances
) -> Iterator[int | frozenset[int]]:
    if isinstance(free, int):
        if isinstance(ask, GpuShare) and free >= ask.milli:
            yield free - ask.milli
        return
    product = product_of(node.gpu_model)
    assert product is not None
    if isinstance(ask, MigInstances):
        (profile,) = [each for each in product.profiles if each.name == ask.profile]
    else:
        covering = smallest_covering(product, ask.milli, 0)
        assert covering is not None
        profile = covering
    for start in profile.starts:
        units = frozenset(range(start, start + profile.size))
        if units <= free:
            yield free - units


class Brute:
    """Whether the members that a gang needs can be placed, within one domain of each level."""

    def __init__(self, cluster: Cluster, gang: Gang, *levels: TopologyLevel) -> None:
        self.cluster, self.gang, self.levels = cluster, gang, levels
        self.nodes = [cluster.nodes[name] for name in sorted(cluster.nodes)]
        self.seats: list[Seat] = []
        self.start: dict[object, object] = {}
        self.used: list[tuple[str, ...] | None] = []
        self.possible = self._muster()
        self.seen: set[object] = set()

    def _muster(self) -> bool:
        gang, segments = self.gang, dict[tuple[int, int], object]()
        homes: set[tuple[TopologyLevel, tuple[str, ...] | None]] = set()
        for r, role in enumerate(gang.roles):
            least = len(role.members) if role.min_members is None else role.min_members
            need = least - sum(request.uid in self.cluster.pods for request in role.members)
            for i, request in enumerate(role.members):
                key = (r, i // gang.segment.size) if gang.segment else None
                pod = self.cluster.pods.get(request.uid)
                if pod is None:
                    if need > 0:
                        self.seats.append(Seat(request, key))
                        need -= 1
                    continue
                node = self.cluster.nodes[pod.placement.node]
                if gang.spread:
                    self.used.append(domain(node, gang.spread.level))
                homes |= {(level, domain(node, level)) for level in self.levels}
                if key is not None and gang.segment:
                    home = domain(node, gang.segment.level)
                    if home is None or segments.setdefault(key, home) != home:
                        return False
        self.start.update(segments)
        self.start.update(homes)
        return len(dict(homes)) == len(homes) and None not in dict(homes).values()

    def exists(self) -> bool:
        if not self.possible:
            return False
        machines = tuple(machine(self.cluster, node) for node in self.nodes)
        return self._go(0, machines, self.start, tuple(self.used))

    def _go(  # noqa: C901
        self,
        depth: int,
        machines: tuple[Machine, ...],
        homes: dict[object, object],
        used: tuple[tuple[str, ...] | None, ...],
    ) -> bool:
        if depth == len(self.seats):
            return True
        state = depth, machines, tuple(sorted(map(repr, homes.items()))), tuple(map(repr, used))
        if state in self.seen:
            return False
        self.seen.add(state)
        seat, gang = self.seats[depth], self.gang
        for i, node in enumerate(self.nodes):
            if not node.schedulable:
                continue
            after, spread = dict(homes), used
            if not all(_joins(after, level, domain(node, level)) for level in self.levels):
                continue
            if gang.segment:
                home = domain(node, gang.segment.level)
                if home is None or after.setdefault(seat.segment, home) != home:
                    continue
            if gang.spread:
                home = domain(node, gang.spread.level)
                if home is None or used.count(home) >= gang.spread.max_members:
                    continue
                spread = (*used, home)
            for left in ways(node, machines[i], seat.request):
                changed = (*machines[:i], left, *machines[i + 1 :])
                if self._go(depth + 1, changed, after, spread):
                    return True
        return False


def _joins(homes: dict[object, object], key: object, home: tuple[str, ...] | None) -> bool:
    """Whether a member in a domain is where the others are; the first says where that is."""
    return home is not None and homes.setdefault(key, home) == home
