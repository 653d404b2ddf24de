"""Random small clusters and workloads for the comparison with exact optima, by seed.

Demand is 1.0 to 1.3 times the GPUs, in at least three shapes; at least 30 % of the pods with
GPUs ask for several GPUs or for MIG instances. CPU and memory are scarce on some nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    GPU_MILLI,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from optimal_taking import value_milli

MAX_NODES, MAX_PODS, MAX_GPUS = 20, 80, 60
DEMAND = (1.0, 1.3)
MIN_SHAPES = 3
MIN_LARGE = 0.30
"""The least part of the pods that ask for several GPUs or for MIG instances."""

CPU_A_GPU, MIB_A_GPU = 12_000, 120_000
GPU_MIB = 81_920
RACK = "topology.kubernetes.io/rack"

Ask = WholeGpus | GpuShare | MigInstances


@dataclass(frozen=True, slots=True)
class Packing:
    """Empty nodes, and pods in the order in which they arrive."""

    seed: int
    nodes: tuple[Node, ...]
    pods: tuple[Request, ...]


def packing(seed: int, *, nodes: int = MAX_NODES, pods: int = MAX_PODS) -> Packing:
    """Return the instance of a seed: the first draw that keeps all promises.

    Parameters
    ----------
    seed
        The seed; draws are those of ``random.Random``.
    nodes, pods
        The most of each.
    """
    random = Random(f"packing {seed}")
    while True:
        drawn = draw_nodes(random, random.randint(2, nodes))
        workload = _workload(random, drawn, pods)
        if workload:
            return Packing(seed, tuple(drawn), tuple(workload))


def draw_nodes(
    random: Random, number: int, racks: int = 1, counts: Sequence[int] = (1, 2, 4, 8)
) -> list[Node]:
    """Return nodes of so many GPUs each, one in three with MIG, in racks one after the other."""
    found: list[Node] = []
    gpus = 0
    while len(found) < number:
        count = random.choice(counts)
        if found and gpus + count > MAX_GPUS:
            break
        gpus += count
        scarce = random.choice((0.75, 1.0, 1.0))
        index = len(found)
        found.append(
            Node(
                f"n{index:02}",
                int(CPU_A_GPU * count * scarce),
                int(MIB_A_GPU * count * random.choice((0.75, 1.0, 1.0))),
                count,
                "A100-80GB",
                GPU_MIB,
                labels=((RACK, f"r{index * racks // number}"),) if racks > 1 else (),
                sharing=(Mig(),) if random.random() < 0.35 else (),
            )
        )
    return found


def draw_shapes(random: Random, nodes: Sequence[Node]) -> list[Request]:
    """Return three to seven different shapes of pods; MIG only where some node has it."""
    most = max(node.gpu_count for node in nodes)
    asks: list[Ask] = [GpuShare(milli) for milli in random.sample(_SHARES, random.randint(1, 2))]
    if random.random() < 0.3:
        asks.append(GpuShare(random.choice((200, 300)), random.choice((24_000, 36_000))))
    counts = [count for count in (2, 3, 4, 8) if count <= most]
    asks += [WholeGpus(n) for n in random.sample(counts, min(len(counts), random.randint(1, 2)))]
    if random.random() < 0.7:
        asks.append(WholeGpus(1))
    if any(node.sharing for node in nodes):
        profiles = random.sample(_PROFILES, random.randint(1, 3))
        asks += [MigInstances(name, random.choice((1, 1, 1, 2))) for name in profiles]
    return [_shape(random, ask) for ask in asks]


_SHARES = (150, 200, 250, 300, 350, 400, 500, 600, 700, 750)
_PROFILES = ("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb")


def _shape(random: Random, ask: Ask) -> Request:
    plain = Request("", devices=(DeviceRequest(ask),))
    gpus = value_milli(plain) / GPU_MILLI
    cpu = int(CPU_A_GPU * gpus * random.choice((0.4, 0.7, 0.9, 1.1)))
    memory = int(MIB_A_GPU * gpus * random.choice((0.4, 0.7, 0.9, 1.1)))
    return Request("", cpu, memory, plain.devices)


def pods_of(shapes: Sequence[Request], prefix: str = "p") -> list[Request]:
    """Return pods of these shapes, named by their order."""
    return [named(shape, f"{prefix}{index:02}") for index, shape in enumerate(shapes)]


def named(shape: Request, uid: str, **fields: object) -> Request:
    """Return a pod of a shape."""
    kept = {
        "cpu_milli": shape.cpu_milli,
        "memory_mib": shape.memory_mib,
        "devices": shape.devices,
    }
    return Request(uid, **(kept | fields))  # type: ignore[arg-type]


def is_large(request: Request) -> bool:
    """Whether a pod asks for several GPUs or for MIG instances."""
    ask = request.devices[0].ask
    return isinstance(ask, MigInstances) or (isinstance(ask, WholeGpus) and ask.count > 1)


def demand(nodes: Sequence[Node], pods: Sequence[Request]) -> float:
    """Return what the pods ask for over what the nodes have, in GPUs."""
    return sum(map(value_milli, pods)) / (GPU_MILLI * sum(node.gpu_count for node in nodes))


def _workload(random: Random, nodes: Sequence[Node], most: int) -> list[Request]:
    """Return pods that keep the promises, or nothing when this draw does not."""
    shapes = draw_shapes(random, nodes)
    weights = [random.random() + 0.1 for _ in shapes]
    target = random.uniform(*DEMAND)
    drawn: list[Request] = []
    while demand(nodes, drawn) < target:
        if len(drawn) == most:
            return []
        drawn.append(random.choices(shapes, weights)[0])
    large = sum(map(is_large, drawn))
    fair = demand(nodes, drawn) <= DEMAND[1] and large >= MIN_LARGE * len(drawn)
    kinds = {(each.devices, each.cpu_milli, each.memory_mib) for each in drawn}
    return pods_of(drawn) if fair and len(kinds) >= MIN_SHAPES else []
