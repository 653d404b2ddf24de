from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_running as naive
from bayplan.kernels import tenants
from naive_running import Gpu, Seat
from naive_speed import Rates, Tenant
from strategies import ints

MODES = {
    "alone": tenants.ALONE,
    "timeslice": tenants.TIMESLICE,
    "hami": tenants.HAMI,
    "mps": tenants.MPS,
    "mig": tenants.MIG,
}
RATES = Rates(0.11, 0.8, 0.02, 0.01, 0.13, 0.43, 0.18, 0.5)
SETTINGS = np.array([0.11, 0.8, 0.02, 0.01, 0.13, 0.43, 0.18, 0.5])
DEMANDS = ("busy", "bandwidth", "bottleneck", "power", "pcie", "weight", "pc", "pm")
TYPES = (
    Tenant(),
    Tenant(0.4, 0.1, 0.2, 0.3, 0.1, 0.5, 0.2, 0.1),
    Tenant(0.9, 0.9, 0.9, 0.9, 0.6, 3.0, 0.4, 0.5),
    Tenant(0.0, 0.0, 0.0, 0.0),
)
N_JOBS = 6
NEAR = 1e-11

parts = st.sampled_from((0.125, 0.25, 0.3, 0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Scene:
    """GPUs with seats; jobs have a type, and the speed ``base`` alone."""

    gpus: tuple[Gpu, ...]
    types: tuple[int, ...]
    base: tuple[float, ...]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    types = tuple(draw(st.integers(0, len(TYPES) - 1)) for _ in range(N_JOBS))
    gpus = []
    for _ in range(draw(st.integers(1, 4))):
        mode = draw(st.sampled_from(sorted(MODES)))
        instances = [(draw(parts), draw(parts)) for _ in range(3)]
        who = draw(st.lists(st.tuples(st.integers(0, N_JOBS - 1), st.integers(0, 2)), max_size=5))
        seats = tuple(
            Seat(job, TYPES[types[job]], *instances[number], number) for job, number in who
        )
        gpus.append(Gpu(mode, seats))
    base = tuple(draw(st.sampled_from((0.5, 1.0, 2.5))) for _ in range(N_JOBS))
    return Scene(tuple(gpus), types, base)


def arguments(scene: Scene) -> dict[str, Any]:
    """The arrays of the kernels; seats are numbered from the last to the first."""
    seats = [seat for gpu in scene.gpus for seat in gpu.seats][::-1]
    number = len(seats)
    gpu_seats = np.full((len(scene.gpus), 8), -1, np.int64)
    for row, gpu in enumerate(scene.gpus):
        number -= len(gpu.seats)
        top = number + len(gpu.seats)
        gpu_seats[row, : len(gpu.seats)] = [top - 1 - k for k in range(len(gpu.seats))]
    first, following = np.full(N_JOBS, -1, np.int64), np.full(len(seats), -1, np.int64)
    for k, seat in enumerate(seats):
        following[k], first[seat.job] = first[seat.job], k
    return {
        "gpu_mode": ints([MODES[gpu.mode] for gpu in scene.gpus]),
        "gpu_count": ints([len(gpu.seats) for gpu in scene.gpus]),
        "gpu_seats": gpu_seats,
        "seat_job": ints([seat.job for seat in seats]),
        "seat_next": following,
        "seat_compute": np.array([seat.compute for seat in seats], np.float64),
        "seat_memory": np.array([seat.memory for seat in seats], np.float64),
        "seat_instance": ints([seat.instance for seat in seats]),
        "seat_slow": np.ones(len(seats)),
        "first_seat": first,
        "base": np.array(scene.base),
        "rate": np.zeros(N_JOBS),
        "job_demand": ints(scene.types),
        "demands": np.array([[getattr(each, name) for name in DEMANDS] for each in TYPES]),
        "settings": SETTINGS,
        "changes": np.zeros(N_JOBS, np.int64),
        "mark": np.zeros(N_JOBS, np.bool_),
        "jobs": np.full(N_JOBS, -1, np.int64),
        "rates": np.full(N_JOBS, np.nan),
    }


def retime(arrays: dict[str, Any], gpus: list[int]) -> dict[int, float]:
    n = tenants.retime(ints(gpus), *arrays.values())
    jobs = arrays["jobs"][:n].tolist()
    assert jobs == sorted(set(jobs))
    assert not arrays["mark"].any()
    return dict(zip(jobs, arrays["rates"][:n].tolist(), strict=True))


@given(scenes())
def test_everybody_on_a_gpu_is_slowed_down_as_its_mode_says(scene: Scene) -> None:
    arrays = arguments(scene)
    for row, gpu in enumerate(scene.gpus):
        seats = arrays["gpu_seats"][row, : len(gpu.seats)]
        arrays["seat_slow"][:] = np.nan
        tenants.slow_gpu(
            MODES[gpu.mode],
            seats,
            *(arrays[f"seat_{name}"] for name in ("job", "compute", "memory", "instance")),
            *(arrays[name] for name in ("job_demand", "demands", "settings", "seat_slow")),
        )
        found = arrays["seat_slow"][seats].tolist()
        assert found == pytest.approx(naive.slow_gpu(gpu.mode, gpu.seats, RATES), rel=NEAR)
        assert np.isnan(arrays["seat_slow"]).sum() == len(arrays["seat_slow"]) - len(seats)


@given(scenes())
def test_a_job_goes_as_fast_as_the_slowest_of_its_seats(scene: Scene) -> None:
    everywhere = list(range(len(scene.gpus)))
    found = retime(arguments(scene), everywhere)
    assert found == pytest.approx(naive.retime(scene.gpus, everywhere, scene.base, RATES), rel=NEAR)


@given(scenes(), st.data())
def test_only_those_are_told_whose_rate_changes(scene: Scene, data: st.DataObject) -> None:
    """One GPU loses its last seat; who is beside, or has a seat there, may change."""
    rows = [row for row, gpu in enumerate(scene.gpus) if gpu.seats]
    if not rows:
        return
    arrays = arguments(scene)
    before = retime(arrays, list(range(len(scene.gpus))))
    for job, rate in before.items():
        arrays["rate"][job] = rate
    row = data.draw(st.sampled_from(rows))
    gpu = scene.gpus[row]
    _leave(arrays, row)
    stay = replace(gpu, seats=gpu.seats[:-1])
    gpus = [stay if k == row else other for k, other in enumerate(scene.gpus)]
    found = retime(arrays, [row])
    expected = naive.retime(gpus, [row], scene.base, RATES)
    moved = {job: rate for job, rate in expected.items() if not _near(rate, before[job])}
    assert {job: rate for job, rate in found.items() if not _near(rate, before[job])} == (
        pytest.approx(moved, rel=NEAR)
    )
    assert arrays["changes"].tolist() == [int(job in found) for job in range(N_JOBS)]
    for job, rate in found.items():
        arrays["rate"][job] = rate
    assert retime(arrays, [row]) == {}


def _leave(arrays: dict[str, Any], row: int) -> None:
    arrays["gpu_count"][row] -= 1
    seat = int(arrays["gpu_seats"][row, arrays["gpu_count"][row]])
    job = int(arrays["seat_job"][seat])
    chain = [int(arrays["first_seat"][job])]
    while arrays["seat_next"][chain[-1]] >= 0:
        chain.append(int(arrays["seat_next"][chain[-1]]))
    chain.remove(seat)
    arrays["first_seat"][job] = chain[0] if chain else -1
    for k, each in enumerate(chain):
        arrays["seat_next"][each] = chain[k + 1] if k + 1 < len(chain) else -1


def _near(rate: float, other: float) -> bool:
    return abs(rate - other) <= NEAR * other
