"""Random clusters, requests and workloads, and the arrays that the kernels take of them.

Amounts come from small pools that nodes and requests share, so that "exactly enough" and "one
too few" are common.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

import naive
from naive import Gpu, Node, PodClass, Request, Room

Result = TypeVar("Result")

CPU = (0, 1_000, 3_152, 3_999, 4_000, 4_001, 11_400, 96_000, 128_000)
MEMORY = (0, 512, 1_023, 1_024, 65_536)
AMOUNTS = (0, 1, 2, 4)
MILLI = (1, 100, 333, 499, 500, 501, 810, 1_000)
FREE_MILLI = (0, 100, 333, 499, 500, 501, 810, 999, 1_000, 1_000)
GPU_MEMORY = (0, 1, 999, 1_000, 15_109, 16_384, 81_920)
GPU_COUNTS = (1, 1, 1, 2, 4, 8)
ELSEWHERE = 700
"""Free milli and MiB of the GPUs in the flat arrays that belong to no node."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes in the order of their rows, and how many GPUs of nobody precede the first GPU."""

    nodes: tuple[Node, ...]
    n_models: int
    n_resources: int
    gap: int = 0


# --- strategies --------------------------------------------------------------------------------


def rooms(pool: Sequence[int]) -> st.SearchStrategy[Room]:
    """A capacity, and what is free of it; capacity that shrank leaves less than nothing."""
    total = st.sampled_from(pool)
    untouched = total.map(lambda n: Room(n, n))
    used = st.tuples(total, total).map(lambda pair: Room(max(pair), min(pair)))
    shrunk = total.map(lambda n: Room(n, -1))
    kinds = (untouched,) * 6 + (used,) * 5 + (shrunk,)
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


@st.composite
def gpus(draw: st.DrawFn, memory: int, whole_only: bool = False) -> tuple[Gpu, ...]:
    """1 to 8 GPUs, sometimes up to 64; a GPU with all its milli has all its memory."""
    milli = st.sampled_from((0, 1_000)) if whole_only else st.sampled_from(FREE_MILLI)
    mib = st.sampled_from((memory, memory, memory, max(memory - 1, 0), memory // 2, 0))
    size = draw(st.sampled_from((1, 2, 4, 8)))
    pattern = draw(st.lists(st.tuples(milli, mib), min_size=size, max_size=size))
    repeated = pattern * draw(st.sampled_from((1, 1, 1, 1, 8)))
    if whole_only:
        return tuple(Gpu(m, memory if m else 0) for m, _ in repeated)
    return tuple(Gpu(m, memory if m == naive.WHOLE else f) for m, f in repeated)


@st.composite
def nodes(draw: st.DrawFn, n_models: int, n_resources: int) -> Node:
    """A node with or without GPUs, or a row that has no node."""
    fate = draw(st.sampled_from(("alive",) * 8 + ("cordoned", "dead")))
    resources = tuple(draw(rooms(AMOUNTS)) for _ in range(n_resources))
    if fate == "dead":
        nothing = (Room(),) * n_resources
        return Node(alive=False, schedulable=False, labelled=False, resources=nothing)
    host = Node(
        schedulable=fate == "alive",
        labelled=draw(st.sampled_from((True, True, False))),
        cpu=draw(rooms(CPU)),
        memory=draw(rooms(MEMORY)),
        resources=resources,
        class_pods=draw(st.sampled_from(((), (0, 0, 0), (1,), (0, 3), (2, 1), (0, 0, 5)))),
    )
    if not n_models or draw(st.sampled_from((False,) * 5 + (True,))):
        return host
    memory = draw(st.sampled_from(GPU_MEMORY))
    anonymous = draw(st.sampled_from((False,) * 5 + (True,)))
    return replace(
        host,
        model=draw(st.integers(0, n_models - 1)),
        anonymous=anonymous,
        gpu_memory_mib=memory,
        gpus=draw(gpus(memory, anonymous)),
    )


@st.composite
def clusters(draw: st.DrawFn, max_nodes: int = 5) -> Cluster:
    """Up to ``max_nodes`` rows, sometimes without a GPU among them."""
    n_models = draw(st.sampled_from((1, 2, 2, 2, 1, 3, 2, 0)))
    n_resources = draw(st.sampled_from((0, 0, 1, 2)))
    size = draw(st.sampled_from((*range(1, max_nodes + 1), max_nodes, max_nodes, 0)))
    rows = [draw(nodes(n_models, n_resources)) for _ in range(size)]
    return Cluster(tuple(rows), n_models, n_resources, draw(st.sampled_from((0, 3))))


def subsets(n: int) -> st.SearchStrategy[list[int]]:
    """Some of the numbers below ``n``, in any order."""
    if not n:
        return st.just([])
    everyone = st.permutations(range(n)).map(list)
    return st.one_of(everyone, st.lists(st.integers(0, n - 1), unique=True))


@st.composite
def devices(draw: st.DrawFn, node: Node) -> tuple[int, int, int]:
    """(count, milli, MiB): nothing, whole GPUs, shares by compute, by memory or by both.

    The amounts are those that some GPU of ``node`` has, or next to them.
    """
    kind = draw(st.sampled_from(("milli", "whole", "milli", "nothing", "mib", "both")))
    if kind == "nothing":
        return 0, 0, 0
    having = [gpu for gpu in node.gpus if gpu.free_milli] or [Gpu(500, 500)]
    gpu = draw(st.sampled_from(having))
    count = draw(st.sampled_from((1, 1, *GPU_COUNTS, min(len(having), 8), len(having))))
    milli = draw(st.sampled_from((*MILLI, gpu.free_milli)))
    size = node.gpu_memory_mib
    mib = draw(st.sampled_from((1, size // 2, size - 1, size, size + 1, gpu.free_mib)))
    return {
        "whole": (count, naive.WHOLE, 0),
        "milli": (count, milli, 0),
        "mib": (count, 0, max(1, mib)),
        "both": (count, milli, max(1, mib)),
    }[kind]


def amounts(room: Room, modest: bool) -> st.SearchStrategy[int]:
    """Nothing, or about as much as a node has or has left."""
    left = max(room.free, 0)
    if modest:
        return st.sampled_from((0, 0, 0, left // 2, left))
    return st.sampled_from((0, left // 2, *(left,) * 5, left + 1, room.total, room.total + 1))


@st.composite
def requests(draw: st.DrawFn, cluster: Cluster, modest: bool = False) -> Request:
    """A request made with some node in mind; a ``modest`` one has all that it needs beside GPUs."""
    usual = [n for n in cluster.nodes if n.gpus and n.schedulable] or cluster.nodes or [Node()]
    node = draw(st.sampled_from(usual))
    count, milli, mib = draw(devices(node))
    cpu, memory = draw(amounts(node.cpu, modest)), draw(amounts(node.memory, modest))
    every = frozenset(range(cluster.n_models))
    if modest:
        return Request(cpu, memory, count, milli, mib, every)
    some = frozenset(draw(subsets(cluster.n_models)))
    resources = [(k, draw(amounts(room, modest))) for k, room in enumerate(node.resources)]
    unknown = [(-1, draw(st.sampled_from(AMOUNTS)))]
    return Request(
        cpu,
        memory,
        count,
        milli,
        mib,
        draw(st.sampled_from((every, every, every, some))),
        tuple(resources + draw(st.sampled_from(([],) * 7 + (unknown,)))),
        draw(st.sampled_from((False, False, False, True))),
    )


@st.composite
def workloads(draw: st.DrawFn, n_models: int) -> tuple[PodClass, ...]:
    """Typical pods with GPUs, then those without; shares are counts over their total."""
    some = st.one_of(st.just(range(n_models)), subsets(n_models)).map(frozenset)
    cpu, n_pods = st.sampled_from(CPU), st.integers(1, 1_300)
    count, milli = st.sampled_from(GPU_COUNTS), st.sampled_from(MILLI)
    with_gpus = draw(st.lists(st.builds(PodClass, cpu, count, milli, n_pods, some), max_size=8))
    cpu_only = st.builds(PodClass, cpu, st.just(0), st.just(0), n_pods, st.just(frozenset()))
    without = draw(st.lists(cpu_only, max_size=3, min_size=0 if with_gpus else 1))
    total = sum(typical.weight for typical in with_gpus + without)
    return tuple(replace(c, weight=c.weight / total) for c in with_gpus + without)


# --- what kernels take, by the names of their parameters ---------------------------------------


def call(kernel: Callable[..., Result], *arguments: Mapping[str, Any], **more: Any) -> Result:
    """Call a kernel with the arguments that its parameters name, and leave the others out."""
    given: dict[str, Any] = {}
    for mapping in (*arguments, more):
        given.update(mapping)
    names = inspect.signature(getattr(kernel, "py_func", kernel)).parameters
    return kernel(*[given[name] for name in names])


def ints(values: Sequence[int] | Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """An array of integers."""
    return np.array(values, np.int64)


def mask(size: int, chosen: Sequence[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A mask with the chosen rows."""
    result = np.zeros(size, np.bool_)
    result[list(chosen)] = True
    return result


def gpu_arguments(gpus: Sequence[Gpu], gap: int) -> dict[str, Any]:
    """The flat GPU arrays, with GPUs of nobody on both sides."""
    around = [ELSEWHERE] * gap
    return {
        "gpu_free_milli": ints([*around, *(gpu.free_milli for gpu in gpus), *around]),
        "gpu_free_mib": ints([*around, *(gpu.free_mib for gpu in gpus), *around]),
    }


def cluster_arguments(cluster: Cluster) -> dict[str, Any]:
    """The arrays of a cluster."""
    rows = cluster.nodes
    counts = [len(node.gpus) for node in rows]
    starts = [cluster.gap + sum(counts[:i]) if n else 0 for i, n in enumerate(counts)]
    n_classes = max((len(node.class_pods) for node in rows), default=0)
    class_pods = np.zeros((len(rows), n_classes), np.int32)
    for row, node in enumerate(rows):
        class_pods[row, : len(node.class_pods)] = node.class_pods
    shape = (len(rows), cluster.n_resources)
    return {
        "alive": np.array([node.alive for node in rows], np.bool_),
        "schedulable": np.array([node.schedulable for node in rows], np.bool_),
        "anonymous": np.array([node.anonymous for node in rows], np.bool_),
        "cpu_milli": ints([node.cpu.total for node in rows]),
        "cpu_free_milli": ints([node.cpu.free for node in rows]),
        "memory_mib": ints([node.memory.total for node in rows]),
        "memory_free_mib": ints([node.memory.free for node in rows]),
        "resources": ints([[r.total for r in n.resources] for n in rows]).reshape(shape),
        "resources_free": ints([[r.free for r in n.resources] for n in rows]).reshape(shape),
        "model": ints([node.model for node in rows]),
        "gpu_start": ints(starts),
        "gpu_count": ints(counts),
        "gpu_memory_mib": ints([node.gpu_memory_mib for node in rows]),
        "idle_milli": ints([node.idle_milli for node in rows]),
        "class_pods": class_pods,
        **gpu_arguments([gpu for node in rows for gpu in node.gpus], cluster.gap),
    }


def request_arguments(request: Request, cluster: Cluster) -> dict[str, Any]:
    """What a request is to the kernels."""
    labelled = [row for row, node in enumerate(cluster.nodes) if node.labelled]
    return {
        "cpu": request.cpu,
        "memory": request.memory,
        "count": request.count,
        "milli": request.milli,
        "mib": request.mib,
        "allowed": mask(cluster.n_models, sorted(request.models)),
        "labelled": mask(len(cluster.nodes), labelled) if request.needs_labels else mask(0, []),
        "wanted": ints([column for column, _ in request.resources]),
        "amounts": ints([amount for _, amount in request.resources]),
    }


def workload_arguments(classes: Sequence[PodClass], n_models: int) -> dict[str, Any]:
    """What a workload is to the kernels."""
    levels = sorted({typical.milli for typical in classes if typical.count})
    allowed = [[model in typical.models for typical in classes] for model in range(n_models)]
    return {
        "levels": ints(levels),
        "n_gpu_classes": sum(1 for typical in classes if typical.count),
        "class_cpu": ints([typical.cpu for typical in classes]),
        "class_count": ints([typical.count for typical in classes]),
        "class_level": ints([levels.index(c.milli) if c.count else 0 for c in classes]),
        "class_weight": np.array([typical.weight for typical in classes], np.float64),
        "class_allowed": np.array(allowed, np.bool_).reshape(n_models, len(classes)),
    }
