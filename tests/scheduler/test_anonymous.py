"""GPUs that the device plugin picks."""

from __future__ import annotations

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import (
    Bound,
    Gone,
)
from bayplan.scheduler.types import (
    ANONYMOUS,
    DeviceRequest,
    Request,
    WholeGpus,
)

from .support import (
    bind,
    first_fit,
    node,
    refusal,
    where,
    whole,
)


def test_grants_of_anonymous_gpus_carry_no_index_and_are_counted() -> None:
    cluster = Cluster([node("a", 3, anonymous_gpus=True)])
    engine = first_fit(cluster)
    assert where(bind(engine, whole("p", 2))) == ("a", (ANONYMOUS, ANONYMOUS))
    assert where(bind(engine, whole("q"))) == ("a", (ANONYMOUS,))
    assert engine.decide(whole("r"), 0.0).placement is None
    cluster.apply(Gone("p"))
    assert where(bind(engine, whole("s", 2))) == ("a", (ANONYMOUS, ANONYMOUS))
    cluster.check()


def test_a_claim_and_a_pod_take_different_anonymous_gpus() -> None:
    cluster = Cluster([node("a", 3, anonymous_gpus=True)])
    engine = first_fit(cluster)
    devices = (
        DeviceRequest(WholeGpus(1)),
        DeviceRequest(WholeGpus(1), claim="c"),
        DeviceRequest(WholeGpus(1), claim="d"),
    )
    bind(engine, Request("p", devices=devices))
    assert cluster.view.slot_free_milli[:3].tolist() == [0, 0, 0]
    cluster.check()


def test_of_two_decisions_for_the_last_anonymous_gpu_one_is_refused() -> None:
    cluster = Cluster([node("a", 1, anonymous_gpus=True)])
    engine = first_fit(cluster)
    first, second = engine.decide(whole("p"), 0.0), engine.decide(whole("q"), 0.0)
    cluster.apply(Bound(first, 0.0))
    assert refusal(cluster, Bound(second, 0.0)) is Conflict
    cluster.check()
