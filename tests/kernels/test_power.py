from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import power
from naive import Need, Node, Request, Room, Slot, Watts
from strategies import Cluster, call

UNTOUCHED = 7.5
WATTS = st.builds(
    Watts,
    gpu=st.sampled_from([60, 270, 1]),
    package=st.sampled_from([145, 250]),
    package_milli=st.sampled_from([1_000, 4_000, 52_000]),
)


def scores(
    cluster: Cluster, request: Request, rows: list[int], by_kind: list[Watts], scale_w: float
) -> list[float]:
    """Run the kernel; the last of ``by_kind`` is for nodes without GPUs."""
    out = np.full(len(cluster.nodes), UNTOUCHED)
    table = [[w.gpu, w.package, w.package_milli] for w in by_kind]
    call(
        power.score_power,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        watts=np.ascontiguousarray(strategies.ints(table).T),
        scale_w=scale_w,
        rows=strategies.ints(rows),
        out=out,
    )
    return [float(score) for score in out]


@given(st.data(), st.sampled_from([3_200.0, 1_000.0]))
def test_what_wakes_is_what_costs(data: st.DataObject, scale_w: float) -> None:
    if data.draw(st.booleans()):
        cluster, request = data.draw(strategies.gpu_questions(fits=True))
    else:
        cluster = data.draw(strategies.clusters())
        request = data.draw(strategies.requests(cluster, modest=True))
    rows = naive.refit(cluster.nodes, data.draw(strategies.subsets(len(cluster.nodes))), request)[1]
    by_model = [data.draw(WATTS) for _ in range(2)]
    host = data.draw(WATTS)
    by_kind = [*(by_model[kind.model] for kind in cluster.kinds), host]
    expected = [UNTOUCHED] * len(cluster.nodes)
    for row in rows:
        node = cluster.nodes[row]
        watts = by_kind[node.slots[0].kind.number] if node.slots else host
        expected[row] = naive.score_power(node, request, watts, scale_w)
    assert scores(cluster, request, rows, by_kind, scale_w) == expected


@pytest.mark.parametrize(
    ("count", "cpu", "added"),
    [
        (1, 500, 0),  # the GPU in use, and the package in use
        (2, 500, 300),  # one more GPU
        (3, 500, 600),
        (1, 501, 100),  # one more package
        (1, 2_501, 300),  # and two more
        (0, 501, 100),
    ],
)
def test_what_is_awake_costs_nothing(count: int, cpu: int, added: int) -> None:
    slots: Any = Slot(1_000), Slot(400, clients=1), Slot(1_000)
    node = Node(cpu=Room(8_000, 7_500), slots=slots)
    request = Request(cpu=cpu, count=count, needs=(Need(milli=400),))
    watts = [Watts(300, 100, 1_000)] * 2
    found = scores(strategies.cluster_of(node), request, [0], watts, 1_000.0)
    assert found == [pytest.approx(100.0 * (1 - added / 1_000))]


def test_several_instances_on_one_gpu_wake_it_once() -> None:
    mig = naive.Kind(plain=False, units=4, profiles=strategies.PROFILES)
    stacked = Request(count=3, needs=(Need(milli=250, thing=0, most=4),))
    watts = [Watts(300, 100, 1_000)] * 2
    cluster = strategies.cluster_of(Node(slots=(Slot(1_000, 0, mig), Slot(1_000, 0, mig))))
    assert scores(cluster, stacked, [0], watts, 3_000.0) == [pytest.approx(90.0)]
    instance = naive.Kind(plain=False, capacity=125)
    cut = Node(slots=(Slot(125, 0, instance),) * 14, gpu_count=2)
    several = Request(count=9, needs=(Need(milli=125),))
    found = scores(strategies.cluster_of(cut), several, [0], watts, 3_000.0)
    assert found == [pytest.approx(80.0)]
