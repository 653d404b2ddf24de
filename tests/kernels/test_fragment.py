from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import fragment
from naive import Gpu, Node, PodClass, Request, Room
from strategies import Cluster, call, ints

UNTOUCHED = 7.5


def hexes(values: list[float]) -> list[str]:
    """Floats so that equal means equal to the last bit."""
    return [value.hex() for value in values]


def scored(
    cluster: Cluster, request: Request, classes: tuple[PodClass, ...], rows: list[int], n_best: int
) -> tuple[list[float], list[int]]:
    """Run the kernel; return the scores and, for ``n_best`` rows, the GPUs."""
    out = np.full(len(cluster.nodes), UNTOUCHED)
    best_gpu = np.full(n_best, -1, np.int8)
    # Every second row's fragmentation is known from before; of the others an old one is.
    version = np.arange(10, 10 + len(cluster.nodes))
    known_version = version - np.arange(len(cluster.nodes)) % 2
    known = np.full(len(cluster.nodes), UNTOUCHED)
    for row, node in enumerate(cluster.nodes):
        if known_version[row] == version[row]:
            known[row] = naive.node_fragments([node], classes)[0]
    call(
        fragment.score_fgd,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        strategies.workload_arguments(classes, cluster.n_models),
        rows=ints(rows),
        version=version,
        known_version=known_version,
        known=known,
        out=out,
        best_gpu=best_gpu,
    )
    naive_before = naive.node_fragments([cluster.nodes[row] for row in rows], classes)
    assert hexes(known[rows].tolist()) == hexes(naive_before)
    assert (known_version[rows] == version[rows]).all()
    return out.tolist(), [int(i) for i in best_gpu]


@given(st.data())
def test_the_fragmentation_of_a_node_is_that_of_the_protocol_to_the_last_bit(
    data: st.DataObject,
) -> None:
    cluster = data.draw(strategies.clusters(max_nodes=1).filter(lambda c: c.nodes))
    classes = data.draw(strategies.workloads(cluster.n_models))
    node = cluster.nodes[0]
    arguments = strategies.workload_arguments(classes, cluster.n_models)
    fragmented = call(
        fragment.expected_fragment,
        arguments,
        cpu_free=node.cpu.free,
        idle=node.idle_milli,
        model=node.model,
        n_gpus=len(node.gpus),
        free=ints([*node.free, 300, 1_000]),
        enough=ints([5] * arguments["levels"].size),
        stranded=ints([5] * arguments["levels"].size),
    )
    expected = naive.expected_fragment(node.cpu.free, node.model, node.free, classes)
    assert float(fragmented).hex() == expected.hex()


@given(st.data())
def test_every_row_gets_its_fragmentation(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters())
    classes = data.draw(strategies.workloads(cluster.n_models))
    rows = data.draw(strategies.subsets(len(cluster.nodes)))
    out = np.full(len(rows), UNTOUCHED)
    call(
        fragment.node_fragments,
        strategies.cluster_arguments(cluster),
        strategies.workload_arguments(classes, cluster.n_models),
        rows=ints(rows),
        out=out,
    )
    nodes = [cluster.nodes[row] for row in rows]
    assert hexes(out.tolist()) == hexes(naive.node_fragments(nodes, classes))


@given(st.data())
def test_fgd_scores_what_a_placement_saves_and_names_the_gpu(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters(max_nodes=3))
    classes = data.draw(strategies.workloads(cluster.n_models))
    request = data.draw(strategies.requests(cluster, modest=True))
    rows = data.draw(strategies.subsets(len(cluster.nodes)))
    rows = naive.refit(cluster.nodes, rows, request)[1]
    n_best = data.draw(st.sampled_from([0, len(cluster.nodes)]))
    scores, gpus = scored(cluster, request, classes, rows, n_best)
    twins = {row: naive.score_fgd(cluster.nodes[row], request, classes) for row in rows}
    everyone = range(len(cluster.nodes))
    wanted = [twins[row][0] if row in twins else UNTOUCHED for row in everyone]
    assert hexes(scores) == hexes(wanted)
    if n_best and request.count:
        assert gpus == [twins[row][1] if row in twins else -1 for row in everyone]


def test_a_node_without_gpus_is_scored_in_a_cluster_without_gpu_models() -> None:
    cluster = Cluster((Node(cpu=Room(4_000, 4_000)),), n_models=0, n_resources=0)
    classes = (PodClass(1_000, 1, 500, 1.0, frozenset()),)
    assert scored(cluster, Request(cpu=1_000), classes, [0], 0) == ([50.0], [])


@pytest.mark.parametrize("mib", [1_000, 999])
def test_a_request_for_all_memory_of_a_gpu_goes_where_all_is_free(mib: int) -> None:
    """999 MiB of 1000 are 999 milli-GPU, a share; 1000 MiB are a whole GPU."""
    node = Node(
        model=0, gpu_memory_mib=1_000, gpus=(Gpu(500, 500), Gpu(1_000, 1_000), Gpu(1_000, 1_000))
    )
    cluster = Cluster((node,), n_models=1, n_resources=0)
    classes = (PodClass(0, 1, 500, 1.0, frozenset({0})),)
    request = Request(count=1, mib=mib, models=frozenset({0}))
    assert scored(cluster, request, classes, [0], 1)[1] == [1]


def test_a_gpu_short_of_memory_does_not_stand_for_one_with_as_much_compute_free() -> None:
    gpus = (Gpu(500, 100), Gpu(500, 500), Gpu(1_000, 1_000))
    node = Node(model=0, gpu_memory_mib=1_000, gpus=gpus)
    cluster = Cluster((node,), n_models=1, n_resources=0)
    classes = (PodClass(0, 1, 1_000, 1.0, frozenset({0})),)
    request = Request(count=1, milli=500, models=frozenset({0}))
    # Filling GPU 1 saves the half GPU that whole-GPU pods cannot use; breaking into GPU 2 loses.
    assert naive.score_fgd(node, request, classes) == (62.0, 1)
    assert scored(cluster, request, classes, [0], 1) == ([62.0], [1])
