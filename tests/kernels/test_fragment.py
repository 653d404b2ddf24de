from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import fragment, governed
from fgd import UNTOUCHED, Search, check_search, hexes, scored, searches
from naive import Need, Node, PodClass, Request, Room, Slot
from strategies import call, ints


@given(st.data())
def test_the_fragmentation_of_a_node_is_that_of_the_protocol_to_the_last_bit(
    data: st.DataObject,
) -> None:
    cluster = data.draw(strategies.clusters(max_nodes=1, plain=True).filter(lambda c: c.nodes))
    classes = data.draw(strategies.workloads(cluster.kinds))
    node = cluster.nodes[0]
    arguments = strategies.workload_arguments(classes, cluster.kinds)
    fragmented = call(
        fragment.expected_fragment,
        arguments,
        cpu_free=node.cpu.free,
        idle=node.idle_milli,
        kind=node.kind.number if node.kind else -1,
        n_gpus=len(node.slots),
        free=ints([*node.free, 300, 1_000]),
        enough=ints([5] * arguments["levels"].size),
        stranded=ints([5] * arguments["levels"].size),
    )
    expected = naive.expected_fragment(node.cpu.free, node.kind, node.free, classes)
    assert float(fragmented).hex() == expected.hex()


@given(st.data())
def test_every_row_gets_its_fragmentation(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters(plain=True))
    classes = data.draw(strategies.workloads(cluster.kinds))
    rows = data.draw(strategies.subsets(len(cluster.nodes)))
    out = np.full(len(cluster.nodes), UNTOUCHED)
    call(
        fragment.node_fragments,
        strategies.cluster_arguments(cluster),
        strategies.workload_arguments(classes, cluster.kinds),
        rows=ints(rows),
        out=out,
    )
    lost = naive.node_fragments([cluster.nodes[row] for row in rows], classes)
    found = dict(zip(rows, lost, strict=True))
    everyone = range(len(cluster.nodes))
    assert hexes(out.tolist()) == hexes([found.get(row, UNTOUCHED) for row in everyone])


@given(searches(plain=True))
def test_fgd_scores_what_a_placement_saves_and_names_the_gpu(each: Search) -> None:
    def twin(*of: Any) -> tuple[float, int]:
        return naive.score_fgd(*of)

    check_search(fragment.score_fgd, each, twin)


@given(st.floats(-70_000.0, 70_000.0))
def test_a_score_is_a_sigmoid_of_the_gpus_that_are_saved(saved: float) -> None:
    score = fragment.sigmoid_score(saved)
    assert float(score).hex() == naive.sigmoid_score(saved).hex()
    assert 0.0 <= score <= 100.0


def test_a_node_without_gpus_is_scored_in_a_cluster_without_kinds_of_slots() -> None:
    cluster = strategies.cluster_of(Node(cpu=Room(4_000, 4_000)))
    classes = (PodClass(1_000, 1, 500, 1.0, frozenset()),)
    search = fragment.score_fgd, cluster, Request(cpu=1_000), classes, [0], 0
    assert scored(*search) == ([50.0], [])


@pytest.mark.parametrize("milli", [1_000, 999])
def test_a_share_of_all_of_a_gpu_goes_where_all_is_free(milli: int) -> None:
    """As do 1000 MiB of 1000, or 999, which are 999 milli-GPU."""
    node = Node(slots=(Slot(500), Slot(1_000), Slot(1_000)))
    classes = (PodClass(0, 1, 500, 1.0, frozenset({0}), needs=(Need(milli=500),)),)
    request = Request(count=1, needs=(Need(milli=milli),), share=True)
    cluster = strategies.cluster_of(node)
    assert scored(fragment.score_fgd, cluster, request, classes, [0], 1)[1] == [1]


def test_a_gpu_short_of_memory_does_not_stand_for_one_with_as_much_compute_free() -> None:
    node = Node(slots=(Slot(500, 100), Slot(500, 500), Slot(1_000, 1_000)))
    cluster = strategies.cluster_of(node)
    classes = (PodClass(0, 1, 1_000, 1.0, frozenset({0}), needs=(Need(milli=1_000),)),)
    request = Request(count=1, needs=(Need(milli=500, mib=500),), share=True)
    # Filling GPU 1 saves the half GPU that whole-GPU pods cannot use; breaking into GPU 2 loses.
    for kernel in (fragment.score_fgd, governed.score_fgd_governed):
        assert scored(kernel, cluster, request, classes, [0], 1) == ([62.0], [1])
