from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import mig
from naive import Need, Node, Slot
from strategies import N_MASKS, call

UNTOUCHED = 7.5
GAINS = (-3.0, -2.5, -1.0, -0.5, 0.0)


@given(st.data())
def test_the_best_place_counts_and_its_first_slot_is_named(data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        cluster, request = data.draw(strategies.gpu_questions(fits=True))
    else:
        cluster = data.draw(strategies.clusters(max_nodes=3))
        request = data.draw(strategies.requests(cluster, modest=True))
    rows = data.draw(strategies.subsets(len(cluster.nodes))) if request.count else []
    rows = naive.refit(cluster.nodes, rows, request)[1]
    asked = strategies.request_arguments(request, cluster)
    shape = (len(asked["places"]), N_MASKS)
    size = shape[0] * N_MASKS
    flat = data.draw(st.lists(st.sampled_from(GAINS), min_size=size, max_size=size))
    gains = np.array(flat, np.float64).reshape(shape)
    gains[asked["places"] == 0] = -np.inf
    out = np.full(len(cluster.nodes), UNTOUCHED)
    best_slot = np.full(len(cluster.nodes), -1, np.int64)
    call(
        mig.score_places,
        strategies.cluster_arguments(cluster),
        asked,
        gains=gains,
        rows=strategies.ints(rows),
        out=out,
        best_slot=best_slot,
    )
    place_of = asked["needs"][strategies.PLACE_ROW]

    def gain(slot: Slot, _: Need) -> float:
        return float(gains[place_of[slot.kind.number], strategies.bits(slot.units)])

    everyone = range(len(cluster.nodes))
    found = {r: naive.score_places(cluster.nodes[r], request.needs, gain) for r in rows}
    assert out.tolist() == [found[r][0] if r in found else UNTOUCHED for r in everyone]
    assert best_slot.tolist() == [found[r][1] if r in found else -1 for r in everyone]


def test_of_equal_places_the_lowest_slot_is_named() -> None:
    node = Node(slots=(Slot(300), Slot(800), Slot(500, 100), Slot(500)))
    request = naive.Request(count=1, needs=(Need(milli=400, mib=0),), share=True)
    cluster = strategies.cluster_of(node)
    out, best_slot = np.zeros(1), np.zeros(1, np.int64)
    call(
        mig.score_places,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        gains=np.zeros((0, N_MASKS)),
        rows=strategies.ints([0]),
        out=out,
        best_slot=best_slot,
    )
    assert (out[0], best_slot[0]) == (-0.1, 2)
