"""The autoscaler, by hand: exact event logs, which nodes it orders, what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import Node
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Autoscaler, Listed, NodeChange

from .support import job, node, table, told


class Nodes:
    """Nodes alike: ``there`` of them at first, ``most`` in all; the rest is a ``Group``'s."""

    def __init__(self, name: str, most: int, gpus: int = 1, there: int = 0, **more: Any) -> None:
        shape = {key: more.pop(key) for key in ("cpu_milli", "gpu_model") if key in more}
        self.nodes: list[Node] = [node(f"{name}{k}", gpus, **shape) for k in range(most)]
        self.there = there
        self.group = Group(name, tuple(each.name for each in self.nodes), **more)


def simulation(
    jobs: Sequence[Mapping[str, Any]],
    *nodes: Nodes,
    scan_s: float = 10.0,
    changes: Sequence[tuple[float, str, str]] = (),
    **settings: Any,
) -> Simulation:
    groups = [each.group for each in nodes]
    return Simulation(
        [node for each in nodes for node in each.nodes[: each.there]],
        table(jobs),
        Settings(log=True, **settings),
        Parts(
            sources=[
                Autoscaler(groups, scan_s),
                *([Listed([NodeChange(*change) for change in changes])] if changes else []),
            ],
            groups=groups,
        ),
        spare=[node for each in nodes for node in each.nodes[each.there :]],
    )


def run(jobs: Sequence[Mapping[str, Any]], *nodes: Nodes, **more: Any) -> Outcome:
    return simulation(jobs, *nodes, **more).run()


def ordered(outcome: Outcome) -> list[str]:
    return [f"{e.time_s:g} {e.detail}" for e in outcome.log if e.what == "order"]


def test_a_node_comes_for_who_waits_and_leaves_when_it_is_idle() -> None:
    jobs = [job("x", 50.0, arrival_s=3.0), job("y", 10.0, arrival_s=300.0)]
    group = Nodes("g", 3, provision_s=42.0, idle_s=60.0, price_per_h=36.0)
    outcome = run(jobs, group)
    assert told(outcome) == [
        "3 arrive x", "10 order g0", "52 up g0", "52 start x g0", "102 finish x",
        # Found empty at 110, and 60 s later it leaves.
        "170 drain g0", "170 down g0",
        "300 arrive y", "310 order g0", "352 up g0", "352 start y g0", "362 finish y",
    ]  # fmt: skip
    there_s = (170.0 - 52.0) + (362.0 - 352.0)
    totals, (line,) = outcome.totals, outcome.groups
    assert totals.node_s == line.node_s == totals.there_gpu_s == line.there_gpu_s == there_s
    assert totals.cost == line.cost == 36.0 * there_s / 3600.0


def test_who_starts_at_once_needs_no_node() -> None:
    outcome = run([job("x", 5.0), job("y", 5.0, arrival_s=5.0)], Nodes("g", 3, there=1, least=1))
    assert ordered(outcome) == []
    assert outcome.totals.node_s == 10.0


def test_nodes_on_their_way_are_for_who_waits() -> None:
    jobs = [job("x", 5.0), job("y", 5.0), job("z", 5.0, arrival_s=15.0)]
    outcome = run(jobs, Nodes("g", 9, gpus=2, provision_s=100.0))
    # At 10 one node holds x and y; at 20 it is on its way, and z needs another one.
    assert ordered(outcome) == ["10 g0", "20 g1"]


def test_a_change_at_the_time_of_a_look_is_seen_at_the_next() -> None:
    outcome = run([job("x", 5.0, arrival_s=20.0)], Nodes("g", 1))
    assert ordered(outcome) == ["30 g0"]


def test_no_more_nodes_come_than_there_may_be() -> None:
    jobs = [job(f"j{k}", 7.0) for k in range(5)]
    outcome = run(jobs, Nodes("g", 2, there=1, least=1))
    assert ordered(outcome) == ["10 g1"]
    # Two at a time from 10 on, but for the one that went first.
    assert outcome.jobs.start_s.tolist() == [0.0, 7.0, 10.0, 14.0, 17.0]


def test_the_cheapest_group_that_fits_is_taken() -> None:
    dear, cheap = Nodes("d", 9, price_per_h=3.0), Nodes("c", 1, price_per_h=2.0)
    small = Nodes("s", 9, price_per_h=1.0, gpu_model="T4")
    jobs = [job(name, 5.0, gpu_models="A100-80GB") for name in "xyz"]
    # One of the cheap ones is all there is; the cheapest of all are of another model.
    assert ordered(run(jobs, dear, small, cheap)) == ["10 c0", "10 d0", "10 d1"]


def test_the_price_is_for_what_is_asked_and_not_for_a_node() -> None:
    groups = Nodes("one", 9, price_per_h=3.0), Nodes("eight", 9, gpus=8, price_per_h=16.0)
    # For five, eight GPUs cost 16 and five nodes of one cost 15; for six, 16 and 18.
    five, six = ([job(f"j{k}", 5.0) for k in range(n)] for n in (5, 6))
    assert ordered(run(five, *groups)) == [f"10 one{k}" for k in range(5)]
    assert ordered(run(six, *groups)) == ["10 eight0"]


def test_of_equal_prices_the_first_group_is_taken() -> None:
    jobs = [job("x", 5.0)]
    assert ordered(run(jobs, Nodes("a", 1), Nodes("b", 1))) == ["10 a0"]
    groups = Nodes("a", 1, price_per_h=0.3), Nodes("b", 1, price_per_h=0.1 + 0.2)
    assert ordered(run(jobs, *reversed(groups))) == ["10 b0"]
    assert ordered(run(jobs, *groups)) == ["10 a0"]


def test_jobs_without_gpus_go_by_cores() -> None:
    groups = Nodes("gpu", 9, price_per_h=9.0), Nodes("cpu", 9, gpus=0, price_per_h=1.0)
    outcome = run([job("x", 5.0, gpu_count=0, cpu_milli=1000)], *groups)
    assert ordered(outcome) == ["10 cpu0"]


def test_the_largest_are_packed_first() -> None:
    jobs = [job("s", 5.0, gpu_count=1), job("m", 5.0, gpu_count=2), job("l", 5.0, gpu_count=3)]
    # In the order of their arrival, 1 + 2, 3 and 2, they would need three nodes of four GPUs.
    outcome = run([*jobs, job("m2", 5.0, gpu_count=2)], Nodes("g", 9, gpus=4))
    assert ordered(outcome) == ["10 g0", "10 g1"]


def test_who_holds_up_the_others_is_packed_first() -> None:
    # In the order of their size y would take the room that is there, and x would have too few.
    jobs = [job("x", 5.0, pods=3), job("y", 5.0, gpu_count=2)]
    outcome = run(jobs, Nodes("g", 2, gpus=2, there=1), strict=True)
    assert ordered(outcome) == ["10 g1"]
    assert outcome.jobs.start_s.tolist() == [10.0, 15.0]


def test_a_gang_gets_all_of_its_nodes() -> None:
    outcome = run([job("x", 5.0, pods=4)], Nodes("g", 9, there=1, provision_s=30.0))
    assert told(outcome) == [
        "0 arrive x", "10 order g1", "10 order g2", "10 order g3", "40 up g1", "40 up g2",
        "40 up g3", "40 start x g0 g1 g2 g3", "45 finish x",
    ]  # fmt: skip


def test_a_gang_goes_to_nodes_of_several_groups_where_none_has_enough() -> None:
    groups = Nodes("a", 2, price_per_h=1.0), Nodes("b", 3, price_per_h=2.0)
    outcome = run([job("x", 5.0, pods=4)], *groups)
    assert ordered(outcome) == ["10 a0", "10 a1", "10 b0", "10 b1"]
    assert outcome.jobs.start_s.tolist() == [10.0]


def test_the_first_nodes_of_a_gang_wait_for_the_last_ones() -> None:
    groups = Nodes("a", 1, idle_s=20.0), Nodes("b", 1, idle_s=20.0, provision_s=100.0)
    outcome = run([job("x", 5.0, pods=2)], *groups)
    assert outcome.jobs.start_s.tolist() == [110.0]
    assert [e.detail for e in outcome.log if e.what == "drain"] == []


def test_who_fits_no_group_is_rejected_and_no_node_comes_for_it() -> None:
    outcome = run([job("x", 5.0, pods=3), job("y", 5.0)], Nodes("g", 2))
    assert outcome.jobs.status.tolist() == [Status.REJECTED, Status.FINISHED]
    assert ordered(outcome) == ["10 g0"]


def test_the_last_nodes_leave_first_and_the_least_stay() -> None:
    jobs = [job(f"j{k}", 5.0) for k in range(4)] + [job("late", 1.0, arrival_s=500.0)]
    outcome = run(jobs, Nodes("g", 4, there=4, least=2, idle_s=30.0))
    downs = [f"{e.time_s:g} {e.detail}" for e in outcome.log if e.what == "down"]
    assert downs == ["40 g3", "40 g2"]
    assert outcome.totals.node_s == 2 * 501.0 + 2 * 40.0


def test_a_node_that_is_used_again_is_idle_from_then_on() -> None:
    jobs = [job("x", 5.0), job("y", 30.0, arrival_s=55.0), job("z", 1.0, arrival_s=300.0)]
    outcome = run(jobs, Nodes("g", 1, there=1, idle_s=60.0))
    # Empty from 10 on, used from 55 to 85, empty from 90 on.
    assert [e.time_s for e in outcome.log if e.what == "down"] == [150.0]


def test_looks_are_few_while_nothing_changes() -> None:
    jobs = [job("x", 1e6), job("y", 1.0, arrival_s=2e6)]
    made = simulation(jobs, Nodes("g", 2, there=1, least=1))
    steps = 0
    step = made._clock.step

    def counted() -> None:
        nonlocal steps
        steps += 1
        step()

    made._clock.step = counted  # type: ignore[method-assign]
    outcome = made.run()
    assert outcome.totals.end_s == 2e6 + 1.0
    samples = outcome.series.time_s.size
    assert steps < 3 * samples + 100


@pytest.mark.parametrize("trigger", ["events", "rounds"])
@pytest.mark.parametrize("round_s", [3.0, 10.0, 360.0])
def test_a_run_ends_though_somebody_waits_for_ever(trigger: str, round_s: float) -> None:
    # x needs both nodes, and one is cordoned for good.
    jobs = [job("x", 5.0, pods=2), job("y", 5.0)]
    outcome = run(
        jobs, Nodes("g", 2, there=1), changes=[(1.0, "g0", "cordon")], trigger=trigger,
        round_s=round_s,
    )  # fmt: skip
    assert outcome.jobs.status.tolist() == [Status.UNFINISHED, Status.FINISHED]


def test_a_node_on_which_nobody_starts_does_not_come_again_and_again() -> None:
    # The first of the queue blocks the others, and never finds its second node.
    model = {"gpu_models": "A100-80GB"}
    jobs = [job("x", 5.0, pods=2, **model), job("y", 5.0, arrival_s=20.0, **model)]
    outcome = run(
        jobs, Nodes("g", 2, there=1), Nodes("h", 3, gpu_model="T4"), strict=True,
        changes=[(1.0, "g0", "cordon")],
    )  # fmt: skip
    assert ordered(outcome) == ["30 g1"]
    assert outcome.jobs.status.tolist() == [Status.UNFINISHED, Status.UNFINISHED]


def test_another_node_is_ordered_for_one_that_failed() -> None:
    outcome = run(
        [job("x", 50.0)], Nodes("g", 2, there=1, provision_s=7.0), changes=[(12.0, "g0", "down")]
    )
    assert told(outcome)[2:] == [
        "12 lose x g0", "12 down g0", "20 order g1", "27 up g1", "27 start x g1", "65 finish x",
    ]  # fmt: skip


HOW: tuple[dict[str, Any], ...] = (
    {}, {"strict": True}, {"backfill": "easy"}, {"backfill": "conservative"},
    {"trigger": "rounds", "round_s": 7.0}, {"preemption": "in-order", "ordering": "las"},
    {"preemption": "repack", "ordering": "sjf"}, {"placement": "worst-fit"},
)  # fmt: skip


@st.composite
def queues(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few jobs: gangs, shares, jobs without GPUs, some of them for one model alone."""
    return [
        job(
            f"j{k}",
            draw(st.sampled_from([1.0, 12.5, 40.0, 90.0])),
            arrival_s=draw(st.sampled_from([0.0, 3.0, 10.0, 33.3, 250.0])),
            pods=draw(st.sampled_from([1, 1, 2, 5])),
            gpu_count=draw(st.sampled_from([0, 1, 1, 2])),
            gpu_models=draw(st.sampled_from(["", "", "T4", "A100-80GB"])),
            cpu_milli=1000,
        )
        for k in range(draw(st.integers(1, 9)))
    ]


@given(jobs=queues(), how=st.sampled_from(HOW), sizes=st.tuples(*[st.integers(0, 3)] * 3))
def test_whoever_fits_gets_there_and_the_bill_is_what_the_log_says(
    jobs: list[dict[str, Any]], how: dict[str, Any], sizes: tuple[int, int, int]
) -> None:
    groups = (
        Nodes("a", 3, gpus=2, there=sizes[0], price_per_h=5.0, provision_s=25.0, idle_s=30.0),
        Nodes("b", 3, gpus=1, there=sizes[1], price_per_h=2.0, jitter_s=9.0, idle_s=0.0),
        Nodes("c", 3, gpus=2, there=sizes[2], gpu_model="T4", least=min(1, sizes[2]), idle_s=50.0),
    )
    outcome = run(jobs, *groups, **how)
    assert set(outcome.jobs.status.tolist()) <= {Status.FINISHED, Status.REJECTED}
    assert outcome.log == run(jobs, *groups, **how).log
    first_s, end_s = outcome.totals.first_s, outcome.totals.end_s
    for each, line in zip(groups, outcome.groups, strict=True):
        n, since, node_s = each.there, first_s, 0.0
        for entry in outcome.log:
            sign = {"up": 1, "down": -1}.get(entry.what, 0)
            if sign and entry.detail in each.group.nodes:
                node_s += n * (entry.time_s - since)
                n, since = n + sign, entry.time_s
                assert each.group.least <= n <= len(each.nodes)
        node_s += n * (end_s - since)
        assert line.node_s == pytest.approx(node_s)
        assert line.cost == pytest.approx(each.group.price_per_h * node_s / 3600.0)
    away = sum(min(a.until_s, end_s) - a.from_s for a in outcome.absences)
    assert outcome.totals.node_s + away == pytest.approx(9 * (end_s - first_s))


def test_delays_are_drawn_by_the_seed_alone() -> None:
    def ups(seed: int) -> list[float]:
        jobs = [job(f"j{k}", 50.0) for k in range(9)]
        made = simulation(jobs, Nodes("g", 9, provision_s=20.0, jitter_s=60.0), seed=seed)
        return [e.time_s for e in made.run().log if e.what == "up"]

    first = ups(1)
    assert first == ups(1) != ups(2)
    assert len(set(first)) == 9
    assert min(first) > 30.0


def test_the_first_seconds_before_any_job_cost_nothing() -> None:
    group = Nodes("g", 2, there=2, least=2, price_per_h=3600.0)
    outcome = run([job("x", 5.0, arrival_s=100.0)], group)
    assert outcome.totals.cost == 2 * 5.0


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        (Group("g", ("g0", "h0")), "group g: there is no node 'h0'"),
        (Group("g", ("g0",), least=2), "group g: least is 2 of 1 nodes"),
        (Group("g", ("g0",), price_per_h=float("nan")), "group g: price_per_h is nan"),
        (Group("g", ("g0", "g0")), "node 'g0' is in the groups g and g"),
    ],
)
def test_groups_that_cannot_be_are_refused(group: Group, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Simulation([node("g0")], table([job("x", 5.0)]), parts=Parts(groups=[group]))


def test_looks_take_time() -> None:
    with pytest.raises(InputError, match="scan_s is 0"):
        Autoscaler([], 0.0)
