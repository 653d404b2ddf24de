from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import governed
from fgd import UNTOUCHED, Search, check_search, hexes, scored, searches
from naive import Kind, Need, Node, PodClass, Request, Slot
from strategies import MORE, PROFILES, call, ints


@given(st.data())
def test_slots_are_lost_to_what_finds_no_place_or_seat_on_them(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters(max_nodes=1).filter(lambda c: c.nodes))
    classes = data.draw(strategies.workloads(cluster.kinds))
    (node,) = cluster.nodes
    arguments = strategies.workload_arguments(classes, cluster.kinds)
    slots = strategies.slot_arguments(node.slots, cluster.kinds, gap=0)
    more = [1, 0]
    fragmented = call(
        governed.governed_fragment,
        arguments,
        cpu_free=node.cpu.free,
        idle=node.idle_milli,
        n_slots=len(node.slots),
        free=ints([*slots["slot_free_milli"], *more]),
        able=ints([*slots["slot_able"], *more]),
        kinds=ints([*slots["slot_kind"], *more]),
        enough=ints([5] * arguments["levels"].size),
        stranded=ints([5] * arguments["levels"].size),
    )
    expected = naive.governed_fragment(node.cpu.free, node.slots, classes)
    assert float(fragmented).hex() == expected.hex()


@given(st.data())
def test_every_row_gets_what_is_lost_of_it(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters())
    classes = data.draw(strategies.workloads(cluster.kinds))
    rows = data.draw(strategies.subsets(len(cluster.nodes)))
    out = np.full(len(cluster.nodes), UNTOUCHED)
    call(
        governed.governed_fragments,
        strategies.cluster_arguments(cluster),
        strategies.workload_arguments(classes, cluster.kinds),
        rows=ints(rows),
        out=out,
    )
    lost = naive.governed_fragments([cluster.nodes[row] for row in rows], classes)
    found = dict(zip(rows, lost, strict=True))
    everyone = range(len(cluster.nodes))
    assert hexes(out.tolist()) == hexes([found.get(row, UNTOUCHED) for row in everyone])


@MORE
@given(searches(plain=False))
def test_fgd_scores_slots_of_any_kinds_by_what_still_finds_a_place(each: Search) -> None:
    def twin(*of: Any) -> tuple[float, int]:
        return naive.score_fgd_governed(*of)

    check_search(governed.score_fgd_governed, each, twin)


def test_a_mig_gpu_is_fragmented_where_no_legal_start_is_left() -> None:
    """A small instance goes beside another, and not onto the GPU with more of it free."""
    mig = Kind(plain=False, units=4, profiles=PROFILES)
    half = Need(milli=500, thing=2, most=2)
    classes = (PodClass(0, 1, 0, 1.0, frozenset({0}), stacks=True, needs=(half,)),)
    # One unit in each half: much is free, and nothing can come.
    split = Node(slots=(Slot(500, 0, mig, units=frozenset({1, 2})),))
    assert naive.fragments([split], classes) == [500.0]
    assert naive.governed_fragment(0, split.slots, classes) == 500.0
    one = Node(slots=(Slot(750, 0, mig, units=frozenset({3})),))
    assert naive.fragments([one], classes) == [0.0]
    # The rule tries 0 first, where the half that was whole breaks.
    request = Request(count=1, needs=(Need(milli=250, thing=0),), share=True)
    cluster = strategies.cluster_of(
        one, replace(one, slots=(Slot(500, 0, mig, units=frozenset({2, 3})),))
    )
    expected = [naive.sigmoid_score(-500.0), naive.sigmoid_score(-250.0)]
    found = scored(governed.score_fgd_governed, cluster, request, classes, [0, 1], 2)
    assert found == (expected, [0, 0])
