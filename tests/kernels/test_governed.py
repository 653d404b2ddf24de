from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import governed
from fgd import UNTOUCHED, Search, check_search, hexes, scored, searches
from naive import Kind, Need, Node, PodClass, Request, Slot
from strategies import MORE, PROFILES, Cluster, call, ints


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


def test_a_pod_of_several_instances_may_have_them_on_one_gpu() -> None:
    mig = Kind(plain=False, units=4, profiles=PROFILES)
    slots = (Slot(1_000, 0, mig), Slot(250, 0, mig, units=frozenset({0, 1, 2})))
    for count, lost in [(4, 0.0), (5, 0.0), (6, 1_250.0)]:
        one = Need(milli=250, thing=0, most=4)
        classes = (PodClass(0, count, 0, 1.0, frozenset({0}), stacks=True, needs=(one,)),)
        assert naive.governed_fragment(0, slots, classes) == lost
        arguments = strategies.workload_arguments(classes, (mig,))
        arrays = strategies.slot_arguments(slots, (mig,), gap=0)
        fragmented = call(
            governed.governed_fragment,
            arguments,
            cpu_free=0,
            idle=1_250,
            n_slots=2,
            free=arrays["slot_free_milli"],
            able=arrays["slot_able"],
            kinds=arrays["slot_kind"],
            enough=ints([0]),
            stranded=ints([0]),
        )
        assert fragmented == lost


TRIED = Kind(0, plain=False, units=4, profiles=PROFILES)
SHARED = Kind(1, plain=False, seats=3)


@pytest.mark.parametrize(
    "slots",
    [
        # What an earlier trial took of a slot is there again for the next.
        (Slot(1_000, 0, TRIED), Slot(750, 0, TRIED, units=frozenset({3}))),
        (Slot(750, 0, TRIED, units=frozenset({3})), Slot(500, 0, TRIED, units=frozenset({2, 3}))),
        (Slot(500, 0, TRIED, units=frozenset({0, 1})), Slot(1_000, 0, TRIED)),
        (Slot(1_000, 0, SHARED), Slot(750, 0, SHARED, clients=1)),
        (Slot(900, 0, SHARED, clients=2), Slot(900, 0, SHARED, clients=1)),
        # The first, with one more, would look like the second.
        (Slot(500, 0, TRIED, units=frozenset({0})), Slot(500, 0, TRIED, units=frozenset({0, 1}))),
        # Slots that look alike and are of two kinds.
        (Slot(1_000, 0, SHARED), Slot(1_000, 0, TRIED)),
        (Slot(1_000, 0, TRIED), Slot(1_000, 0, SHARED)),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("typical", [2, 3, 4, 5, naive.SEAT])
@pytest.mark.parametrize("asked", [0, 1])
def test_each_trial_of_a_share_starts_from_the_node_as_it_is(
    slots: tuple[Slot, ...], typical: int, asked: int
) -> None:
    size = PROFILES[typical].size if typical != naive.SEAT else 4
    wants = (Need(milli=250 * size, thing=typical), Need(milli=250 * size))
    classes = (PodClass(0, 1, 250 * size, 1.0, frozenset({0}), needs=wants),)
    needs = (Need(milli=250, thing=asked), Need(milli=250))
    request = Request(count=1, needs=needs, share=True)
    cluster = Cluster((Node(slots=slots),), (TRIED, SHARED))
    found = scored(governed.score_fgd_governed, cluster, request, classes, [0], 1)
    score, slot = naive.score_fgd_governed(cluster.nodes[0], request, classes)
    assert found == ([score], [slot])


def test_a_slot_short_of_memory_does_not_stand_for_one_that_is_like_it() -> None:
    slots = Slot(500, 100, SHARED, clients=1), Slot(500, 500, SHARED, clients=1)
    node = Node(slots=(*slots, Slot(1_000, 1_000, SHARED)))
    cluster = Cluster((node,), (TRIED, SHARED))
    whole = Need(milli=1_000)
    classes = (PodClass(0, 1, 1_000, 1.0, frozenset({0}), needs=(whole, whole)),)
    half = Need(milli=500, mib=500)
    request = Request(count=1, needs=(half, half), share=True)
    found = scored(governed.score_fgd_governed, cluster, request, classes, [0], 1)
    assert found == ([62.0], [1])
