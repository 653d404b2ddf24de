from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Duplicate
from bayplan.scheduler.events import Bound
from bayplan.scheduler.packing import demand_milli, pack_all
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.types import Decision, DeviceRequest, Request, WholeGpus

from .support import bind, instances, mig_node, node, policy, share, snapshot, whole

Worth = list[tuple[int, int, int]]


def pods() -> st.SearchStrategy[list[Request]]:
    kinds = st.sampled_from(
        [
            share("", 300, cpu_milli=1000),
            share("", 700, cpu_milli=4000),
            share("", 500, 5000),
            whole("", cpu_milli=3000),
            whole("", 2, memory_mib=6000),
            instances("", "1g.10gb"),
            instances("", "3g.40gb", cpu_milli=2000),
            Request("", cpu_milli=5000),
        ]
    )
    drawn = st.lists(st.tuples(kinds, st.sampled_from([0, 0, 0, 3])), max_size=14)
    return drawn.map(
        lambda some: [
            Request(f"p{i}", pod.cpu_milli, pod.memory_mib, pod.devices, priority=priority)
            for i, (pod, priority) in enumerate(some)
        ]
    )


def cluster() -> Cluster:
    return Cluster([node("a", 2), node("b", 1), mig_node("m", 1), node("c", 2, cpu_milli=6000)])


def worth(engine: Engine, placed: list[Request]) -> Worth:
    """By priority, the highest first: the milli-GPU placed and the number of pods."""
    return [
        (
            priority,
            sum(demand_milli(engine.cluster, pod) for pod in placed if pod.priority == priority),
            sum(pod.priority == priority for pod in placed),
        )
        for priority in (3, 0)
    ]


def one_by_one(engine: Engine, order: list[Request]) -> Worth:
    with engine.cluster.trial():
        placed = [pod for pod in order if bind(engine, pod).placement is not None]
        return worth(engine, placed)


def placed_of(decisions: list[Decision]) -> list[Request]:
    return [each.request for each in decisions if each.placement is not None]


@pytest.mark.parametrize("name", ["first-fit", "fgd", "random"])
@given(requests=pods())
def test_a_plan_holds_and_is_worth_no_less_than_an_order(
    name: str, requests: list[Request]
) -> None:
    engine = Engine(cluster(), policy(name))
    bind(engine, share("old", 400))
    before = snapshot(engine.cluster)
    decisions = pack_all(engine, requests, 7.0, max_decisions=100)
    assert snapshot(engine.cluster) == before
    assert sorted(each.request.uid for each in decisions) == sorted(pod.uid for pod in requests)
    largest = sorted(
        requests,
        key=lambda pod: (
            -pod.priority,
            -demand_milli(engine.cluster, pod),
            -pod.cpu_milli,
            -pod.memory_mib,
        ),
    )
    found = worth(engine, placed_of(decisions))
    assert found >= max(one_by_one(engine, requests), one_by_one(engine, largest))
    again = Engine(cluster(), policy(name))
    bind(again, share("old", 400))
    assert strip(pack_all(again, requests, 7.0, max_decisions=100)) == strip(decisions)
    for decision in decisions:
        if decision.placement is not None:
            row = engine.cluster.row(decision.placement.node)
            decided = engine.decide(decision.request, 7.0)
            assert decided.placement == decision.placement  # what the engine itself says there
            engine.cluster.apply(Bound(decision, 7.0))
            assert row >= 0
        else:
            assert engine.decide(decision.request, 7.0).placement is None
            assert decision.reasons
    engine.cluster.check()


def strip(decisions: list[Decision]) -> list[tuple[object, ...]]:
    # Versions count trials too.
    return [(each.request, each.placement, each.score, each.reasons) for each in decisions]


def test_moving_forward_who_is_left_over_finds_what_no_first_order_does() -> None:
    # 400 + 400 on one GPU and 300 + 300 + 300 on the other leave one over; 400 + 300 + 300 twice
    # takes all.
    requests = [*(share(f"a{i}", 400) for i in range(2)), *(share(f"b{i}", 300) for i in range(4))]
    engine = Engine(Cluster([node("a", 2)]), FirstFit())
    assert len(placed_of(pack_all(engine, requests, 0.0, max_decisions=0))) == 5
    assert len(placed_of(pack_all(engine, requests, 0.0))) == 6


def test_arrival_order_stands_when_all_fits() -> None:
    engine = Engine(Cluster([node("a", 2)]), BestFit())
    requests = [share("s", 200), whole("w")]
    assert [each.request.uid for each in pack_all(engine, requests, 0.0)] == ["s", "w"]


def test_a_higher_priority_counts_before_any_demand() -> None:
    engine = Engine(Cluster([node("a", 2)]), FirstFit())
    requests = [whole("low", 2), share("high", 100, priority=1)]
    (first, second) = pack_all(engine, requests, 0.0)
    assert first.request.uid == "high"
    assert first.placement is not None
    assert second.placement is None


def test_a_plan_rests_on_the_cluster_as_it_stands() -> None:
    engine = Engine(Cluster([node("a", 1), node("b", 1)]), FirstFit())
    for decision in pack_all(engine, [whole("x"), whole("y")], 0.0):
        assert decision.placement is not None
        row = engine.cluster.row(decision.placement.node)
        version = engine.cluster.view.version.item(row)
        assert decision.rests_on == ((decision.placement.node, version),)


def test_only_candidates_are_used() -> None:
    engine = Engine(Cluster([node("a", 1), node("b", 1)]), FirstFit())
    only = engine.cluster.view.alive[:2].copy()
    only[0] = False
    decisions = pack_all(engine, [whole("x"), whole("y")], 0.0, only)
    assert [each.placement.node for each in decisions if each.placement is not None] == ["b"]


def test_a_uid_twice_or_in_the_cluster_is_refused() -> None:
    engine = Engine(Cluster([node("a", 2)]), FirstFit())
    with pytest.raises(Duplicate):
        pack_all(engine, [whole("x"), whole("x")], 0.0)
    bind(engine, whole("y", 2))
    with pytest.raises(Duplicate):
        pack_all(engine, [whole("z", 2), whole("y", 3)], 0.0)
    engine.cluster.check()


def test_demand_counts_shares_by_milli_and_instances_by_their_part() -> None:
    there = cluster()
    assert demand_milli(there, share("s", 300)) == 300
    assert demand_milli(there, whole("w", 2)) == 2000
    assert demand_milli(there, instances("i", "3g.40gb")) == 500
    assert demand_milli(there, instances("i", "2g.20gb", 2)) == 500
    assert demand_milli(there, share("m", 0, 4000)) == 125  # an instance of the A100
    assert demand_milli(Cluster(), instances("i", "3g.40gb")) == 0
    assert demand_milli(there, Request("cpu")) == 0
    assert not pack_all(Engine(there, FirstFit()), [], 0.0)


def test_a_claim_that_pods_share_counts_once() -> None:
    engine = Engine(Cluster([node("a", 2, cpu_milli=10_000)]), BestFit())
    device = DeviceRequest(WholeGpus(1), claim="c")
    sharing = [Request(uid, 5_000, devices=(device,)) for uid in ("s0", "s1")]
    alone = [whole(uid, cpu_milli=5_000) for uid in ("w0", "w1")]
    found = pack_all(engine, [*sharing, *alone], 0.0)
    assert [each.request.uid for each in found if each.placement] == ["s0", "w0"]
    engine.cluster.apply(Bound(engine.decide(sharing[0]._replace(cpu_milli=0), 0.0), 0.0))
    assert pack_all(engine, [sharing[1], alone[0]], 0.0)[0].request.uid == "s1"
