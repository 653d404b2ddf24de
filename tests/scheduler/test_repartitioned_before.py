"""What is taken back of GPUs that were cut anew, and decisions that were made before."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import Bound, Event, Gone, Held, Repartitioned
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import DeviceRequest, MigInstances, Reason, Request

from .sharing_support import (
    BALANCED,
    INSIDE,
    ONES,
    a100s,
    bind_all,
    engine_of,
    instances,
    places,
    reasons,
    version,
)
from .support import bind, refusal, share, snapshot, whole

# --- trials ------------------------------------------------------------------------------------


CHANGES: list[tuple[str, list[Event]]] = [
    ("more slots", [Repartitioned("n", 0, Mig(ONES))]),
    ("fewer slots", [Repartitioned("n", 1, Mps())]),
    ("as many", [Repartitioned("n", 0, Hami())]),
    ("twice", [Repartitioned("n", 0, Mig(ONES)), Repartitioned("n", 0, Mig(BALANCED))]),
    ("there and back", [Repartitioned("n", 0, Mig(ONES)), Repartitioned("n", 0, Mps())]),
    ("after a pod left", [Gone("p"), Repartitioned("n", 1, Mps()), Repartitioned("n", 0, Mig())]),
]


@pytest.mark.parametrize("inside", INSIDE, ids=str)
@pytest.mark.parametrize(("events", "idle"), [(e, w == "fewer slots") for w, e in CHANGES],
                         ids=[what for what, _ in CHANGES])  # fmt: skip
def test_a_trial_takes_it_back_to_the_last_integer(
    events: list[Event], idle: bool, inside: Mps | None
) -> None:
    engine = engine_of(a100s("n", Mps(), Mig(BALANCED, inside), gpus=2), a100s("m", Mig(ONES)))
    cluster = engine.cluster
    if not idle:
        bind_all(engine, instances("p", "2g.20gb"))
    before, old = snapshot(cluster), version(cluster)
    with cluster.trial():
        for event in events:
            cluster.apply(event)
            cluster.check()
        bind_all(engine, share("q", 100), share("r", 100))
        tried = version(cluster)
    assert snapshot(cluster) == before
    assert version(cluster) > tried > old
    cluster.check()


@pytest.mark.parametrize("inside", INSIDE, ids=str)
@pytest.mark.parametrize("kept", [False, True])
def test_a_trial_moves_pods_and_claims_to_other_slots_and_back(
    kept: bool, inside: Mps | None
) -> None:
    engine = engine_of(a100s("n", Mig(BALANCED, inside)), a100s("m", Mig(BALANCED)))
    cluster = engine.cluster
    claim = DeviceRequest(MigInstances("3g.40gb"), claim="c")
    bind_all(engine, Request("a", devices=(claim,)), instances("p", "1g.10gb", 2))
    before = snapshot(cluster)
    layout = *((start, "1g.10gb") for start in range(4)), (4, "3g.40gb")
    with cluster.trial() as trial:
        cluster.apply(Repartitioned("n", 0, Mig(layout, inside)))
        bind_all(engine, Request("b", devices=(claim,)), instances("q", "1g.10gb", 2))
        now: dict[str, Any] = snapshot(cluster)
        if kept:
            trial.keep()
    assert snapshot(cluster) == (now if kept else before)
    cluster.check()
    for uid in sorted(cluster.pods):
        cluster.apply(Gone(uid))
        cluster.check()


def test_the_next_node_gets_the_slots_that_a_trial_had_used() -> None:
    cluster = Cluster([a100s("n", Mps())])
    with cluster.trial():
        cluster.apply(Repartitioned("n", 0, Mig(BALANCED)))
    assert cluster.view.n_slots == 1
    with cluster.trial() as trial:
        cluster.apply(Repartitioned("n", 0, Mig(BALANCED)))
        trial.keep()
    assert cluster.view.n_slots == 5
    cluster.apply(Repartitioned("n", 0, Hami()))  # where the first one was
    assert (cluster.view.slot_start[0], cluster.view.n_slots) == (0, 5)
    cluster.check()


# --- decisions made before ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "after"),
    [
        (instances("q", "3g.40gb"), Mig(ONES)),
        (instances("q", "2g.20gb"), Mig(((2, "2g.20gb"),))),  # elsewhere
        (share("q", 100), Mig(((2, "1g.10gb+me"),))),
        (share("q", 100), Mig(((0, "1g.10gb"), (1, "1g.10gb")))),
        (share("q", 100), Mps()),
        (instances("q", "1g.10gb"), Hami()),
    ],
)
def test_a_decision_is_refused_when_its_place_is_gone(request_: Request, after: Sharing) -> None:
    engine = engine_of(a100s("n", Mig(BALANCED)))
    decision = engine.decide(request_, 0.0)
    assert decision.placement
    engine.cluster.apply(Repartitioned("n", 0, after))
    assert refusal(engine.cluster, Bound(decision, 1.0)) is Conflict
    assert refusal(engine.cluster, Held(decision, 1.0)) is Conflict


def test_a_decision_whose_place_is_still_there_holds() -> None:
    engine = engine_of(a100s("n", Mig(BALANCED)))
    decision = engine.decide(instances("q", "1g.10gb"), 0.0)
    engine.cluster.apply(Repartitioned("n", 0, Mig(ONES)))
    assert refusal(engine.cluster, Bound(decision, 1.0)) is None
    engine.cluster.check()


def test_a_share_of_one_mode_is_no_share_of_another_that_takes_otherwise() -> None:
    engine = engine_of(a100s("n", TimeSlicing()))
    decision = engine.decide(share("q", 100, 1_000), 0.0)  # and 400 MiB of context
    engine.cluster.apply(Repartitioned("n", 0, Hami()))
    assert refusal(engine.cluster, Bound(decision, 1.0)) is Conflict


def test_a_whole_gpu_is_one_under_any_way_that_hands_out_no_more() -> None:
    engine = engine_of(a100s("n", Exclusive()))
    decision = engine.decide(whole("w"), 0.0)
    engine.cluster.apply(Repartitioned("n", 0, Hami(capacity_milli=2000)))
    assert refusal(engine.cluster, Bound(decision, 1.0)) is Conflict
    engine.cluster.apply(Repartitioned("n", 0, Hami()))
    assert refusal(engine.cluster, Bound(decision, 1.0)) is None


def test_scores_are_those_of_the_new_cut() -> None:
    engine = engine_of(a100s("n", Exclusive()), a100s("m", Exclusive()))
    assert bind(engine, share("p", 100)).placement
    assert engine.decide(share("q", 100), 0.0).placement
    engine.cluster.apply(Repartitioned("m", 0, Mig(((0, "1g.10gb"),))))
    assert places(engine.decide(share("q", 100), 0.0)) == [(0, 0, "1g.10gb")]
    assert reasons(engine.decide(whole("w"), 0.0)) == [Reason.GPU_COUNT, Reason.GPU_FREE]
