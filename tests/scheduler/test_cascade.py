"""A request with ordered alternatives takes the first that fits, and the decision says which."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)

from .support import mig_node, node

H100 = DeviceRequest(
    WholeGpus(1),
    models=("H100",),
    alternatives=(
        DeviceRequest(WholeGpus(2), models=("A100",)),
        DeviceRequest(MigInstances("3g.40gb")),
        DeviceRequest(WholeGpus(0)),
    ),
)
"""An H100, else two A100s, else a MIG instance, else the CPU."""

NODES = {
    0: node("h", 1, gpu_model="H100"),
    1: node("a", 2, gpu_model="A100"),
    2: mig_node("m", 1),
    3: node("c", 0),
}
"""The node that serves each of the wishes and no other but the last."""


def engine_of(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), make_policy("best-fit"))


@pytest.mark.parametrize("offered", list(product([False, True], repeat=3)))
def test_the_first_wish_that_any_node_serves_is_taken(offered: tuple[bool, ...]) -> None:
    served = [wish for wish, is_there in enumerate(offered) if is_there]
    engine = engine_of(NODES[3], *(NODES[wish] for wish in reversed(served)))
    decision = engine.decide(Request("p", 1_000, devices=(H100,)), 0.0)
    assert decision.placement is not None
    first = served[0] if served else 3
    assert decision.placement.chosen == (first,)
    if served:
        assert decision.placement.node == NODES[first].name
    assert len(decision.placement.grants[0]) == [1, 2, 1, 0][first]


def test_pods_of_one_template_go_down_the_cascade_as_wishes_run_out() -> None:
    engine = engine_of(*NODES.values())
    taken = []
    for number in range(6):
        decision = engine.decide(Request(f"p{number}", 1_000, devices=(H100,)), 0.0)
        assert decision.placement is not None
        engine.cluster.apply(Bound(decision, 0.0))
        taken.append((decision.placement.chosen[0], decision.placement.node))
    # Two instances of 3g.40gb fit an A100; after them pods run without a GPU.
    assert taken[:4] == [(0, "h"), (1, "a"), (2, "m"), (2, "m")]
    assert [wish for wish, _ in taken[4:]] == [3, 3]


def test_where_nothing_fits_the_reasons_are_those_of_the_first_wish() -> None:
    wish = DeviceRequest(
        WholeGpus(1), models=("H100",), alternatives=(DeviceRequest(WholeGpus(3)),)
    )
    engine = engine_of(NODES[1])
    request = Request("p", devices=(wish,))
    decision = engine.decide(request, 0.0)
    assert decision.placement is None
    first, second = engine.explain(request)
    assert decision.reasons == first.reasons
    assert [(reason.name, n) for reason, n in first.reasons] == [("GPU_MODEL", 1)]
    assert [(reason.name, n) for reason, n in second.reasons] == [("GPU_COUNT", 1)]


wishes = st.lists(
    st.one_of(
        st.builds(WholeGpus, st.integers(0, 4)),
        st.builds(GpuShare, st.sampled_from([250, 500, 900])),
        st.builds(MigInstances, st.sampled_from(["1g.10gb", "3g.40gb", "7g.80gb"])),
    ),
    min_size=1,
    max_size=4,
)


@given(wishes, st.lists(st.sampled_from([0, 1, 2, 3]), max_size=6), st.integers(0, 3))
def test_a_wish_is_passed_over_only_if_alone_it_would_not_fit(
    asks: list[WholeGpus | GpuShare | MigInstances], kinds: list[int], before: int
) -> None:
    first, *rest = (DeviceRequest(ask) for ask in asks)
    cascade = DeviceRequest(first.ask, alternatives=tuple(rest))
    engine = engine_of(*(replace(NODES[k], name=f"n{i}") for i, k in enumerate(kinds)))
    for number in range(before + 1):
        each = [
            engine.decide(Request("q", 1_000, devices=(DeviceRequest(ask),)), 0.0) for ask in asks
        ]
        fits = [i for i, decision in enumerate(each) if decision.placement is not None]
        decision = engine.decide(Request(f"p{number}", 1_000, devices=(cascade,)), 0.0)
        if not fits:
            assert decision.placement is None
            return
        placement, alone = decision.placement, each[fits[0]].placement
        assert placement is not None
        assert alone is not None
        assert placement.chosen == (fits[0],)
        assert (placement.node, placement.grants) == (alone.node, alone.grants)
        engine.cluster.apply(Bound(decision, 0.0))
