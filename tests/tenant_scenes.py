"""GPUs with seats on them, and the arrays that the kernels of running jobs take of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

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
