"""Slow and obvious twins of the kernels, one function a kernel, under the kernel's name.

They say what is meant, on plain Python data: sorted lists instead of searches, fractions instead
of integer tricks, six named sums for the fragmentation of a node. Where the kernels write into
arrays, the twins return values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from bayplan.scheduler.types import Reason

DEAD = -1
WHOLE = 1000
MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Room:
    """How much of something a node has, and how much of that is free (negative: overcommitted)."""

    total: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Gpu:
    """What is free of a GPU."""

    free_milli: int
    free_mib: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A node; without GPUs its model is -1. ``class_pods`` are its pods by GPU class."""

    alive: bool = True
    schedulable: bool = True
    labelled: bool = True
    cpu: Room = Room()
    memory: Room = Room()
    resources: tuple[Room, ...] = ()
    model: int = -1
    anonymous: bool = False
    gpu_memory_mib: int = 0
    gpus: tuple[Gpu, ...] = ()
    class_pods: tuple[int, ...] = ()

    @property
    def idle_milli(self) -> int:
        """The free milli-GPU of all GPUs."""
        return sum(gpu.free_milli for gpu in self.gpus)

    @property
    def free(self) -> list[int]:
        """The free milli of each GPU."""
        return [gpu.free_milli for gpu in self.gpus]


@dataclass(frozen=True, slots=True)
class Request:
    """A request; ``models`` are the allowed ones, ``resources`` (column or -1, amount) pairs."""

    cpu: int = 0
    memory: int = 0
    count: int = 0
    milli: int = 0
    mib: int = 0
    models: frozenset[int] = frozenset()
    resources: tuple[tuple[int, int], ...] = ()
    needs_labels: bool = False

    def milli_on(self, node: Node) -> int:
        """The milli-GPU that each device takes on a node."""
        return needed_milli(self.milli, self.mib, node.gpu_memory_mib)

    def mib_on(self, node: Node) -> int:
        """The MiB that each device takes on a node."""
        return needed_mib(self.milli, self.mib, node.gpu_memory_mib)


@dataclass(frozen=True, slots=True)
class PodClass:
    """A typical pod of a workload, and how common it is."""

    cpu: int
    count: int
    milli: int
    weight: float
    models: frozenset[int]


# --- hashing -----------------------------------------------------------------------------------


def mix(key: int, value: int) -> int:
    """SplitMix64's output for the state ``key + golden ratio × (value + 1)``."""
    z = (key + 0x9E3779B97F4A7C15 * (value + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


# --- fit ---------------------------------------------------------------------------------------


def needed_milli(milli: int, mib: int, gpu_memory_mib: int) -> int:
    """What is asked, or the part of the GPU's memory that is asked, rounded down, but something."""
    if milli or not mib:
        return milli
    if not gpu_memory_mib:
        return WHOLE + 1
    return math.floor(Fraction(mib, gpu_memory_mib) * WHOLE) or 1


def needed_mib(milli: int, mib: int, gpu_memory_mib: int) -> int:
    """What is asked, or the memory that goes with the part of the GPU, rounded down."""
    return mib or math.floor(Fraction(milli, WHOLE) * gpu_memory_mib)


def fitting_gpus(gpus: Sequence[Gpu], milli: int, mib: int) -> list[bool]:
    """Whether each GPU has room."""
    return [gpu.free_milli >= milli and gpu.free_mib >= mib for gpu in gpus]


def code(node: Node, request: Request) -> int:
    """The first of all reasons for which a request does not fit a node."""
    if not node.alive:
        return DEAD
    return min(_reasons(node, request), default=Reason.FITS)


def _reasons(node: Node, request: Request) -> list[Reason]:
    tests = {
        Reason.CORDONED: not node.schedulable,
        Reason.NODE_LABELS: request.needs_labels and not node.labelled,
        Reason.CPU_CAPACITY: node.cpu.total < request.cpu,
        Reason.MEMORY_CAPACITY: node.memory.total < request.memory,
        Reason.RESOURCE_CAPACITY: any(
            column < 0 or node.resources[column].total < amount
            for column, amount in request.resources
        ),
        Reason.CPU_FREE: node.cpu.free < request.cpu,
        Reason.MEMORY_FREE: node.memory.free < request.memory,
        Reason.RESOURCE_FREE: any(
            column >= 0 and node.resources[column].free < amount
            for column, amount in request.resources
        ),
    }
    if request.count:
        milli, mib = request.milli_on(node), request.mib_on(node)
        too_small = milli > WHOLE or mib > node.gpu_memory_mib
        tests |= {
            Reason.GPU_MODEL: bool(node.gpus) and node.model not in request.models,
            Reason.GPU_COUNT: len(node.gpus) < request.count or too_small,
            Reason.GPU_ANONYMOUS: node.anonymous and milli < WHOLE,
            Reason.GPU_FREE: sum(fitting_gpus(node.gpus, milli, mib)) < request.count,
        }
    return [reason for reason, holds in tests.items() if holds]


def refit(
    nodes: Sequence[Node], rows: Sequence[int], request: Request
) -> tuple[dict[int, int], list[int]]:
    """The code of each of ``rows``, and those that fit."""
    codes = {row: code(nodes[row], request) for row in rows}
    return codes, [row for row in rows if codes[row] == Reason.FITS]


def count_codes(codes: Sequence[int], candidates: Collection[int]) -> list[int]:
    """How many rows have each reason; who is no candidate is excluded."""
    counts = Counter(
        reason if row in candidates else Reason.EXCLUDED
        for row, reason in enumerate(codes)
        if reason != DEAD
    )
    return [counts[reason] for reason in Reason]


# --- choose ------------------------------------------------------------------------------------


def choose_first(gpus: Sequence[Gpu], count: int, milli: int, mib: int) -> list[int]:
    """The first that fit."""
    return _fitting(gpus, milli, mib)[:count]


def choose_best_fit(gpus: Sequence[Gpu], count: int, milli: int, mib: int) -> list[int]:
    """The fullest that fit."""
    return sorted(_fitting(gpus, milli, mib), key=lambda i: (gpus[i].free_milli, i))[:count]


def choose_worst_fit(gpus: Sequence[Gpu], count: int, milli: int, mib: int) -> list[int]:
    """The emptiest that fit."""
    return sorted(_fitting(gpus, milli, mib), key=lambda i: (-gpus[i].free_milli, i))[:count]


def choose_hashed(gpus: Sequence[Gpu], count: int, milli: int, mib: int, key: int) -> list[int]:
    """Those with the least hashes that fit."""
    return sorted(_fitting(gpus, milli, mib), key=lambda i: mix(key, i))[:count]


def _fitting(gpus: Sequence[Gpu], milli: int, mib: int) -> list[int]:
    return [i for i, fits in enumerate(fitting_gpus(gpus, milli, mib)) if fits]


# --- score -------------------------------------------------------------------------------------


def score_best_fit(node: Node, request: Request, cpu_scale: float, gpu_scale: float) -> float:
    """The baseline BestFit of the FGD paper."""
    gpu_request = request.count * request.milli_on(node)
    cpu_left = 0.5 * (node.cpu.free - request.cpu) / cpu_scale
    gpu_left = 0.5 * (node.idle_milli - gpu_request) / gpu_scale
    return float(int(100 * (1 - (cpu_left + gpu_left))))


def score_dot_product(node: Node, request: Request, cpu_scale: float, gpu_scale: float) -> float:
    """The baseline DotProd of the FGD paper."""
    gpu_request = request.count * request.milli_on(node)
    # Not ``sum``: from Python 3.12 on it compensates for rounding.
    product = (node.cpu.free / cpu_scale) * (request.cpu / cpu_scale)
    product += (node.idle_milli / gpu_scale) * (gpu_request / gpu_scale)
    return float(int(100 * (1 - 0.5 * product)))


def score_gpu_clustering(node: Node, gpu_class: int, gpu_scale: int) -> float:
    """The baseline GpuClustering of the FGD paper."""
    if gpu_class < 0:
        return 0.0
    present = {k for k, pods in enumerate(node.class_pods) if pods}
    bonus = 75 if present == {gpu_class} else 50 if gpu_class in present else 0 if present else 25
    scale = max(gpu_scale, WHOLE * len(node.gpus))
    return float(math.floor(25 * Fraction(scale - node.idle_milli, scale)) + bonus)


def score_gpu_packing(node: Node, request: Request) -> float:
    """The baseline GpuPacking of the FGD paper."""
    if not request.count:
        return 0.0
    n_gpus = len(node.gpus)
    if all(free == WHOLE for free in node.free):
        return float(min(max(33 - n_gpus, n_gpus), 32))
    each = request.milli_on(node), request.mib_on(node)
    chosen = [node.free[i] for i in choose_best_fit(node.gpus, request.count, *each)]
    fresh = chosen.count(WHOLE)
    if fresh:
        return float(max(50 - fresh, 33))
    percents = [math.floor(Fraction(free * 100, WHOLE)) for free in chosen]
    return float(max(100 - math.floor(Fraction(sum(percents), 10)), 50))


# --- fragment ----------------------------------------------------------------------------------


def expected_fragment(
    cpu_free: int, model: int, free: Sequence[int], classes: Sequence[PodClass]
) -> float:
    """F(n): the shares times f(n, m), in six sums over the classes in order, then added up."""
    sums = dict.fromkeys(
        ("lack both", "lack GPU", "lack CPU", "CPU only, fits", "CPU only, does not", "no access"),
        0.0,
    )
    for typical in classes:
        kind, fragment = _class_fragment(cpu_free, model, free, typical)
        sums[kind] += typical.weight * fragment
    total = 0.0
    for part in sums.values():
        total += part
    return total


def _class_fragment(
    cpu_free: int, model: int, free: Sequence[int], typical: PodClass
) -> tuple[str, int]:
    idle = sum(free)
    enough_cpu = cpu_free >= typical.cpu
    if not typical.count:
        return ("CPU only, fits" if enough_cpu else "CPU only, does not"), idle
    if model not in typical.models:
        return "no access", idle
    if len([x for x in free if x >= typical.milli]) < typical.count:
        return ("lack GPU" if enough_cpu else "lack both"), idle
    if not enough_cpu:
        return "lack CPU", idle
    return "lack GPU", sum(x for x in free if x < typical.milli)


def node_fragments(nodes: Sequence[Node], classes: Sequence[PodClass]) -> list[float]:
    """F(n) of each node."""
    return [expected_fragment(n.cpu.free, n.model, n.free, classes) for n in nodes]


def score_fgd(node: Node, request: Request, classes: Sequence[PodClass]) -> tuple[float, int]:
    """The FGD score of a node that fits, and the first GPU to take there (-1: it takes none)."""
    milli, mib = request.milli_on(node), request.mib_on(node)
    if request.count == 1 and milli < WHOLE:
        choices = [[i] for i in _fitting(node.gpus, milli, mib)]
    else:
        choices = [choose_best_fit(node.gpus, request.count, milli, mib)]
    before = expected_fragment(node.cpu.free, node.model, node.free, classes)
    cpu_after = node.cpu.free - request.cpu
    scores = []
    for gpus in choices:
        free = [x - milli if i in gpus else x for i, x in enumerate(node.free)]
        after = expected_fragment(cpu_after, node.model, free, classes)
        scores.append(int(100 * _sigmoid((before - after) / 1000)))
    best = scores.index(max(scores))
    return float(scores[best]), choices[best][0] if request.count else -1


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# --- pick --------------------------------------------------------------------------------------


def pick_first_among(column: Sequence[float], candidates: Collection[int]) -> int:
    """The lowest row among the highest scores."""
    return min(_highest(column, candidates), default=-1)


def pick_hashed(
    column: Sequence[float], candidates: Collection[int], salt: int, keys: Sequence[int]
) -> int:
    """The row with the least hash among the highest scores."""
    ranked = sorted((mix(salt, keys[row]), row) for row in _highest(column, candidates))
    return ranked[0][1] if ranked else -1


def _highest(column: Sequence[float], candidates: Collection[int]) -> list[int]:
    fitting = [row for row in candidates if column[row] > -math.inf]
    best = max((column[row] for row in fitting), default=math.inf)
    return [row for row in fitting if column[row] == best]


# --- change ------------------------------------------------------------------------------------


def change_room(
    node: Node, sign: int, cpu: int, memory: int, grants: Sequence[tuple[int, int, int]]
) -> Node:
    """The node after a change; grants are (index on the node, milli, MiB)."""
    gpus = list(node.gpus)
    for index, milli, mib in grants:
        gpu = gpus[index]
        gpus[index] = Gpu(gpu.free_milli + sign * milli, gpu.free_mib + sign * mib)
    return replace(
        node,
        cpu=replace(node.cpu, free=node.cpu.free + sign * cpu),
        memory=replace(node.memory, free=node.memory.free + sign * memory),
        gpus=tuple(gpus),
    )


def changed_rows(history: Sequence[int], since: int) -> list[int]:
    """The rows of the changes after number ``since``, by their latest; the first change is 1."""
    latest = {row: number for number, row in enumerate(history, start=1)}
    return sorted((row for row in latest if latest[row] > since), key=lambda row: latest[row])
