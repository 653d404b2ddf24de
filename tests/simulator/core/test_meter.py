from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.core.meter import Meter, Row, Sampler

from .support import job, node, run, speeds


def row(at_s: float) -> Row:
    return (at_s, 0, 0, 0, 0.0, 0, 0, 0, 0.0, 0.0)


@given(st.integers(2, 9), st.integers(0, 200), st.sampled_from((0.5, 1.0, 3.0)))
def test_a_series_thins_itself_out_and_stays_even(most: int, n: int, step_s: float) -> None:
    sampler = Sampler(2.0, step_s, most)
    for _ in range(n):
        assert sampler.next_s > (sampler.series().time_s.max(initial=0.0))
        sampler.take(row)
    times = sampler.series().time_s
    assert times.tolist() == [2.0 + sampler.step_s * k for k in range(times.size)]
    assert times.size < 2 * most
    assert (times.size >= most) or (sampler.step_s == step_s)
    assert sampler.next_s == 2.0 + sampler.step_s * times.size


def test_a_series_that_is_short_enough_keeps_all() -> None:
    sampler = Sampler(0.0, 0.25, 3_000)
    for _ in range(5_000):
        sampler.take(row)
    assert sampler.series().time_s.tolist() == [0.25 * k for k in range(5_000)]


def test_levels_are_integrated_between_changes() -> None:
    meter = Meter(0.0)
    for now, milli, busy, taken in [(3.0, 500, 1, 1), (5.0, 1_500, 2, 3), (9.0, 0, 0, 0)]:
        meter.upto(now)
        meter.milli, meter.busy, meter.taken = milli, busy, taken
    meter.upto(20.0)
    assert meter.allocated_gpu_s == 0.5 * 2 + 1.5 * 4
    assert (meter.busy_gpu_s, meter.tenant_gpu_s) == (1.0 * 2 + 2 * 4, 1.0 * 2 + 3 * 4)


def test_gpus_that_are_there_count_from_the_first_arrival_on() -> None:
    meter = Meter(10.0)
    for now, gpus in [(0.0, 4), (5.0, 2), (20.0, -3), (20.0, 1), (30.0, 6)]:
        meter.resize(now, gpus)
    assert meter.gpus == 10
    assert meter.there_gpu_s(10.0 + 2.0) == pytest.approx(6 * 10 + 4 * 10)  # not before the last
    assert meter.there_gpu_s(40.0) == 6 * 10 + 4 * 10 + 10 * 10


def test_samples_are_of_just_before() -> None:
    jobs = [
        job("a", 4.0),
        job("b", 6.0, arrival_s=2.0, gpu_milli=400),
        job("c", 1.0, arrival_s=3.0, gpu_count=3),
    ]
    series = run([node("n0", 2)], [*jobs, job("d", 2.0, arrival_s=6.0, gpu_count=2)],
                 speeds=speeds(), sample_s=2.0).series  # fmt: skip
    # a: 0 to 4, b: 2 to 8, d: 8 to 10; c is never held.
    assert series.time_s.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert series.running.tolist() == [0, 1, 2, 1, 1, 1]
    assert series.waiting.tolist() == [0, 0, 0, 0, 1, 0]
    assert series.allocated_milli.tolist() == [0, 1_000, 1_400, 400, 400, 2_000]
    assert series.effective_milli.tolist() == [0.0, 1_000.0, 2_000.0, 1_000.0, 1_000.0, 2_000.0]
    assert series.busy_gpus.tolist() == [0, 1, 2, 1, 1, 2]
    assert series.tenants.tolist() == [0, 1, 2, 1, 1, 2]


@pytest.mark.parametrize("jobs", [1, 300])
def test_by_default_there_are_some_hundred_samples_over_the_arrivals(jobs: int) -> None:
    outcome = run([node("n0", 1)], [job(f"j{k}", 10.0, arrival_s=7.0 * k) for k in range(jobs)])
    times = outcome.series.time_s
    assert np.allclose(np.diff(times), times[1] - times[0])
    assert 10 <= times.size <= 1_000
    assert times[0] == 0.0
    assert outcome.totals.end_s - 2 * (times[1] - times[0]) <= times[-1] <= outcome.totals.end_s
