from __future__ import annotations

import math

import numpy as np
import pytest

from bayplan.simulator.core.estimates import noisy

from .support import job, node, run, simulation

N = 4_000
NAMES = [f"job-{k}" for k in range(N)]


def test_the_error_is_lognormal() -> None:
    logs = np.log(noisy(np.ones(N), NAMES, 0.5, seed=1))
    # Within four standard errors of mean and deviation.
    assert abs(logs.mean()) < 4 * 0.5 / math.sqrt(N)
    assert abs(logs.std() - 0.5) < 4 * 0.5 / math.sqrt(2 * N)
    assert np.abs(logs).max() < 0.5 * 5


def test_an_estimate_goes_by_seed_and_name_alone() -> None:
    all_of_them = noisy(np.full(N, 7.0), NAMES, 0.5, seed=1)
    some = noisy(np.full(3, 7.0), ["job-9", "x", "job-2"], 0.5, seed=1)
    assert some[[0, 2]].tolist() == all_of_them[[9, 2]].tolist()
    assert not (noisy(np.full(N, 7.0), NAMES, 0.5, seed=2) == all_of_them).any()
    assert noisy(np.full(3, 7.0), NAMES[:3], 0.0, seed=1).tolist() == [7.0] * 3


def test_estimates_are_what_users_state_or_the_work() -> None:
    jobs = [job("a", 4.0), job("b", 4.0, estimate_s=9.0), job("c", 4.0, estimate_s=0.0)]
    assert simulation([], jobs).book.estimate_s.tolist() == [4.0, 9.0, 0.0]
    wrong = simulation([], jobs, estimate_error=0.3, seed=5).book.estimate_s
    assert wrong.tolist() == noisy(np.array([4.0, 9.0, 0.0]), ["a", "b", "c"], 0.3, 5).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_orders_go_by_the_wrong_estimates_and_work_by_the_true_ones(seed: int) -> None:
    jobs = [job("z", 1.0), *(job(f"j{k}", 2.0 + 0.1 * k, arrival_s=0.5) for k in range(6))]
    settings = {"ordering": "sjf", "estimate_error": 1.0, "seed": seed}
    outcome = run([node("n0", 1)], jobs, **settings)
    estimates = simulation([], jobs, **settings).book.estimate_s[1:]
    started = np.argsort(outcome.jobs.start_s[1:])
    assert started.tolist() == np.argsort(estimates).tolist()
    assert outcome.jobs.run_s == pytest.approx([each["work_s"] for each in jobs])
