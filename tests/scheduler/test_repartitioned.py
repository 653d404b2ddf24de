"""GPUs that are cut anew: when they may be, what stays where it is, and how it is taken back."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, Unknown
from bayplan.scheduler.events import Gone, Held, HoldExpired, Repartitioned
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing, Ungoverned
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
from .support import bind, first_fit, node, refusal, share, sharer, snapshot, whole

KEEPS_SMALL = ((0, "1g.10gb"), (2, "1g.10gb"), (3, "1g.10gb+me"), (4, "2g.20gb"), (6, "1g.20gb"))
"""Of ``BALANCED`` only the 1g.10gb at 2 is here."""

WAYS: list[Sharing] = [
    Ungoverned(), Exclusive(), Mps(), TimeSlicing(), Hami(), Mig(), Mig(BALANCED), Mig(ONES),
]  # fmt: skip


def sharing(cluster: Cluster, name: str = "n") -> tuple[Sharing, ...]:
    return cluster.nodes[name].sharing


def layout_in_use(inside: Mps | None = None) -> Engine:
    """Two A100s; of the second one, the 1g.10gb at 2 is in use."""
    engine = engine_of(a100s("n", Exclusive(), Mig(BALANCED, inside), gpus=2))
    assert places(bind(engine, instances("p", "1g.10gb"))) == [(1, 2, "1g.10gb")]
    return engine


# --- idle GPUs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("before", WAYS, ids=str)
def test_an_idle_gpu_is_shared_in_any_other_way_from_then_on(before: Sharing) -> None:
    for after in WAYS:
        cluster = Cluster([a100s("other", Mig(BALANCED)), a100s("n", before, gpus=2)])
        old = version(cluster)
        cluster.apply(Repartitioned("n", 1, after))
        assert sharing(cluster) == (before, after)
        assert version(cluster) > old
        cluster.check()
        # To requests it is as if it had always been so.
        fresh = Cluster([a100s("other", Mig(BALANCED)), a100s("n", before, after, gpus=2)])
        for request in (share("p", 100), whole("w", 2), instances("i", "1g.10gb", 3)):
            assert first_fit(cluster).explain(request) == first_fit(fresh).explain(request)
            placed, wanted = (first_fit(each).decide(request, 0.0) for each in (cluster, fresh))
            assert placed.placement == wanted.placement


def test_the_gpu_beside_it_may_be_in_use() -> None:
    engine = engine_of(a100s("n", Mps(), gpus=2))
    bind_all(engine, share("p", 600))
    engine.cluster.apply(Repartitioned("n", 1, Mig(BALANCED)))
    engine.cluster.check()
    found = bind_all(engine, share("q", 400, 1), share("r", 100), instances("s", "3g.40gb"))
    assert [places(each) for each in found] == [
        [(0, 0, "")],
        [(1, 2, "1g.10gb")],
        [(1, 4, "3g.40gb")],
    ]
    engine.cluster.apply(Gone("p"))
    engine.cluster.check()


def test_what_is_touched_is_what_was_there_and_what_is_there_now() -> None:
    cluster = Cluster([a100s("n", Mig(BALANCED)), a100s("m")])
    assert cluster.apply(Repartitioned("n", 0, Mig(ONES))) == (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11)
    assert cluster.apply(Repartitioned("m", 0, Hami())) == (4,)


def test_the_same_again_is_no_reason_to_refuse() -> None:
    engine = layout_in_use()
    before = snapshot(engine.cluster)
    engine.cluster.apply(Repartitioned("n", 1, Mig(BALANCED)))
    assert snapshot(engine.cluster) == before


# --- GPUs in use -------------------------------------------------------------------------------


@pytest.mark.parametrize("before", WAYS, ids=str)
def test_a_gpu_in_use_stays_as_it_is(before: Sharing) -> None:
    engine = engine_of(a100s("n", before))
    bind_all(engine, share("p", 100))
    # The share was given the 1g.10gb at 2 of the layout; both layouts have one there.
    keeping = {Mig(BALANCED), Mig(ONES)}
    for after in WAYS:
        if after == before or (before in keeping and after in keeping):
            continue
        assert refusal(engine.cluster, Repartitioned("n", 0, after)) is Conflict
    engine.cluster.check()


def test_the_refusal_names_the_gpu() -> None:
    engine = layout_in_use()
    with pytest.raises(Conflict) as error:
        engine.cluster.apply(Repartitioned("n", 1, Mps()))
    assert str(error.value) == (
        "node n: what is in use on GPU 1 would have to move or to change; its pods must go first"
    )


def test_room_that_is_only_held_is_in_use() -> None:
    engine = engine_of(a100s("n", Mig(BALANCED)))
    engine.cluster.apply(Held(engine.decide(share("p", 100), 0.0), 9.0))
    assert refusal(engine.cluster, Repartitioned("n", 0, Mps())) is Conflict
    engine.cluster.apply(HoldExpired("p", 9.0))
    assert refusal(engine.cluster, Repartitioned("n", 0, Mps())) is None


@pytest.mark.parametrize("inside", INSIDE, ids=str)
def test_a_layout_that_keeps_what_is_in_use_takes_the_place_of_another(inside: Mps | None) -> None:
    engine = layout_in_use(inside)
    cluster, old = engine.cluster, version(engine.cluster)
    pod = cluster.pods["p"]
    cluster.apply(Repartitioned("n", 1, Mig(KEEPS_SMALL, inside)))
    cluster.check()
    assert version(cluster) > old
    assert cluster.pods["p"] is pod
    assert sharing(cluster) == (Exclusive(), Mig(KEEPS_SMALL, inside))
    # What is free is the other GPU, and of this one all but the instance in use.
    assert cluster.view.idle_milli[0] == 1000 + 125 + 125 + 250 + 250
    assert places(bind(engine, instances("q", "1g.10gb"))) == [(1, 0, "1g.10gb")]
    assert reasons(engine.decide(instances("r", "1g.10gb"), 0.0)) == [Reason.GPU_FREE]
    assert reasons(engine.decide(instances("r", "3g.40gb"), 0.0)) == [Reason.PROFILE]
    cluster.apply(Gone("p"))
    cluster.check()
    assert places(bind(engine, instances("r", "1g.10gb"))) == [(1, 2, "1g.10gb")]
    cluster.check()


@pytest.mark.parametrize("inside", INSIDE, ids=str)
@pytest.mark.parametrize(
    "layout",
    [
        ((0, "1g.10gb"), (3, "1g.10gb")),  # nothing at 2
        ((2, "1g.10gb+me"),),
        ((2, "2g.20gb"),),
        ((1, "1g.10gb"), (2, "1g.20gb")),
        ((0, "7g.80gb"),),
    ],
)
def test_a_layout_that_would_move_or_change_what_is_in_use_is_refused(
    layout: tuple[tuple[int, str], ...], inside: Mps | None
) -> None:
    engine = layout_in_use(inside)
    assert refusal(engine.cluster, Repartitioned("n", 1, Mig(layout, inside))) is Conflict
    engine.cluster.check()


def test_what_shares_an_instance_may_not_change_under_its_clients() -> None:
    engine = layout_in_use(Mps(clients=14))
    for other in (None, Mps(clients=15), Mps(clients=14, replicas=2)):
        assert refusal(engine.cluster, Repartitioned("n", 1, Mig(BALANCED, other))) is Conflict


def test_clients_of_one_instance_stay_together_and_count_as_before() -> None:
    inside = Mps(clients=21)  # 3 a compute slice
    engine = engine_of(a100s("n", Mig(((0, "1g.10gb"),), inside)))
    bind_all(engine, share("p", 10, 100), share("q", 20, 200))
    engine.cluster.apply(Repartitioned("n", 0, Mig(((0, "1g.10gb"), (4, "3g.40gb")), inside)))
    bind_all(engine, share("r", 10, 100))
    slot = engine.cluster.view.slot_start[0]
    assert engine.cluster.view.slot_free_milli[slot] == 125 - 40
    assert engine.cluster.view.slot_free_mib[slot] == 9_856 - 400
    assert engine.cluster.view.slot_used[slot] == 3
    assert places(bind(engine, share("s", 10, 100))) == [(0, 4, "3g.40gb")]  # no client left
    engine.cluster.check()


def test_instances_that_come_and_go_are_no_layout() -> None:
    engine = engine_of(a100s("n", Mig()))
    (decision,) = bind_all(engine, instances("p", "1g.10gb"))
    ((_, start, profile),) = places(decision)
    assert refusal(engine.cluster, Repartitioned("n", 0, Mig(((start, profile),)))) is Conflict


@pytest.mark.parametrize("inside", INSIDE, ids=str)
def test_a_claim_stays_where_it_is(inside: Mps | None) -> None:
    engine = engine_of(a100s("n", Mig(BALANCED, inside)), a100s("m"))
    claim = DeviceRequest(MigInstances("1g.10gb"), claim="c")
    bind_all(engine, Request("a", devices=(claim,)), Request("b", devices=(claim,)))
    granted = engine.cluster.claims["c"].grants
    engine.cluster.apply(Repartitioned("n", 0, Mig(KEEPS_SMALL, inside)))
    engine.cluster.check()
    assert engine.cluster.claims["c"].grants == granted
    (late,) = bind_all(engine, Request("late", devices=(claim,)))
    assert places(late) == [(0, 2, "1g.10gb")]
    for uid in ("a", "b", "late"):
        engine.cluster.apply(Gone(uid))
        engine.cluster.check()
    assert refusal(engine.cluster, Repartitioned("n", 0, Hami())) is None


def test_a_claim_in_use_keeps_its_gpu_as_it_is() -> None:
    engine = engine_of(a100s("n", Mps()))
    bind_all(engine, sharer("a", "c"))
    assert refusal(engine.cluster, Repartitioned("n", 0, Hami())) is Conflict


# --- what is not there -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "gpu", "message"),
    [
        ("n", 2, "node n has no GPU 2"),
        ("n", -1, "node n has no GPU -1"),
        ("cpu", 0, "node cpu has no GPU 0"),
        ("x", 0, "no node x in the cluster"),
    ],
)
def test_an_unknown_node_or_gpu_is_refused(name: str, gpu: int, message: str) -> None:
    cluster = Cluster([a100s("n", Mps(), gpus=2), node("cpu", 0)])
    event = Repartitioned(name, gpu, Hami())
    assert refusal(cluster, event) is Unknown
    with pytest.raises(Unknown) as error:
        cluster.apply(event)
    assert str(error.value) == message
