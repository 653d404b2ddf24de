"""Services beside jobs, by hand: exact event logs of replicas that come, move, fail and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.sharing import Mps, TimeSlicing
from bayplan.scheduler.types import Node
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.services.outcome import ServiceTotals
from bayplan.simulator.core.services.replicas import with_replicas
from bayplan.simulator.core.settings import Interruptions, OutOfMemory, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Autoscaler, Events, Listed, NodeChange, World
from bayplan.traces.services import Alternative, Latency, Load, Scaling, Service

from .support import job, node, table, told

GPU = Alternative(2.0, 0.5)
"""Two requests a second, one at a time."""

CPU = Alternative(0.5, 2.0, gpu_count=0, gpu_milli=0, cpu_milli=1000)


def load(*pieces: tuple[float, float], end_s: float = 1000.0) -> Load:
    """Pieces of (from when on, requests a second)."""
    starts, rates = zip(*pieces, strict=True)
    return Load(np.array(starts), np.array(rates), end_s)


def service(
    name: str = "s",
    pieces: Sequence[tuple[float, float]] = ((0.0, 1.0),),
    alternatives: Sequence[Alternative] = (GPU,),
    end_s: float = 1000.0,
    scaling: Mapping[str, Any] | None = None,
    **more: Any,
) -> Service:
    how = Scaling(**{"scaler": "fixed", "target": 0.5, **(scaling or {})})
    given = {"latency": Latency("c", 2.0), "load": load(*pieces, end_s=end_s), "scaling": how}
    return Service(name, alternatives=tuple(alternatives), **{**given, **more})


def run(
    nodes: Sequence[Node],
    services: Sequence[Service],
    jobs: Sequence[Mapping[str, Any]] = (),
    changes: Sequence[tuple[float, str, str]] = (),
    groups: Sequence[Group] = (),
    **more: Any,
) -> Outcome:
    parts = Parts(
        sources=[Listed([NodeChange(*each) for each in changes])] if changes else [],
        groups=groups,
        services=services,
    )
    return Simulation(nodes, table(jobs), Settings(log=True, **more), parts).run()


def only(outcome: Outcome) -> ServiceTotals:
    assert outcome.services is not None
    (totals,) = outcome.services.totals
    return totals


def test_replicas_follow_the_load_and_stay_for_five_minutes() -> None:
    # One a second wants one replica. Three come from 20 s on: the look at 30 s sees
    # (5 × 1 + 10 × 3) / 15 = 7/3 a second and wants three, the look at 45 s three as well.
    # From 60 s on it is one again. The look at 60 s saw three, so three stay until 360 s.
    scaled = service(
        pieces=[(0.0, 1.0), (20.0, 3.0), (60.0, 1.0)],
        end_s=400.0,
        most=4,
        scaling={"scaler": "reactive"},
    )
    outcome = run([node("n", 4)], [scaled])
    assert told(outcome) == [
        "0 scale s: 0 to 1", "0 arrive s-0", "0 start s-0 n",
        "30 scale s: 1 to 3", "30 arrive s-1", "30 arrive s-2", "30 start s-1 n", "30 start s-2 n",
        "360 scale s: 3 to 1", "360 leave s-2", "360 leave s-1",
        "400 leave s-0",
    ]  # fmt: skip
    totals = only(outcome)
    # From 20 s to 30 s 3 come a second and 2 are served; from then on 6 can be.
    assert totals.offered == totals.served == 20.0 + 40.0 * 3.0 + 340.0
    assert (totals.dropped, totals.waiting) == (0.0, 0.0)
    assert totals.replica_h == pytest.approx(((400.0 + 2 * 330.0) / 3600.0,))
    assert totals.gpu_h == pytest.approx((400.0 + 2 * 330.0) / 3600.0)
    assert (totals.scale_ups, totals.scale_downs, totals.most_replicas) == (1, 1, 3)
    assert outcome.totals.end_s == 400.0


def test_a_replica_serves_once_it_has_started_up() -> None:
    slow = service(alternatives=[Alternative(2.0, 0.5, startup_s=30.0)], end_s=90.0)
    outcome = run([node()], [slow])
    assert outcome.services is not None
    totals, series = only(outcome), outcome.services.series
    assert series.capacity_per_s.tolist() == [0.0, 0.0, 2.0, 2.0, 2.0, 2.0]  # every 15 s
    assert series.waiting.tolist() == [15.0, 30.0, 15.0, 0.0, 0.0, 0.0]
    # Until 60 s waits fall evenly from 30 s to none, and half a second of service comes on top.
    assert totals.in_time == pytest.approx(60.0 * 1.5 / 30.0 + 30.0 * (1.0 - np.exp(-2.0)))


def test_a_replica_without_a_gpu_goes_to_a_cpu_and_back_when_it_is_stopped() -> None:
    # Both GPUs are the job's until 100 s. After 40 s of waiting the replica takes a CPU. The CPU's
    # node leaves at 150 s: it asks for a GPU first, as at the beginning.
    outcome = run(
        [node("g", 2, cpu_milli=0), node("c", 0, gpu_model="", gpu_memory_mib=0)],
        [service(alternatives=[GPU, CPU], wait_s=40.0, end_s=200.0)],
        [job("j", 100.0, gpu_count=2)],
        changes=[(150.0, "c", "down")],
        await_series=True,
    )
    assert told(outcome) == [
        "0 scale s: 0 to 1", "0 arrive s-0", "0 arrive j", "0 start j g",
        "40 ask s-0", "40 start s-0 c",
        "100 finish j",
        "150 lose s-0 c", "150 down c", "150 ask s-0", "150 start s-0 g",
        "200 leave s-0",
    ]  # fmt: skip
    totals = only(outcome)
    assert totals.replica_h == pytest.approx((50.0 / 3600.0, 110.0 / 3600.0))
    assert (totals.moves, totals.failures, totals.preemptions) == (1, 1, 0)
    # Nobody serves for 40 s, then half a request a second, and from 150 s on two.
    assert totals.served == pytest.approx(110.0 * 0.5 + 50.0 * 2.0)
    assert totals.waiting == pytest.approx(200.0 - 155.0)


def test_after_the_last_alternative_comes_the_first() -> None:
    # The job has the GPU and half of the core that the other alternative needs.
    outcome = run(
        [node("g", 1, cpu_milli=1000)],
        [service(alternatives=[GPU, CPU], wait_s=40.0, end_s=200.0)],
        [job("j", 90.0, cpu_milli=500)],
        await_series=True,
    )
    assert [line for line in told(outcome) if "s-0" in line] == [
        "0 arrive s-0", "40 ask s-0", "80 ask s-0", "90 start s-0 g", "200 leave s-0",
    ]  # fmt: skip
    assert only(outcome).moves == 2


def test_an_alternative_that_no_node_can_hold_is_left_out() -> None:
    h100 = Alternative(9.0, 0.5, gpu_models="H100-80GB")
    outcome = run([node("g", 1)], [service(alternatives=[h100, GPU], wait_s=50.0, end_s=90.0)])
    assert [line for line in told(outcome) if "start" in line] == ["0 start s-0 g"]
    first, second = only(outcome).never
    assert "allowed model" in first
    assert not second


def zoned(name: str, zone: str, gpus: int, **more: Any) -> Node:
    return node(name, gpus, labels=(("topology.kubernetes.io/zone", zone),), **more)


def test_replicas_are_spread_over_zones_and_crowd_when_one_is_lost() -> None:
    # Best fit alone would put two on one node. With a skew of one they alternate; when b is lost, a
    # is all there is, and when it is back the two that fitted nowhere go there.
    apart = service(least=4, most=4, spread="zone", end_s=300.0)
    outcome = run(
        [zoned("a", "za", 3), zoned("b", "zb", 3)], [apart],
        changes=[(100.0, "b", "down"), (200.0, "b", "up")],
    )  # fmt: skip
    log = told(outcome)
    first = [line for line in log if line.startswith("0 start")]
    assert sorted(line.split()[-1] for line in first) == ["a", "a", "b", "b"]
    lost = [line for line in log if line.startswith("100 ")]
    assert [line.split()[1] for line in lost] == ["lose", "lose", "down", "start"]
    assert lost[-1].endswith(" a")
    assert [line.split()[-1] for line in log if line.startswith("200 start")] == ["b"]
    assert only(outcome).failures == 2


def test_one_more_in_a_zone_lets_the_next_one_into_the_other() -> None:
    # Zone a has three GPUs, b one beside the job's: a, b and a are taken, and two replicas wait. At
    # 50 s one takes the job's place. That levels the zones, and so the other one may have the GPU
    # that was free in a all the time.
    apart = service(most=5, spread="zone", end_s=100.0)
    outcome = run(
        [zoned("a", "za", 3), zoned("b", "zb", 2, gpu_model="T4")], [apart],
        [job("j", 50.0, priority=1, gpu_models="T4")],
        ordering="priority", await_series=True,
    )  # fmt: skip
    starts = [line.split() for line in told(outcome) if " start s" in line]
    assert sorted((at, where) for at, _, _, where in starts) == [
        ("0", "a"), ("0", "a"), ("0", "b"), ("50", "a"), ("50", "b"),
    ]  # fmt: skip


def test_a_replica_takes_the_room_of_a_job_and_gives_it_back() -> None:
    # A job of lower priority runs on the only GPU. Requests come at 100 s, are seen at 105 s, and
    # end at 150 s; that look is the last to see some, and none stays 30 s after it.
    wakes = service(
        pieces=[(0.0, 0.0), (100.0, 1.0), (150.0, 0.0)], end_s=400.0, least=0, priority=5,
        scaling={"scaler": "reactive", "cooldown_s": 30.0},
    )  # fmt: skip
    outcome = run([node()], [wakes], [job("j", 200.0)], ordering="priority", preemption="priority")
    assert told(outcome) == [
        "0 arrive j", "0 start j n0",
        "105 scale s: 0 to 1", "105 arrive s-0", "105 preempt j n0", "105 start s-0 n0",
        "180 scale s: 1 to 0", "180 leave s-0", "180 start j n0",
        "275 finish j",
    ]  # fmt: skip
    totals = only(outcome)
    # The five that had come by 105 s waited; all were served.
    assert (totals.offered, totals.served, totals.waiting) == (50.0, 50.0, 0.0)
    assert totals.replica_h == pytest.approx((75.0 / 3600.0,))
    assert outcome.jobs.preemptions.tolist() == [1]
    assert outcome.totals.end_s == 275.0  # with the last job


def test_a_job_takes_the_room_of_a_replica() -> None:
    outcome = run(
        [node()], [service(end_s=100.0)], [job("j", 30.0, arrival_s=20.0, priority=5)],
        ordering="priority", preemption="priority", await_series=True,
        interruptions=Interruptions(restart_s=10.0),
    )  # fmt: skip
    assert told(outcome) == [
        "0 scale s: 0 to 1", "0 arrive s-0", "0 start s-0 n0",
        "20 arrive j", "20 preempt s-0 n0", "20 start j n0",
        "50 finish j", "50 start s-0 n0",
        "100 leave s-0",
    ]  # fmt: skip
    totals = only(outcome)
    assert totals.preemptions == 1
    assert totals.replica_h == pytest.approx((70.0 / 3600.0,))
    # Like any who was stopped it begins with a restart: 20 s, and from 60 s on, at two a second.
    assert totals.served == pytest.approx(20.0 + 40.0 * 2.0)


def test_replicas_that_share_a_gpu_are_slower() -> None:
    # Two halves of one GPU under MPS, whose tenants ask for everything all the time: each goes at
    # the rate that the speed model leaves it, over its rate alone on that half.
    half = Alternative(2.0, 0.5, gpu_milli=500)
    nodes = [node("n", 1, Mps())]
    alone = run(nodes, [service(alternatives=[half], end_s=60.0)])
    both = run(nodes, [service(alternatives=[half], end_s=60.0, least=2, most=2)])
    assert alone.services is not None
    assert both.services is not None
    assert alone.services.series.capacity_per_s.tolist() == [2.0] * 4
    (one, *_) = both.services.series.capacity_per_s.tolist()
    assert 2.0 <= one < 4.0


def test_jobs_that_come_slow_replicas_down_at_once() -> None:
    half = Alternative(2.0, 0.5, gpu_milli=500)
    outcome = run(
        [node("n", 1, Mps())], [service(alternatives=[half], end_s=60.0)],
        [job("j", 1e6, arrival_s=30.0, gpu_milli=500)], until_s=60.0, await_series=True,
    )  # fmt: skip
    assert outcome.services is not None
    first, second, third, fourth = outcome.services.series.capacity_per_s.tolist()
    assert first == second == 2.0
    assert third == fourth < 2.0


def test_a_model_that_is_named_has_its_own_capacity_and_others_go_by_speed() -> None:
    from bayplan.simulator.core.speeds import Speeds

    slow = Speeds(by_model={"A100-80GB": 0.25})
    named = Alternative(2.0, 0.5, gpu_models="A100-80GB")
    for shape, capacity in ((named, 2.0), (GPU, 0.5)):
        outcome = run([node()], [service(alternatives=[shape], end_s=30.0)], speeds=slow)
        assert outcome.services is not None
        assert outcome.services.series.capacity_per_s.tolist() == [capacity] * 2


def test_a_replica_pays_for_the_largest_part_of_its_node() -> None:
    # Half of the GPUs, or three quarters of the cores: 3 an hour of a node of 4.
    shape = Alternative(2.0, 0.5, gpu_count=1, cpu_milli=48_000)
    outcome = run(
        [node("n", 2)], [service(alternatives=[shape], end_s=3600.0)],
        groups=[Group("g", ("n",), 1, price_per_h=4.0)],
    )  # fmt: skip
    assert only(outcome).cost == pytest.approx(3.0)
    assert outcome.totals.cost == 4.0


def test_nodes_come_for_replicas_and_leave_when_these_do() -> None:
    # Two replicas want a node each, seen at 10 s, there at 52 s. They leave at 100 s; the looks at
    # 110 s find the nodes empty, and 60 s later they leave.
    nodes = [node("g0"), node("g1"), node("g2")]
    group = Group("g", tuple(each.name for each in nodes), 0, 36.0, 42.0, idle_s=60.0)
    parts = Parts(
        sources=[Autoscaler([group])],
        groups=[group],
        services=[service(end_s=100.0, most=2), service("t", [(0.0, 0.0)], end_s=300.0, least=0,
                          scaling={"scaler": "reactive"})],
    )  # fmt: skip
    outcome = Simulation([], table([]), Settings(log=True), parts, spare=nodes).run()
    assert [line for line in told(outcome) if " s-" in line or " g" in line] == [
        "0 arrive s-0", "0 arrive s-1",
        "10 order g0", "10 order g1", "52 up g0", "52 up g1", "52 start s-0 g0", "52 start s-1 g1",
        "100 leave s-0", "100 leave s-1",
        "170 drain g1", "170 down g1", "170 drain g0", "170 down g0",
    ]  # fmt: skip
    assert outcome.services is not None
    # Of 236 node-seconds the replicas held 96, whole nodes each.
    assert outcome.services.totals[0].cost == pytest.approx(36.0 * 96.0 / 3600.0)
    assert outcome.totals.cost == pytest.approx(36.0 * 236.0 / 3600.0)


def test_stints_of_replicas_stand_behind_the_rows_of_jobs() -> None:
    gang = [job("x", 10.0, gang="w"), job("y", 10.0, gang="w"), job("z", 20.0)]
    services = [service(end_s=50.0)]
    outcome = run([node("n", 4)], services, gang, stints=100, await_series=True)
    assert outcome.stints is not None
    names = with_replicas(table(gang), services).name
    found = sorted(
        (names[row], start_s, end_s)
        for row, start_s, end_s in zip(
            outcome.stints.row.tolist(), outcome.stints.start_s, outcome.stints.end_s, strict=True
        )
    )
    assert found == [("s-0", 0.0, 50.0), ("x", 0.0, 10.0), ("x", 0.0, 10.0), ("z", 0.0, 20.0)]
    assert len(outcome.jobs.status) == 3


def test_replicas_draw_power_and_count_as_work() -> None:
    outcome = run([node("n", 1)], [service(end_s=100.0)], grid=Grid((100.0,)))
    assert outcome.totals.active_j > 0.0
    assert outcome.totals.effective_gpu_s == pytest.approx(100.0)
    assert outcome.totals.allocated_gpu_s == pytest.approx(100.0)


def test_under_fifo_a_replica_waits_behind_jobs_that_came_before_it() -> None:
    # At 30 s a second replica is wanted; the job that came at 10 s is served first.
    grows = service(
        pieces=[(0.0, 1.0), (15.0, 2.0)], end_s=200.0, most=2, scaling={"scaler": "reactive"}
    )
    outcome = run(
        [node("n", 2)], [grows],
        [job("i", 40.0), job("j", 50.0, arrival_s=10.0), job("k", 50.0, arrival_s=35.0)],
        await_series=True,
    )  # fmt: skip
    starts = [line for line in told(outcome) if " start " in line]
    assert starts == ["0 start i n", "0 start s-0 n", "40 start j n", "90 start s-1 n",
                      "200 start k n"]  # fmt: skip


def test_it_ends_with_the_jobs_or_with_the_loads() -> None:
    jobs = [job("j", 10.0)]
    assert run([node("n", 2)], [service()], jobs).totals.end_s == 10.0
    assert run([node("n", 2)], [service()], jobs, await_series=True).totals.end_s == 1000.0
    assert run([node("n", 2)], [service()]).totals.end_s == 1000.0
    endless = service(end_s=np.inf)
    assert run([node("n", 2)], [endless], jobs, await_series=True).totals.end_s == 10.0
    assert run([node("n", 2)], [endless], until_s=70.0).totals.end_s == 70.0
    with pytest.raises(InputError, match="no service ever ends"):
        run([node("n", 2)], [endless])


def test_jobs_that_wait_for_a_service_that_never_leaves_wait_in_vain() -> None:
    outcome = run([node()], [service(end_s=np.inf)], [job("j", 10.0, arrival_s=5.0)])
    assert outcome.totals.end_s == pytest.approx(14 * 86_400.0, rel=1e-3)
    assert outcome.jobs.start_s.tolist() == pytest.approx([np.nan], nan_ok=True)


def test_between_rounds_a_replica_that_is_lost_serves_nobody() -> None:
    outcome = run(
        [node("n")], [service(end_s=120.0)], trigger="rounds", round_s=60.0,
        changes=[(70.0, "n", "down")],
    )  # fmt: skip
    totals = only(outcome)
    assert totals.served == pytest.approx(70.0)
    assert totals.waiting == pytest.approx(50.0)


def test_a_job_may_not_have_the_name_of_a_replica() -> None:
    with pytest.raises(InputError, match="'s-0' is the name of a replica and of a job"):
        run([node()], [service()], [job("s-0", 1.0)])


def test_a_percentile_counts_who_was_dropped_and_a_mean_does_not() -> None:
    # 4 a second come, 2 are served at once and 2 are dropped: half are in time, at most.
    for measure, met in (("p50", False), ("mean", True)):
        full = service(pieces=[(0.0, 4.0)], queue_limit=0, latency=Latency("c", 1e3, measure))
        totals = only(run([node()], [full]))
        assert (totals.served, totals.dropped, totals.met) == (2000.0, 2000.0, met)
    assert only(run([node()], [service(pieces=[(0.0, 0.0)])])).met


def test_without_services_nothing_is_said_of_them() -> None:
    outcome = run([node()], [], [job("j", 10.0)])
    assert outcome.services is None
    assert told(outcome) == ["0 arrive j", "0 start j n0", "10 finish j"]


POLICIES: list[dict[str, Any]] = [
    {"ordering": "priority", "preemption": "none"},
    {"ordering": "priority", "preemption": "priority"},
    {"ordering": "priority", "preemption": "in-order"},
    {"ordering": "fifo", "backfill": "easy"},
    {"ordering": "sjf", "backfill": "conservative"},
    {"ordering": "las", "preemption": "repack"},
    {"ordering": "fair-share", "trigger": "rounds", "round_s": 35.0},
]
RATES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 4.0, 9.0]), min_size=1, max_size=6)


@settings(max_examples=40)
@given(RATES, RATES, st.integers(0, 2), st.sampled_from(POLICIES))
def test_no_request_gets_lost_whatever_happens(
    first: list[float], second: list[float], least: int, policy: dict[str, Any]
) -> None:
    half = Alternative(1.5, 0.5, startup_s=20.0, gpu_milli=500)
    how = {"scaler": "reactive", "down_window_s": 30.0, "cooldown_s": 30.0}

    def of(name: str, rates: list[float], priority: int, **more: float) -> Service:
        return service(
            name, [(50.0 * k, rate) for k, rate in enumerate(rates)], [half, CPU],
            end_s=50.0 * len(rates), least=least, most=5, wait_s=25.0, priority=priority,
            scaling=how, **more,
        )  # fmt: skip

    services = [of("a", first, 0, queue_limit=50), of("b", second, 1, timeout_s=20.0)]

    def once() -> Outcome:
        return run(
            [node("g", 2, Mps()), node("c", 0, gpu_model="", gpu_memory_mib=0, cpu_milli=2000)],
            services,
            [job(f"j{k}", 60.0, arrival_s=40.0 * k, priority=k % 3) for k in range(4)],
            changes=[(75.0, "g", "down"), (120.0, "g", "up")],
            await_series=True,
            **policy,
        )

    outcome, again = once(), once()
    assert outcome.services is not None
    assert again.services is not None
    assert outcome.log == again.log
    assert repr(outcome.services.totals) == repr(again.services.totals)  # NaN is not itself
    for totals, rates in zip(outcome.services.totals, (first, second), strict=True):
        assert totals.offered == pytest.approx(50.0 * sum(rates))
        gone = totals.served + totals.dropped + totals.waiting
        assert totals.offered == pytest.approx(gone, abs=1e-6)
    allocated = outcome.totals.allocated_gpu_s - float(outcome.jobs.gpu_s.sum())
    assert allocated / 3600.0 == pytest.approx(sum(t.gpu_h for t in outcome.services.totals))


@pytest.mark.parametrize("models", ["", "A100-80GB"])
@pytest.mark.parametrize(
    ("slow_s", "sound_s", "slow_for_s"), [(0.0, 600.0, 600.0), (200.0, 600.0, 400.0)]
)
def test_a_replica_on_a_slow_gpu_serves_less(
    models: str, slow_s: float, sound_s: float, slow_for_s: float
) -> None:
    """Two a second alone, half of it while the GPU is slow, whenever that began."""

    class Slow:
        def run(self, world: World) -> Events:
            for at_s, factor in ((slow_s, 0.5), (sound_s, 1.0)):
                yield world.until(at_s)
                world.slow_gpu("n", 0, factor)

    one = service(pieces=[(0.0, 0.5)], alternatives=[replace(GPU, gpu_models=models)])
    parts = Parts(sources=[Slow()], services=[one])
    outcome = Simulation([node("n")], table([]), Settings(sample_s=1000.0), parts).run()
    assert outcome.services is not None
    (mean,) = outcome.services.series.capacity_per_s.tolist()
    assert mean == pytest.approx((slow_for_s + 2.0 * (1000.0 - slow_for_s)) / 1000.0)


@pytest.mark.parametrize("models", ["", "A100-80GB"])
@pytest.mark.parametrize("checkpoint", ["fixed", "young"])
def test_replicas_save_nothing(models: str, checkpoint: str) -> None:
    one = service(alternatives=[replace(GPU, gpu_models=models)])
    costs = Interruptions(checkpoint_s=100.0, save_s=100.0, checkpoint=checkpoint)
    changes = [(500.0, "n", "down"), (500.0, "n", "up")]  # it is stopped as well
    outcome = run([node("n")], [one], changes=changes, interruptions=costs)
    assert outcome.services is not None
    assert set(outcome.services.series.capacity_per_s.tolist()) == {2.0}


def test_a_replica_that_finds_no_memory_is_killed_as_often_as_it_comes_back() -> None:
    # It comes back after half a second each time: 2000 times, and 2 ** 1024 is no float.
    big = job("j", 1000.0, gpu_milli=100, gpu_memory_mib=60_000)
    shape = replace(GPU, gpu_milli=100, gpu_memory_mib=60_000)
    outcome = run(
        [node("n", 1, TimeSlicing(replicas=4, check_memory=False))],
        [service(pieces=[(1.0, 1.0)], alternatives=[shape])],
        [big],
        out_of_memory=OutOfMemory(backoff_s=0.5, most_backoff_s=0.5),
    )
    # At 1, 1.5, ... 999.5: at 1000 the service is over.
    assert only(outcome).oom_kills == 1998


def test_samples_count_the_gpus_of_the_alternative_that_a_replica_has() -> None:
    # The job has one of the two GPUs of n, so that after 60 s the replica asks for one, not two.
    wide = replace(GPU, gpu_count=2)
    outcome = run(
        [node("n", 2)],
        [service(alternatives=[wide, GPU], end_s=1000.0)],
        [job("j", 2000.0)],
        sample_s=500.0,
    )
    series = outcome.series
    assert dict(zip(series.time_s.tolist(), series.effective_milli.tolist(), strict=True)) == {
        0.0: 0.0, 500.0: 2000.0, 1000.0: 2000.0, 1500.0: 1000.0, 2000.0: 1000.0,
    }  # fmt: skip


def test_a_replica_goes_where_it_costs_least_now() -> None:
    # za is clean in the first of three hours, and the dirtier of the two on the whole.
    grid = Grid(zones={"za": (100.0, 900.0, 900.0), "zb": (200.0,)})
    outcome = run(
        [zoned("b", "zb", 1), zoned("a", "za", 1)], [service()], grid=grid, deferral="carbon"
    )
    assert "0 start s-0 a" in told(outcome)


def test_a_replica_that_asks_for_something_else_is_placed_by_repack() -> None:
    outcome = run(
        [node("n")], [service(alternatives=[GPU, CPU], priority=-1)], [job("j", 2000.0)],
        preemption="repack", ordering="priority",
    )  # fmt: skip
    assert told(outcome)[-4:] == [
        "60 ask s-0", "60 start s-0 n", "1000 leave s-0", "2000 finish j",
    ]  # fmt: skip
