"""Deadlines that a scenario gives."""

from __future__ import annotations

import math

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.deadlines import with_deadlines
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.traces.jobs import JobTable

JOBS = JobTable.of(
    name=["a", "b", "c", "d"],
    arrival_s=[0.0, 100.0, 200.0, 300.0],
    work_s=[10.0, 20.0, 30.0, 40.0],
    estimate_s=[math.nan, 50.0, math.nan, math.nan],
    deadline_s=[math.nan, math.nan, math.nan, 7.0],
    preemptible=[1, 1, 0, 1],
    job_type=["train", "", "", "train"],
    queue=["", "batch", "online", ""],
    gpu_count=[1] * 4,
)


def given(**values: object) -> list[float]:
    scenario = Scenario().of(**{f"deferral__{name}": each for name, each in values.items()})  # type: ignore[arg-type]
    found: list[float] = with_deadlines(scenario, JOBS).deadline_s.tolist()
    return found


def test_a_deadline_is_arrival_and_factor_by_estimate_and_hours() -> None:
    # a: 0 + 3 × 10 + 3600; b: 100 + 3 × 50 + 3600; c is not preemptible; d states its own.
    assert given(slack_h=1.0, slack_factor=3.0) == [
        3630.0, 3850.0, pytest.approx(math.nan, nan_ok=True), 7.0,
    ]  # fmt: skip
    assert given(slack_h=1.0, jobs="all") == [3610.0, 3750.0, 3830.0, 7.0]


def test_types_and_queues_may_be_named() -> None:
    assert [not math.isnan(each) for each in given(slack_h=1.0, jobs="train | online")] == [
        True, False, True, True,
    ]  # fmt: skip
    with pytest.raises(InputError) as error:
        given(slack_h=1.0, jobs="train|bach")
    assert str(error.value) == (
        "deferral.jobs: no job is of a type or queue 'bach'; did you mean 'batch'?"
    )


def test_without_slack_nothing_is_given() -> None:
    assert with_deadlines(Scenario(), JOBS) is JOBS
