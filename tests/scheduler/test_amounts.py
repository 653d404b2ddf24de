"""What a request takes of a GPU."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.types import (
    ANONYMOUS,
    DeviceRequest,
    GpuShare,
    Reason,
    Request,
    WholeGpus,
)

from .support import bind, first_fit, node, share, where, whole


@pytest.mark.parametrize(
    ("ask", "memory", "granted"),
    [
        (GpuShare(333), 8000, (333, 2664)),
        (GpuShare(333), 8001, (333, 2664)),  # floor(333 × 8001 / 1000)
        (GpuShare(1), 999, (1, 0)),
        (GpuShare(0, 3001), 8000, (375, 3001)),  # floor(1000 × 3001 / 8000)
        (GpuShare(0, 1), 8000, (1, 1)),
        (GpuShare(0, 8000), 8000, (1000, 8000)),
        (GpuShare(100, 8000), 8000, (100, 8000)),
        (GpuShare(1000), 8000, (1000, 8000)),
        (GpuShare(250), 0, (250, 0)),
        (WholeGpus(1), 0, (1000, 0)),
        (WholeGpus(1), 8000, (1000, 8000)),
    ],
    ids=str,
)
def test_what_is_not_asked_for_is_derived_and_rounded_down(
    ask: WholeGpus | GpuShare, memory: int, granted: tuple[int, int]
) -> None:
    engine = first_fit(Cluster([node("a", 1, gpu_memory_mib=memory)]))
    decision = engine.decide(Request("p", devices=(DeviceRequest(ask),)), 0.0)
    assert decision.placement is not None
    ((grant,),) = decision.placement.grants
    assert (grant.milli, grant.memory_mib) == granted


@pytest.mark.parametrize("parts", [2, 3, 4, 7])
@pytest.mark.parametrize("memory", [81_559, 40_537, 24_000])
def test_equal_shares_that_add_up_to_a_gpu_fit_on_it(parts: int, memory: int) -> None:
    for ask in (GpuShare(1000 // parts), GpuShare(0, memory // parts)):
        cluster = Cluster([node("a", 1, gpu_memory_mib=memory)])
        engine = first_fit(cluster)
        for i in range(parts):
            decision = bind(engine, Request(f"p{i}", devices=(DeviceRequest(ask),)))
            assert where(decision) == ("a", (0,))
        cluster.check()


def test_memory_only_shares_fill_a_gpu_to_the_last_mib() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    for uid in "pqrs":
        assert where(bind(engine, share(uid, mib=2000))) == ("a", (0,))
    assert engine.decide(share("t", mib=1), 0.0).reasons == ((Reason.GPU_FREE, 1),)
    cluster.check()


def test_memory_runs_out_before_milli_does() -> None:
    cluster = Cluster([node("a", 2)])
    engine = first_fit(cluster)
    bind(engine, share("p", 100, 6000))
    assert where(bind(engine, share("q", 100, 2001))) == ("a", (1,))
    assert where(bind(engine, share("r", 100, 2000))) == ("a", (0,))
    cluster.check()


def test_shares_of_several_gpus_take_different_ones() -> None:
    cluster = Cluster([node("a", 2)])
    engine = first_fit(cluster)
    bind(engine, share("p", 700))
    pair = Request("q", devices=(DeviceRequest(GpuShare(300, count=2)),))
    assert where(bind(engine, pair)) == ("a", (0, 1))
    assert engine.decide(pair, 0.0).reasons == ((Reason.GPU_FREE, 1),)
    cluster.check()


def test_whole_gpus_of_an_anonymous_node_have_no_index() -> None:
    engine = first_fit(Cluster([node("a", 2, anonymous_gpus=True)]))
    assert where(engine.decide(whole("p", 2), 0.0)) == ("a", (ANONYMOUS, ANONYMOUS))
