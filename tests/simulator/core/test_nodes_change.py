"""Nodes that come and go, by hand: exact event logs."""

from __future__ import annotations

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Status
from bayplan.simulator.core.settings import Interruptions, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.traces.jobs import JobTable

from .support import job, node, table


def simulation(
    jobs: JobTable,
    *changes: tuple[float, str, str],
    spare: tuple[str, ...] = (),
    **settings: object,
) -> Simulation:
    source = Listed([NodeChange(*change) for change in changes])
    return Simulation(
        [node("a", 1), node("b", 1)],
        jobs,
        Settings(log=True, **settings),  # type: ignore[arg-type]  # as the tests state them
        Parts(sources=[source]),
        spare=[node(name, 1) for name in spare],
    )


def log(done: Simulation) -> list[str]:
    return [
        " ".join(filter(None, (f"{each.time_s:g}", each.what, each.job, each.detail)))
        for each in done.run().log
    ]


def test_a_node_that_leaves_takes_its_jobs_with_it() -> None:
    jobs = table([job("x", 10.0), job("y", 10.0), job("z", 1.0, arrival_s=2.0)])
    done = simulation(jobs, (4.0, "a", "down"), (20.0, "a", "up"))
    assert log(done) == [
        "0 arrive x", "0 arrive y", "0 start x a", "0 start y b", "2 arrive z",
        "4 lose x a", "4 down a", "10 finish y", "10 start x b", "16 finish x", "16 start z b",
        "17 finish z",
    ]  # fmt: skip
    outcome = done.outcome()
    assert outcome.jobs.failures.tolist() == [1, 0, 0]
    assert outcome.jobs.preemptions.tolist() == [0, 0, 0]
    assert outcome.totals.there_gpu_s == 2 * 4.0 + 13.0


def test_work_since_the_last_checkpoint_is_lost_and_a_restart_costs() -> None:
    costs = Interruptions(checkpoint_s=3.0, restart_s=2.0)
    done = simulation(table([job("x", 10.0)]), (8.0, "a", "down"), interruptions=costs)
    outcome = done.run()
    # 6 of 8 s are safe; it goes on at once on b, from 8 + 2.
    assert outcome.jobs.finish_s.tolist() == [8.0 + 2.0 + 4.0]
    assert outcome.jobs.work_lost_s.tolist() == [2.0]
    assert outcome.jobs.overhead_s.tolist() == [2.0]


def test_a_drained_node_leaves_when_its_last_job_has_ended() -> None:
    jobs = table([job("x", 10.0), job("y", 3.0), job("z", 1.0, arrival_s=5.0)])
    done = simulation(jobs, (1.0, "a", "drain"), (12.0, "a", "up"))
    assert log(done) == [
        "0 arrive x", "0 arrive y", "0 start x a", "0 start y b", "1 drain a", "3 finish y",
        "5 arrive z", "5 start z b", "6 finish z", "10 finish x", "10 down a",
    ]  # fmt: skip


def test_a_cordoned_node_keeps_its_jobs_until_it_takes_pods_again() -> None:
    jobs = table([job("x", 2.0), job("y", 9.0), job("z", 1.0, arrival_s=3.0)])
    done = simulation(jobs, (1.0, "a", "cordon"), (6.0, "a", "up"))
    assert log(done) == [
        "0 arrive x", "0 arrive y", "0 start x a", "0 start y b", "1 cordon a", "2 finish x",
        "3 arrive z", "6 up a", "6 start z a", "7 finish z", "9 finish y",
    ]  # fmt: skip


def test_a_node_that_comes_helps_who_waits() -> None:
    jobs = table([job("x", 10.0), job("y", 10.0), job("z", 1.0)])
    done = simulation(jobs, (4.0, "c", "up"), spare=("c",))
    assert log(done)[5:] == [
        "4 up c", "4 start z c", "5 finish z", "10 finish x", "10 finish y",
    ]  # fmt: skip
    assert done.outcome().totals.there_gpu_s == 2 * 10.0 + 6.0


def test_repacking_looks_again_at_who_was_refused_when_a_node_comes() -> None:
    jobs = table([job("x", 10.0, pods=3), job("y", 3.0, pods=2)])
    done = simulation(jobs, (4.0, "c", "up"), spare=("c",), preemption="repack")
    assert done.run().jobs.start_s.tolist() == [4.0, 0.0]


def test_a_gang_loses_all_of_its_pods_with_one_node() -> None:
    jobs = table([job("x", 10.0, pods=2)])
    done = simulation(jobs, (4.0, "b", "down"), (6.0, "b", "up"))
    assert log(done) == [
        "0 arrive x", "0 start x a b", "4 lose x a b", "4 down b", "6 up b", "6 start x a b",
        "12 finish x",
    ]  # fmt: skip


def test_who_fits_only_where_a_node_comes_is_not_rejected() -> None:
    jobs = table([job("x", 1.0, pods=3), job("y", 1.0, pods=4)])
    done = simulation(jobs, (4.0, "c", "up"), spare=("c",))
    outcome = done.run()
    assert outcome.jobs.status.tolist() == [Status.FINISHED, Status.REJECTED]
    assert outcome.jobs.start_s.tolist()[0] == 4.0


def test_who_never_finds_a_node_again_waits_when_all_is_over() -> None:
    done = simulation(table([job("x", 10.0, pods=2)]), (4.0, "a", "down"))
    outcome = done.run()
    assert outcome.jobs.status.tolist() == [Status.UNFINISHED]
    assert outcome.jobs.work_lost_s.tolist() == [0.0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((1.0, "c", "up"), "there is no node 'c'"),
        ((1.0, "a", "vanish"), "'vanish' is no change of a node"),
        ((-1.0, "a", "up"), "node a: up at -1.0 s"),
    ],
)
def test_what_cannot_be_is_refused(change: tuple[float, str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        simulation(table([job("x", 10.0)]), change).run()
