"""Searches for the slot that fragments a node least, for the two kernels that do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

import naive
import strategies
from naive import Node, PodClass, Request
from strategies import Cluster, call, ints

UNTOUCHED = 7.5


def hexes(values: list[float]) -> list[str]:
    """Floats so that equal means equal to the last bit."""
    return [value.hex() for value in values]


def scored(
    kernel: Callable[..., None],
    cluster: Cluster,
    request: Request,
    classes: tuple[PodClass, ...],
    rows: list[int],
    n_best: int,
) -> tuple[list[float], list[int]]:
    """Run a kernel; return the scores and, for ``n_best`` rows, the slots."""
    out = np.full(len(cluster.nodes), UNTOUCHED)
    best_slot = np.full(n_best, -1, np.int16)
    # Every second row's fragmentation is known from before; of the others an old one is.
    version = np.arange(10, 10 + len(cluster.nodes))
    known_version = version - np.arange(len(cluster.nodes)) % 2
    known = np.full(len(cluster.nodes), UNTOUCHED)
    for row, node in enumerate(cluster.nodes):
        if known_version[row] == version[row]:
            known[row] = naive.fragments([node], classes)[0]
    call(
        kernel,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        strategies.workload_arguments(classes, cluster.kinds),
        rows=ints(rows),
        version=version,
        known_version=known_version,
        known=known,
        out=out,
        best_slot=best_slot,
    )
    naive_before = naive.fragments([cluster.nodes[row] for row in rows], classes)
    assert hexes(known[rows].tolist()) == hexes(naive_before)
    assert (known_version[rows] == version[rows]).all()
    return out.tolist(), [int(i) for i in best_slot]


@dataclass(frozen=True)
class Search:
    """A request, a workload, and some rows where the request fits."""

    cluster: Cluster
    request: Request
    classes: tuple[PodClass, ...]
    rows: list[int]
    n_best: int


@st.composite
def searches(draw: st.DrawFn, plain: bool) -> Search:
    """On rows of ungoverned GPUs, or on others."""
    if not plain and draw(st.booleans()):
        cluster, request = draw(strategies.gpu_questions(fits=True))
        if draw(st.booleans()):
            request = replace(request, cpu=0, count=1, share=True)
    else:
        cluster = draw(strategies.clusters(max_nodes=3, plain=plain))
        request = draw(strategies.requests(cluster, modest=True))
    rows = naive.refit(cluster.nodes, draw(strategies.subsets(len(cluster.nodes))), request)[1]
    if not plain:
        rows = [row for row in rows if not cluster.nodes[row].is_plain]
    n_best = draw(st.sampled_from([0, len(cluster.nodes)])) if request.count else 0
    return Search(cluster, request, draw(strategies.workloads(cluster.kinds)), rows, n_best)


def check_search(
    kernel: Callable[..., None],
    each: Search,
    twin: Callable[[Node, Request, tuple[PodClass, ...]], tuple[float, int]],
) -> None:
    nodes = each.cluster.nodes
    scores, slots = scored(kernel, each.cluster, each.request, each.classes, each.rows, each.n_best)
    found = {row: twin(nodes[row], each.request, each.classes) for row in each.rows}
    everyone = range(len(nodes))
    wanted = [found[row][0] if row in found else UNTOUCHED for row in everyone]
    assert hexes(scores) == hexes(wanted)
    if each.n_best and each.request.share:
        assert slots == [found[row][1] if row in found else -1 for row in everyone]
