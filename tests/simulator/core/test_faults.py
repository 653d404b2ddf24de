"""Failures and reclaims of nodes: logs by hand, draws of each node its own, holds beside holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.rows import stable_key
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.settings import Interruptions, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import (
    Failing,
    Faults,
    Listed,
    NodeChange,
    Reclaimed,
    Source,
    Spot,
    World,
)

from .support import job, node, table, told

HOUR_S = 3600.0


class Drawn:
    """A generator whose draws are stated, in units of the mean."""

    def __init__(self, *draws: float) -> None:
        self._draws = list(draws)

    def exponential(self) -> float:
        return self._draws.pop(0) if self._draws else math.inf

    def weibull(self, shape: float) -> float:
        assert shape == 1.0
        return self.exponential()


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> dict[str, Drawn]:
    """What is drawn for whom, by ``source/node``; whoever is not named never changes."""
    stated: dict[str, Drawn] = {}
    monkeypatch.setattr(World, "rng", lambda self, *names: stated.get("/".join(names), Drawn()))
    return stated


def outcome(
    nodes: Sequence[str],
    jobs: Sequence[dict[str, Any]],
    *sources: Source,
    spare: Sequence[str] = (),
    **settings: Any,
) -> Outcome:
    asked = Settings(log=True, **settings)
    here, away = [[node(name, 1) for name in names] for names in (nodes, spare)]
    return Simulation(here, table(jobs), asked, Parts(sources=sources), spare=away).run()


def failing(*names: str, mtbf_h: float = 1.0, mttr_h: float = 0.5, shape: float = 1.0) -> Faults:
    return Faults([Failing(name, mtbf_h, mttr_h, shape) for name in names])


def listed(*changes: tuple[float, str, str]) -> Listed:
    return Listed([NodeChange(*change) for change in changes])


# --- by hand ------------------------------------------------------------------------------


def test_a_node_fails_is_repaired_and_fails_again(draws: dict[str, Drawn]) -> None:
    draws["faults/a"] = Drawn(1.0, 1.0, 0.5, 2.0)  # up 3600 s, down 1800, up 1800, down 3600
    costs = Interruptions(checkpoint_s=1000.0, restart_s=60.0)
    done = outcome(["a"], [job("x", 5000.0)], failing("a"), interruptions=costs)
    assert told(done) == [
        "0 arrive x", "0 start x a",
        "3600 lose x a", "3600 down a",  # 3000 are safe
        "5400 up a", "5400 start x a",
        "7200 lose x a", "7200 down a",  # 1740 of work, 1000 of it safe: 1000 are left
        "10800 up a", "10800 start x a", "11860 finish x",
    ]  # fmt: skip
    assert done.jobs.failures.tolist() == [2]
    assert done.jobs.work_lost_s.tolist() == [600.0 + 740.0]
    assert done.jobs.overhead_s.tolist() == [120.0]
    assert done.totals.there_gpu_s == 11860.0 - 1800.0 - 3600.0


def test_time_to_the_first_failure_counts_from_the_first_arrival(draws: dict[str, Drawn]) -> None:
    draws["faults/a"] = Drawn(1.0, 1.0)
    done = outcome(["a"], [job("x", 5000.0, arrival_s=100.0)], failing("a"))
    assert told(done)[2:5] == ["3700 lose x a", "3700 down a", "5500 up a"]


def reclaimed(*names: str, notice_s: float = 120.0) -> Spot:
    return Spot([Reclaimed(name, 0.5, 1.0, notice_s) for name in names])


def test_a_reclaim_gives_notice_and_the_node_comes_back(draws: dict[str, Drawn]) -> None:
    draws["spot/a"] = Drawn(0.5, 0.25)  # notice after 3600 s, gone for 900
    jobs = [job("x", 4000.0), job("y", 3650.0), job("z", 10.0, arrival_s=3655.0)]
    done = outcome(["a", "b"], jobs, reclaimed("a"))
    assert told(done) == [
        "0 arrive x", "0 arrive y", "0 start x a", "0 start y b",
        "3600 cordon a", "3650 finish y", "3655 arrive z", "3655 start z b", "3665 finish z",
        "3720 lose x a", "3720 down a", "3720 start x b", "4000 finish x",
    ]  # fmt: skip


def test_who_is_alone_waits_for_its_node(draws: dict[str, Drawn]) -> None:
    draws["spot/a"] = Drawn(0.5, 0.25)
    done = outcome(["a"], [job("x", 4000.0)], reclaimed("a"))
    assert told(done)[2:] == [
        "3600 cordon a", "3720 lose x a", "3720 down a", "4620 up a", "4620 start x a",
        "4900 finish x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("notice_s", "on_notice", "lost_s"),
    [
        (120.0, "checkpoint", 0.0),
        (120.0, "none", 720.0),
        (0.0, "checkpoint", 600.0),  # without notice nobody saves anything
    ],
)
def test_jobs_save_what_they_did_when_their_notice_is_over(
    notice_s: float, on_notice: str, lost_s: float, draws: dict[str, Drawn]
) -> None:
    draws["spot/a"] = Drawn(0.5, 0.25)
    costs = Interruptions(checkpoint_s=1000.0, on_notice=on_notice)
    done = outcome(
        ["a"], [job("x", 4000.0)], reclaimed("a", notice_s=notice_s), interruptions=costs
    )
    assert done.jobs.work_lost_s.tolist() == [lost_s]
    gone_s = 3600.0 + notice_s + 900.0
    assert done.jobs.finish_s.tolist() == [gone_s + 4000.0 - (3600.0 + notice_s - lost_s)]


def test_checkpoints_after_one_on_notice_stay_where_they_were(draws: dict[str, Drawn]) -> None:
    draws["spot/a"], draws["faults/b"] = Drawn(0.5, 0.25), Drawn(1.5, 0.01)
    costs = Interruptions(checkpoint_s=1000.0, on_notice="checkpoint")
    done = outcome(
        ["a", "b"], [job("x", 8000.0), job("y", 3700.0)], reclaimed("a"), failing("b"),
        interruptions=costs,
    )  # fmt: skip
    # x has 3720 safe, is on b from 3720, and loses that at 5400: 4720 are safe.
    assert done.jobs.work_lost_s.tolist() == [680.0, 0.0]


# --- holds beside holds -------------------------------------------------------------------


@pytest.mark.parametrize(("back_s", "up_s"), [(6000, 6000), (5000, 5400)])
def test_a_node_is_up_when_nobody_holds_it(
    back_s: float, up_s: float, draws: dict[str, Drawn]
) -> None:
    draws["faults/a"] = Drawn(1.0, 1.0)  # away from 3600 to 5400
    changes = listed((4000.0, "a", "down"), (back_s, "a", "up"))
    done = outcome(["a"], [job("x", 7000.0)], failing("a"), changes)
    assert told(done)[2:] == [
        "3600 lose x a", "3600 down a", f"{up_s} up a", f"{up_s} start x a",
        f"{up_s + 3400} finish x",
    ]  # fmt: skip


def test_a_node_that_comes_back_cordoned_takes_nobody(draws: dict[str, Drawn]) -> None:
    draws["faults/a"] = Drawn(1.0, 1.0)
    changes = listed((1000.0, "a", "cordon"), (6000.0, "a", "up"))
    done = outcome(["a"], [job("x", 4000.0)], failing("a"), changes)
    assert told(done)[2:] == [
        "1000 cordon a", "3600 lose x a", "3600 down a", "5400 up a", "5400 cordon a", "6000 up a",
        "6000 start x a", "6400 finish x",
    ]  # fmt: skip


def test_a_drained_node_that_fails_has_left_for_good(draws: dict[str, Drawn]) -> None:
    draws["faults/a"] = Drawn(1.0, 1.0)
    changes = listed((1000.0, "a", "drain"), (6000.0, "a", "up"))
    done = outcome(["a"], [job("x", 4000.0)], failing("a"), changes)
    assert told(done)[2:] == [
        "1000 drain a", "3600 lose x a", "3600 down a", "6000 up a", "6000 start x a",
        "6400 finish x",
    ]  # fmt: skip


def test_a_repair_brings_no_node_that_was_never_there(draws: dict[str, Drawn]) -> None:
    draws["faults/s"] = Drawn(0.1, 0.1)
    jobs = [job("x", 1000.0), job("y", 10.0)]
    done = outcome(["a"], jobs, failing("s"), listed((700.0, "s", "up")), spare=["s"])
    assert told(done)[3:] == ["700 up s", "700 start y s", "710 finish y", "1000 finish x"]


def test_a_cordon_from_the_start_outlives_a_repair(draws: dict[str, Drawn]) -> None:
    draws["faults/b"] = Drawn(0.1, 0.1)
    nodes = [node("a", 1), node("b", 1, schedulable=False)]
    jobs = table([job("x", 1000.0), job("y", 10.0)])
    parts = Parts(sources=[failing("b"), listed((800.0, "b", "up"))])
    done = Simulation(nodes, jobs, Settings(log=True), parts).run()
    assert told(done)[3:] == [
        "360 down b", "540 up b", "540 cordon b", "800 up b", "800 start y b", "810 finish y",
        "1000 finish x",
    ]  # fmt: skip


# --- draws --------------------------------------------------------------------------------

TWO = [Failing("a", 5.0, 1.0), Failing("b", 3.0, 2.0, 0.7)]
LONG = [job("x", 400 * HOUR_S)]


def of_node(done: Outcome, name: str) -> list[tuple[float, str]]:
    return [(e.time_s, e.what) for e in done.log if e.detail == name and not e.job]


def test_a_seed_gives_the_same_and_another_one_others() -> None:
    once, again, other = (outcome("ab", LONG, Faults(TWO), seed=seed) for seed in (3, 3, 4))
    assert once.log == again.log
    assert once.totals == again.totals
    assert of_node(once, "a") != of_node(other, "a")


def test_failures_of_a_node_are_its_own_draws() -> None:
    rng = np.random.default_rng([3, stable_key("faults/b")])
    up_s = 3.0 * HOUR_S / math.gamma(1.0 + 1.0 / 0.7)
    down_s = up_s * rng.weibull(0.7)
    up_again_s = down_s + 2.0 * HOUR_S * rng.exponential()
    found = of_node(outcome("ab", LONG, Faults(TWO), seed=3), "b")
    assert found[:2] == [(down_s, "down"), (up_again_s, "up")]


@pytest.mark.parametrize("more", [Failing("c", 1.0, 1.0), Failing("0", 0.5, 1.0)])
def test_a_node_more_changes_nobody_elses_failures(more: Failing) -> None:
    jobs = [job("x", 100 * HOUR_S, gpu_count=0)]  # on the node without GPUs, which never fails
    few, many = (
        Simulation(
            [*(node(name, 1) for name in names), node("cpus", 0, gpu_model="")],
            table(jobs),
            Settings(log=True, seed=1),
            Parts(sources=[Faults(nodes)]),
        ).run()
        for names, nodes in (("ab", TWO), ("abc0", [more, *TWO]))
    )
    assert few.totals.end_s == many.totals.end_s == 100 * HOUR_S
    for name in "ab":
        assert len(of_node(few, name)) > 20
        assert of_node(few, name) == of_node(many, name)


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_availability_is_that_of_two_states(shape: float) -> None:
    nodes = [node(f"n{k:03}", 1) for k in range(200)]
    faults = failing(*(each.name for each in nodes), mtbf_h=8.0, mttr_h=2.0, shape=shape)
    jobs = table([job("x", 2_000 * HOUR_S, gpu_count=0)])
    here = [*nodes, node("cpus", 0, gpu_model="")]
    done = Simulation(here, jobs, Settings(placement="first-fit"), Parts(sources=[faults])).run()
    ran_s = done.totals.end_s - done.totals.first_s
    assert done.totals.known_gpus == 200
    assert done.totals.there_gpu_s / (200 * ran_s) == pytest.approx(8.0 / 10.0, rel=0.01)


def test_reclaims_are_counted_while_a_node_is_there() -> None:
    names = [f"n{k:03}" for k in range(200)]
    spot = Spot([Reclaimed(name, 0.25, 1.0, 360.0) for name in names])
    nodes = [*(node(name, 1) for name in names), node("cpus", 0, gpu_model="")]
    jobs = table([job("x", 1_000 * HOUR_S, gpu_count=0)])
    done = Simulation(nodes, jobs, Settings(placement="random", seed=2), Parts(sources=[spot]))
    totals = done.run().totals
    share = totals.there_gpu_s / (200 * 1_000 * HOUR_S)
    assert share == pytest.approx(4.1 / 5.1, rel=0.01)  # up for 4 h and a notice of 0.1 h


# --- ends and errors ----------------------------------------------------------------------


def test_failures_that_never_end_let_a_run_end() -> None:
    away = listed((1.0, "b", "down"))
    done = outcome("ab", [job("x", 10.0, pods=2)], failing("a", mtbf_h=0.1, mttr_h=0.1), away)
    assert done.jobs.status.tolist() == [Status.UNFINISHED]
    assert done.totals.events > 10_000


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: failing("a", mtbf_h=0.0), "node a: mtbf_h is 0.0"),
        (lambda: failing("a", mttr_h=math.nan), "node a: mttr_h is nan"),
        (lambda: failing("a", shape=-1.0), "node a: mtbf_shape is -1.0"),
        (lambda: Spot([Reclaimed("a", math.inf, 1.0)]), "node a: reclaim_per_h is inf"),
        (lambda: Spot([Reclaimed("a", 1.0, 0.0)]), "node a: return_h is 0.0"),
        (lambda: Spot([Reclaimed("a", 1.0, 1.0, -1.0)]), "node a: notice_s is -1.0"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        make()
