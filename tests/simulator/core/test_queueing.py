"""Queueing theory: waits and times in the system of M/M/c, M/G/1 and M/M/1 with sharing.

A mean wait converges slowly: to tell 5 % takes hundreds of thousands of jobs. So the simulator is
compared job by job with a recursion of a few lines, on several paths, and the recursion with theory
on long ones: the mean of independent runs must lie within four of its standard errors, which must
be small enough that an error of 5 % would not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from bayplan.scheduler.sharing import TimeSlicing
from bayplan.scheduler.speed import SpeedSettings
from bayplan.scheduler.types import Node
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.traces.jobs import JobTable

from .support import node, speeds

Times: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, int], Times]

N_SHORT, N_LONG, RUNS = 1_500, 200_000, 6
PLANTED = 0.05


def exponential(rng: np.random.Generator, n: int) -> Times:
    return rng.exponential(1.0, n)


def lognormal(rng: np.random.Generator, n: int) -> Times:
    """Mean 1, squared coefficient of variation e - 1."""
    return rng.lognormal(-0.5, 1.0, n)


def uniform(rng: np.random.Generator, n: int) -> Times:
    """Mean 1, squared coefficient of variation 1/3."""
    return rng.uniform(0.0, 2.0, n)


def path(seed: int, n: int, rate: float, work: Draw) -> tuple[Times, Times]:
    """Arrivals of a Poisson process, and work."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.exponential(1.0 / rate, n)), work(rng, n)


# --- the recursions ----------------------------------------------------------------------------


def waits(arrival_s: Times, work_s: Times, servers: int) -> Times:
    """First come, first served: Kiefer and Wolfowitz."""
    free = [0.0] * servers
    found = []
    for arrival, work in zip(arrival_s.tolist(), work_s.tolist(), strict=True):
        start = max(arrival, free[0])
        heapreplace(free, start + work)
        found.append(start - arrival)
    return np.array(found)


def times_shared(arrival_s: Times, work_s: Times) -> Times:
    """Processor sharing, in virtual time: each of n jobs gets 1/n."""
    arrival = [*arrival_s.tolist(), math.inf]
    here: list[tuple[float, int]] = []
    now = virtual = 0.0
    out = np.full(work_s.size, np.nan)
    coming = 0
    while here or coming < work_s.size:
        end = now + (here[0][0] - virtual) * len(here) if here else math.inf
        if arrival[coming] < end:
            if here:
                virtual += (arrival[coming] - now) / len(here)
            now = arrival[coming]
            heappush(here, (virtual + float(work_s[coming]), coming))
            coming += 1
        else:
            virtual, job = heappop(here)
            now = end
            out[job] = now - arrival[job]
    return out


# --- theory ------------------------------------------------------------------------------------


def erlang_c(servers: int, load: float) -> float:
    """The chance to wait in M/M/c, by the recursion of Erlang B; ``load`` is in servers."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def mean_wait_mmc(servers: int, rate: float) -> float:
    return erlang_c(servers, rate) / (servers - rate)


def mean_wait_mg1(rate: float, squared_variation: float) -> float:
    """Pollaczek and Khinchine, with mean work 1."""
    return rate * (1.0 + squared_variation) / (2.0 * (1.0 - rate))


def assert_near(found: Callable[[int], Times], theory: float) -> None:
    """The mean of some runs agrees with theory, and would not with one 5 % beside it."""
    means = np.array([found(seed).mean() for seed in range(RUNS)])
    mean, error = means.mean(), means.std(ddof=1) / math.sqrt(RUNS)
    assert abs(mean - theory) < 4.0 * error
    assert 4.0 * error < PLANTED * theory - abs(mean - theory)


def test_the_chance_to_wait_is_that_of_the_tables() -> None:
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    # M/M/2: 2 r^2 / (1 + r)
    assert erlang_c(2, 1.2) == pytest.approx(2 * 0.36 / 1.6)


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.5), (4, 2.8)])
def test_waits_for_several_servers_are_erlangs(servers: int, rate: float) -> None:
    assert_near(
        lambda seed: waits(*path(seed, N_LONG, rate, exponential), servers),
        mean_wait_mmc(servers, rate),
    )


@pytest.mark.parametrize(
    ("work", "squared"), [(lognormal, math.e - 1.0), (uniform, 1.0 / 3.0), (exponential, 1.0)]
)
def test_waits_for_one_server_are_pollaczeks_and_khinchines(work: Draw, squared: float) -> None:
    assert_near(
        lambda seed: waits(*path(seed, N_LONG, 0.4, work), 1),
        mean_wait_mg1(0.4, squared),
    )


@pytest.mark.parametrize("work", [exponential, uniform])
def test_sharing_takes_as_long_whatever_the_distribution(work: Draw) -> None:
    assert_near(
        lambda seed: times_shared(*path(seed, N_LONG, 0.5, work)),
        1.0 / (1.0 - 0.5),
    )


# --- the simulator -----------------------------------------------------------------------------


def simulated(nodes: list[Node], arrival_s: Times, work_s: Times, **columns: Any) -> Simulation:
    n = arrival_s.size
    ideal = speeds(sharing=SpeedSettings(switch_cost=0.0))
    jobs = JobTable.of(
        name=[f"j{k}" for k in range(n)],
        arrival_s=arrival_s,
        work_s=work_s,
        gpu_count=np.ones(n, np.int64),
        **columns,
    )
    return Simulation(nodes, jobs, Settings(speeds=ideal))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("gpus", "rate", "work"),
    [((1,), 0.5, exponential), ((3, 1), 2.8, exponential), ((1,), 0.4, lognormal)],
)
def test_jobs_wait_as_in_a_queue(gpus: tuple[int, ...], rate: float, work: Draw, seed: int) -> None:
    arrival_s, work_s = path(seed, N_SHORT, rate, work)
    nodes = [node(f"n{k}", n) for k, n in enumerate(gpus)]
    outcome = simulated(nodes, arrival_s, work_s).run()
    expected = waits(arrival_s, work_s, sum(gpus))
    assert outcome.jobs.wait_s == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert outcome.jobs.run_s == pytest.approx(work_s, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_jobs_share_a_sliced_gpu_as_a_processor(seed: int) -> None:
    arrival_s, work_s = path(seed, N_SHORT, 0.7, exponential)
    sliced = node("n0", 1, TimeSlicing(replicas=1000))
    milli = np.ones(N_SHORT, np.int64)
    outcome = simulated([sliced], arrival_s, work_s, gpu_milli=milli).run()
    found = outcome.jobs.finish_s - arrival_s
    assert found == pytest.approx(times_shared(arrival_s, work_s), rel=1e-8, abs=1e-8)
    assert not outcome.jobs.wait_s.any()


def test_a_simulator_that_was_five_percent_off_would_be_found_out() -> None:
    arrival_s, work_s = path(0, N_SHORT, 0.5, exponential)
    wrong = simulated([node()], arrival_s, work_s * (1.0 + PLANTED)).run().jobs.wait_s.mean()
    assert abs(wrong / waits(arrival_s, work_s, 1).mean() - 1.0) > PLANTED
