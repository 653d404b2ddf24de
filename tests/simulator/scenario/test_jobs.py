"""The jobs of a file cut, drawn anew and spread, against plain loops over rows."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.jobs import (
    first_jobs,
    gpu_seconds,
    resampled,
    scale_for,
    scaled,
)
from bayplan.traces.jobs import JobTable

from .support import job_table, node_table, rows_of


@st.composite
def tables(draw: st.DrawFn) -> JobTable:
    """Tables of one to eight jobs, some of them gangs of several rows in any order."""
    n = draw(st.integers(1, 8))
    gangs = draw(st.lists(st.sampled_from(["", "", "g", "h"]), min_size=n, max_size=n))
    times = st.sampled_from([0.0, 5.0, 5.0, 30.0])
    of_gang = {"g": draw(times), "h": draw(times)}
    arrivals = [of_gang[gang] if gang else draw(times) for gang in gangs]
    work = [7.0 if gang else draw(st.sampled_from([1.0, 2.0])) for gang in gangs]
    maybe = st.sampled_from([math.nan, 40.0])
    late = {name: (draw(maybe), draw(maybe)) for name in ("g", "h")}
    ends = [late[gang] if gang else (draw(maybe), draw(maybe)) for gang in gangs]
    return job_table(
        arrivals,
        gang=gangs,
        work_s=work,
        deadline_s=[deadline for deadline, _ in ends],
        cancel_s=[cancel for _, cancel in ends],
        user=[gang or f"u{i}" for i, gang in enumerate(gangs)],
    )


def units(jobs: JobTable) -> list[list[dict[str, Any]]]:
    """The jobs in order of arrival, each as its rows."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows_of(jobs), key=lambda row: row["arrival_s"]):
        found.setdefault(row["gang"] or f"only {row['name']}", []).append(row)
    return list(found.values())


@given(tables(), st.integers(1, 9))
def test_a_limit_keeps_the_first_to_arrive_in_their_order(jobs: JobTable, limit: int) -> None:
    kept = {row["name"] for unit in units(jobs)[:limit] for row in unit}
    expected = [row for row in rows_of(jobs) if row["name"] in kept]
    assert rows_of(first_jobs(jobs, limit)) == expected


@given(tables(), st.sampled_from(["permute", "bootstrap"]), st.integers(0, 99))
def test_resampling_keeps_arrivals_and_hands_out_whole_jobs(
    jobs: JobTable, how: str, seed: int
) -> None:
    before, after = units(jobs), units(resampled(jobs, how, seed))
    assert [unit[0]["arrival_s"] for unit in after] == [unit[0]["arrival_s"] for unit in before]
    origin = {tuple(sorted(row["name"] for row in unit)): unit for unit in before}
    drawn = []
    for slot, unit in enumerate(after):
        assert all(row["name"].endswith(f"#{slot}") for row in unit)
        source = origin[tuple(sorted(row["name"].removesuffix(f"#{slot}") for row in unit))]
        shift = unit[0]["arrival_s"] - source[0]["arrival_s"]
        by_name = {row["name"]: row for row in source}
        for row in unit:
            expected = dict(by_name[row["name"].removesuffix(f"#{slot}")])
            for name in ("arrival_s", "deadline_s", "cancel_s"):
                if name in expected:
                    expected[name] = max(expected[name] + shift, 0.0)
            expected["name"] += f"#{slot}"
            expected["gang"] = expected["gang"] and f"{expected['gang']}#{slot}"
            assert row == expected
        drawn.append(source[0]["name"])
    if how == "permute":
        assert Counter(drawn) == Counter(unit[0]["name"] for unit in before)


def test_seeds_draw_differently_and_the_same_again() -> None:
    jobs = job_table([float(i) for i in range(50)])
    draws = [resampled(jobs, "bootstrap", seed).name for seed in (1, 2, 1)]
    assert draws[0] == draws[2] != draws[1]
    assert len({name.split("#")[0] for name in draws[0]}) < 50  # some came twice
    assert len({name.split("#")[0] for name in resampled(jobs, "permute", 1).name}) == 50


@given(tables(), st.sampled_from([0.5, 1.0, 3.0]))
def test_a_scale_divides_the_time_between_arrivals(jobs: JobTable, scale: float) -> None:
    first = min(row["arrival_s"] for row in rows_of(jobs))
    for before, after in zip(rows_of(jobs), rows_of(scaled(jobs, scale)), strict=True):
        arrival = first + (before["arrival_s"] - first) / scale
        assert after["arrival_s"] == pytest.approx(arrival)
        for name in ("deadline_s", "cancel_s"):
            if name in before:
                kept = before[name] - before["arrival_s"]
                assert after[name] == pytest.approx(max(arrival + kept, 0.0))


def test_times_that_get_too_long_are_refused() -> None:
    with pytest.raises(InputError, match=r"after 10\^12 seconds; scale them less"):
        scaled(job_table([0.0, 1e12]), 0.1)


@pytest.mark.parametrize("column", ["deadline_s", "cancel_s"])
def test_a_time_that_moves_too_far_is_refused(column: str) -> None:
    jobs = job_table([0.0] + [9e11] * 9, **{column: [1e12] + [math.nan] * 9})
    # Nine of ten places are late, and the only job with such a time may come first only.
    with pytest.raises(InputError, match=r"after 10\^12 seconds; leave jobs\.resample out"):
        resampled(jobs, "permute", 0)
    with pytest.raises(InputError, match=r"after 10\^12 seconds; scale them less"):
        scaled(job_table([0.0, 1.0], **{column: [math.nan, 1e12]}), 0.1)


@given(
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.floats(0.01, 100),
)
def test_who_is_cancelled_at_once_still_is_when_arrivals_move(
    first: float, second: float, scale: float
) -> None:
    jobs = job_table([first, second], cancel_s=[first, second])
    moved = scaled(jobs, scale)
    assert (moved.cancel_s >= moved.arrival_s).all()
    assert moved.cancel_s.tolist() == pytest.approx(moved.arrival_s.tolist(), abs=1e-6)


def test_an_instance_is_its_part_of_a_gpu() -> None:
    jobs = job_table([0.0, 1.0, 2.0], gpu_count=[2, 1, 1], pods=[3, 1, 1], work_s=[8.0, 8.0, 8.0],
                     mig_profile=["1g.10gb", "4g.40gb", ""],
                     gpu_models=["A100-80GB"] * 3)  # fmt: skip
    assert gpu_seconds(jobs) == 8 * (3 * 2 / 8 + 4 / 8 + 1)
    double = job_table([0.0], gpu_models=["A100-40GB"], mig_profile=["1g.10gb"], work_s=[8.0])
    assert gpu_seconds(double) == 2.0
    unknown = job_table([0.0], mig_profile=["9g.1gb"], work_s=[8.0])
    assert gpu_seconds(unknown) == 8.0


def test_a_load_is_gpu_seconds_over_those_of_the_arrivals() -> None:
    jobs = job_table([0.0, 50.0, 100.0], gpu_count=[1, 2, 0], pods=[1, 3, 1],
                     gpu_milli=[500, 1000, 0], work_s=[10.0, 20.0, 30.0])  # fmt: skip
    assert gpu_seconds(jobs) == 0.5 * 10 + 6 * 20
    nodes = node_table([2, 0, 3])
    squeezed = scaled(jobs, scale_for(jobs, nodes, 0.8))
    assert gpu_seconds(squeezed) / (5 * float(np.ptp(squeezed.arrival_s))) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("arrivals", "gpus", "cluster", "said"),
    [
        ([5.0, 5.0], [1, 1], [1], "all jobs arrive at once"),
        ([5.0, 6.0], [0, 0], [1], "no job asks for GPU time"),
        ([5.0, 6.0], [1, 1], [0], "no node has a GPU"),
    ],
)
def test_where_there_is_no_load_it_is_refused(
    arrivals: list[float], gpus: list[int], cluster: list[int], said: str
) -> None:
    with pytest.raises(InputError, match=f"{said}, so there is no load; leave it out"):
        scale_for(job_table(arrivals, gpu_count=gpus), node_table(cluster), 1.0)
