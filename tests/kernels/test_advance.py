from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_running as naive
from bayplan.kernels import advance
from naive_running import Job
from strategies import ints
from tenant_scenes import N_JOBS, NEAR, RATES, Scene, arguments, scenes

ALONE = (N_JOBS, N_JOBS + 1)
"""Two more jobs, which have no seat on a shared GPU."""

EIGHTH = Fraction(1, 8)
NAMES = ("work", "done", "safe", "rate", "since", "ready")
"""The first rows of progress."""

eighths = st.integers(0, 64).map(lambda n: n * EIGHTH)


@st.composite
def waiting_for_a_rate(draw: st.DrawFn) -> list[Job]:
    """Jobs that start: settled, without a rate."""
    found = []
    for _ in range(N_JOBS + len(ALONE)):
        done = draw(eighths)
        found.append(Job(done + draw(eighths), done, done, Fraction(0), Fraction(0), draw(eighths)))
    return found


@given(scenes(), waiting_for_a_rate(), eighths, st.sampled_from((Fraction(0), Fraction(3, 8))))
def test_rates_work_and_ends_follow_from_who_sits_where(
    scene: Scene, jobs: list[Job], now: Fraction, checkpoint: Fraction
) -> None:
    n = N_JOBS + len(ALONE)
    base = [*scene.base, 0.5, 2.0]
    given_ = arguments(scene)
    progress = np.zeros((7, n))
    for row, name in enumerate(NAMES):
        progress[row] = [float(getattr(job, name)) for job in jobs]
    progress[6] = base
    more = [-1] * len(ALONE)
    job_ints = np.array(
        [[*given_["first_seat"], *more], [*given_["job_demand"], 0, 0], [0] * n], np.int64
    )
    seat_ints = np.array([given_["seat_job"], given_["seat_next"], given_["seat_instance"]])
    names = ("seat_compute", "seat_memory", "seat_slow")
    times, heap_ints = np.full(n, np.inf), np.full((2, n), -1, np.int64)
    size, changed = np.zeros(1, np.int64), np.zeros(n, np.int64)
    rates, finish = np.zeros(n), np.zeros(n)
    again = ints([*range(len(scene.gpus)), *range(len(scene.gpus)), -1])
    k = advance.advance(
        again,
        again.size - 1,
        float(now),
        float(checkpoint),
        np.array([given_["gpu_mode"], given_["gpu_count"]]),
        given_["gpu_seats"],
        np.ascontiguousarray(seat_ints.reshape(3, -1)),
        np.array([given_[name] for name in names]).reshape(3, -1),
        job_ints,
        progress,
        given_["demands"],
        given_["settings"],
        np.zeros(n, np.bool_),
        changed,
        rates,
        finish,
        times,
        heap_ints,
        size,
    )
    advance.advance_alone(
        ints([*ALONE, -1]),
        len(ALONE),
        float(now),
        float(checkpoint),
        progress,
        rates,
        finish,
        times,
        heap_ints,
        size,
    )
    after, expected = naive.advance(scene.gpus, base, RATES, jobs, now, checkpoint)
    by_themselves, ends = naive.advance_alone(ALONE, base, jobs, now, checkpoint)
    after, expected = after | by_themselves, expected | ends
    assert sorted([*changed[:k].tolist(), *ALONE]) == sorted(after)
    for job, state in after.items():
        found = progress[:6, job].tolist()
        wanted = [float(getattr(state, name)) for name in NAMES]
        assert found == pytest.approx(wanted, rel=NEAR)
    assert dict(enumerate(times.tolist())) == pytest.approx(
        {job: expected.get(job, np.inf) for job in range(n)}, rel=NEAR
    )
    assert size[0] == len(expected)
    assert heap_ints[0, : size[0]].tolist() != [] or not expected


@given(waiting_for_a_rate(), eighths, st.sampled_from((Fraction(0), Fraction(3, 8))), st.data())
def test_jobs_with_new_rates_are_expected_at_their_ends(
    jobs: list[Job], now: Fraction, checkpoint: Fraction, data: st.DataObject
) -> None:
    n = len(jobs)
    chosen = data.draw(st.lists(st.integers(0, n - 1), unique=True))
    new = {job: float(data.draw(eighths)) for job in chosen}
    progress = np.zeros((7, n))
    for row, name in enumerate(NAMES):
        progress[row] = [float(getattr(job, name)) for job in jobs]
    times, heap_ints = np.full(n, np.inf), np.full((2, n), -1, np.int64)
    advance.expect(
        ints(chosen),
        np.array([*new.values(), 99.0]),
        float(now),
        float(checkpoint),
        progress,
        np.zeros(n),
        times,
        heap_ints,
        np.zeros(1, np.int64),
    )
    after, expected = naive.expect(new, jobs, now, checkpoint)
    for job, state in enumerate(after.get(job, jobs[job]) for job in range(n)):
        wanted = [float(getattr(state, name)) for name in NAMES]
        assert progress[:6, job].tolist() == pytest.approx(wanted, rel=NEAR)
    assert dict(enumerate(times.tolist())) == pytest.approx(
        {job: expected.get(job, np.inf) for job in range(n)}, rel=NEAR
    )
