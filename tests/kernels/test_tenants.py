from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_running as naive
from bayplan.kernels import tenants
from strategies import ints
from tenant_scenes import MODES, N_JOBS, NEAR, RATES, Scene, arguments, scenes


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
