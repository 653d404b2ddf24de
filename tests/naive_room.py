"""Everything that can be done with a few pods on a few GPUs, tried one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import GpuShare, MigInstances, Node, Request, WholeGpus

UNITS = 8

State = tuple[tuple[object, ...], ...]


@dataclass
class Desk:
    """What is free on one node; a GPU is free milli, free MiB and the units that are taken."""

    node: Node
    cpu: int
    memory: int
    gpus: list[tuple[int, int, frozenset[int]]] = field(default_factory=list)

    def key(self) -> tuple[object, ...]:
        return self.node.name, self.cpu, self.memory, *sorted(map(str, self.gpus))


def desks_of(cluster: Cluster, gone: Collection[str] = ()) -> list[Desk]:
    desks = {}
    for name, node in sorted(cluster.nodes.items()):
        gpu = (1000, node.gpu_memory_mib, frozenset[int]())
        desks[name] = Desk(node, node.cpu_milli, node.memory_mib, [gpu] * node.gpu_count)
    for uid, pod in sorted(cluster.pods.items()):
        if uid in gone:
            continue
        desk = desks[pod.placement.node]
        desk.cpu -= pod.request.cpu_milli
        desk.memory -= pod.request.memory_mib
        for grants in pod.placement.grants:
            for grant in grants:
                milli, mib, units = desk.gpus[grant.slot.gpu]
                slot = grant.slot
                taken = range(slot.start, slot.start + slot.size) if slot.size else range(UNITS)
                new = units | frozenset(taken) if desk.node.sharing else units
                desk.gpus[slot.gpu] = milli - grant.milli, mib - grant.memory_mib, new
    return list(desks.values())


def ways(desk: Desk, request: Request) -> Iterator[Desk]:
    """Every way to put a pod on a node, as what is free then."""
    cpu, memory = desk.cpu - request.cpu_milli, desk.memory - request.memory_mib
    if cpu < 0 or memory < 0:
        return
    ask = request.devices[0].ask
    for gpus in _gpu_ways(desk.node, desk.gpus, ask):
        yield Desk(desk.node, cpu, memory, gpus)


def _gpu_ways(
    node: Node, gpus: list[tuple[int, int, frozenset[int]]], ask: object
) -> Iterator[list[tuple[int, int, frozenset[int]]]]:
    mig = node.sharing == (Mig(),)
    if isinstance(ask, WholeGpus):
        idle = [g for g, (milli, _, units) in enumerate(gpus) if milli == 1000 and not units]
        for chosen in combinations(idle, ask.count):
            full = (0, 0, frozenset(range(UNITS)))
            yield [full if g in chosen else each for g, each in enumerate(gpus)]
    elif isinstance(ask, GpuShare) and not mig:
        need = ask.memory_mib or ask.milli * node.gpu_memory_mib // 1000
        for g, (milli, mib, units) in enumerate(gpus):
            if milli >= ask.milli and mib >= need:
                yield [*gpus[:g], (milli - ask.milli, mib - need, units), *gpus[g + 1 :]]
    elif isinstance(ask, GpuShare):
        yield from _instances(gpus, _covering(ask), 1)
    elif isinstance(ask, MigInstances) and mig:
        yield from _instances(gpus, ask.profile, ask.count)


def _covering(ask: GpuShare) -> str:
    """The smallest profile of an A100-80GB that holds a share, from NVIDIA's table by hand."""
    for name, slices, units, mib in (
        ("1g.10gb", 1, 1, 9856),
        ("1g.20gb", 1, 2, 19968),
        ("2g.20gb", 2, 2, 19968),
        ("3g.40gb", 3, 4, 40192),
        ("4g.40gb", 4, 4, 40192),
        ("7g.80gb", 7, 8, 80384),
    ):
        enough = slices * 1000 >= ask.milli * 7 and units * 1000 >= ask.milli * 8
        if enough and mib >= ask.memory_mib:
            return name
    return ""


def _instances(
    gpus: list[tuple[int, int, frozenset[int]]], name: str, count: int
) -> Iterator[list[tuple[int, int, frozenset[int]]]]:
    if not count:
        yield gpus
        return
    for profile in product_named("A100-80GB").profiles:
        if profile.name != name:
            continue
        for g, (milli, mib, units) in enumerate(gpus):
            for start in profile.starts:
                taken = frozenset(range(start, start + profile.size))
                if not taken & units:
                    new = (milli - 125 * profile.size, mib, units | taken)
                    yield from _instances([*gpus[:g], new, *gpus[g + 1 :]], name, count - 1)


def most(desks: Sequence[Desk], pods: Sequence[Request], worth: Sequence[int]) -> int:
    """The largest worth of pods that fit together."""
    start: State = tuple(desk.key() for desk in desks)
    states: dict[State, tuple[int, list[Desk]]] = {start: (0, list(desks))}
    for pod, value in zip(pods, worth, strict=True):
        after = dict(states)  # left out
        for total, state in states.values():
            for at, desk in enumerate(state):
                for new in ways(desk, pod):
                    others = [*state[:at], new, *state[at + 1 :]]
                    key = tuple(each.key() for each in others)
                    if key not in after or after[key][0] < total + value:
                        after[key] = total + value, others
        states = after
    return max(total for total, _ in states.values())


def all_fit(desks: Sequence[Desk], pods: Sequence[Request]) -> bool:
    """Whether all pods fit together."""
    return most(desks, pods, [1] * len(pods)) == len(pods)
