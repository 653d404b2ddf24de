"""Elastic jobs in scenarios: bounds for lists without any, curves, what goes with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.elastic import made_elastic
from bayplan.simulator.scenario.key import filled
from bayplan.simulator.scenario.keys import BY_PATH
from bayplan.simulator.scenario.ready import made_ready, wrong_with
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.traces.jobs import read_jobs, write_jobs

from .support import job_table, rows_of


def test_jobs_of_a_list_get_bounds_on_their_gpus() -> None:
    """16 GPUs in two pods are 16 pods; 0.3 of 16 is 4.8, of 10 just 3, of 1 less than a pod."""
    jobs = job_table(
        [0, 1, 2],
        pods=[2, 1, 1],
        gpu_count=[8, 10, 1],
        cpu_milli=[9000, 0, 10],
        memory_mib=[16, 0, 5],
    )
    made = rows_of(made_elastic(jobs, 0.3, 1.45))
    found = [(r["pods"], r["min_pods"], r["max_pods"], r["gpu_count"]) for r in made]
    assert found == [(16, 5, 23, 1), (10, 3, 14, 1), (1, 1, 1, 1)]
    assert [(r["cpu_milli"], r["memory_mib"]) for r in made] == [(1125, 2), (0, 0), (10, 5)]


def test_jobs_that_are_no_whole_gpus_or_state_bounds_stay_as_they_are() -> None:
    jobs = job_table(
        list(range(7)),
        gpu_count=[2, 2, 0, 2, 2, 1, 2],
        gpu_milli=[500, 1000, 0, 1000, 1000, 1000, 1000],
        gpu_memory_mib=[0, 0, 0, 0, 9, 0, 0],
        pods=[1, 1, 1, 2, 1, 1, 1],
        min_pods=[0, 0, 0, 1, 0, 0, 0],
        mig_profile=["", "", "", "", "", "1g.10gb", ""],
        gang=["", "g", "", "", "", "", ""],
    )
    made = rows_of(made_elastic(jobs, 0.5, 2.0))
    assert made[:6] == rows_of(jobs)[:6]
    assert made[6]["max_pods"] == 4
    assert made_elastic(jobs, 1.0, 1.0) is jobs


def test_more_pods_than_there_may_be_are_refused() -> None:
    jobs = job_table([0, 1], pods=[1, 50_000])
    with pytest.raises(InputError, match=r"grow_to: job 'j1' would have more than 100000"):
        made_elastic(jobs, 1.0, 3.0)


def test_bounds_are_written_and_read_again(tmp_path: Path) -> None:
    jobs = job_table([0, 1], pods=[2, 1], min_pods=[1, 0], max_pods=[0, 3])
    for name in ("j.csv", "j.parquet"):
        write_jobs(jobs, tmp_path / name)
        assert rows_of(read_jobs(tmp_path / name)) == rows_of(jobs)
    assert "min_pods,max_pods" in (tmp_path / "j.csv").read_text().splitlines()[0]
    write_jobs(job_table([0]), tmp_path / "rigid.csv")
    assert "min_pods" not in (tmp_path / "rigid.csv").read_text()


def scenario(**values: Any) -> Scenario:
    return Scenario().of(policy__elasticity="idle").of(**values)


def test_synthetic_jobs_and_curves_reach_the_simulation() -> None:
    mix = BY_PATH["jobs.synthetic.mix"]
    shape = filled(mix.columns, {"pods": 2, "min_pods": 1, "max_pods": 4, "job_type": "t"})
    made = made_ready(
        scenario(
            jobs__synthetic__count=3,
            jobs__synthetic__mix=(shape,),
            speeds__serial=0.25,
            speeds__scaling=(
                {"job_type": "t", "gpus": 4, "speed": 3.0},
                {"job_type": "t", "gpus": 1, "speed": 1.0},
            ),
            interruptions__resize_s=7.0,
            policy__resize_interval_s=60.0,
        )
    )
    assert (made.jobs.min_pods.tolist(), made.jobs.max_pods.tolist()) == ([1] * 3, [4] * 3)
    scaling = made.settings.speeds.scaling
    assert scaling.points == {"t": ((1, 1.0), (4, 3.0))}
    assert scaling.serial == 0.25
    assert made.settings.interruptions.resize_s == 7.0
    assert (made.settings.elasticity, made.settings.resize_interval_s) == ("idle", 60.0)


def test_a_number_of_gpus_stands_once_in_a_curve() -> None:
    twice = ({"job_type": "t", "gpus": 4, "speed": 3.0},) * 2
    with pytest.raises(InputError, match=r"speeds\.scaling: the GPUs of .t. are .4, 4."):
        made_ready(scenario(speeds__scaling=twice))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"policy__backfill": "easy"}, "policy.backfill: reservations do not hold beside"),
        ({"policy__preemption": "repack"}, "policy.preemption: repack places all jobs anew"),
        ({"policy__elasticity": "idel"}, "there is no elasticity 'idel'; did you mean 'idle'"),
    ],
)
def test_what_does_not_go_with_elastic_jobs_is_refused(values: dict[str, Any], said: str) -> None:
    (error,) = wrong_with(scenario(**values))
    assert said in str(error)


@pytest.mark.parametrize(
    "values",
    [
        {"policy__resize_interval_s": 1.0},
        {"interruptions__resize_s": 1.0},
        {"speeds__serial": 0.5},
        {"speeds__scaling": ({"job_type": "", "gpus": 1, "speed": 1.0},)},
        {"jobs__shrink_to": 0.5},
        {"jobs__grow_to": 2.0},
    ],
)
def test_what_is_about_elastic_jobs_alone_says_nothing_without(values: dict[str, Any]) -> None:
    (error,) = wrong_with(Scenario().of(**values))
    assert "it says nothing without a policy.elasticity" in str(error)
    assert wrong_with(scenario(**values)) == []


def test_an_elasticity_without_elastic_jobs_is_told() -> None:
    (doubt,) = doubts(made_ready(scenario()))
    assert doubt.startswith("policy.elasticity: it says nothing, as no job states min_pods")
    assert list(doubts(made_ready(scenario(jobs__grow_to=2.0)))) == []
