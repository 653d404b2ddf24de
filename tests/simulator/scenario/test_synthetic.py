"""Jobs that are drawn: what they are on average, and that a seed says all about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.jobs import gpu_seconds
from bayplan.simulator.scenario.keys import BY_PATH
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.synthetic import synthetic_jobs
from bayplan.simulator.scenario.values import checked

from .support import node_table, rows_of

NODES = node_table([8, 8])


def wanted(**values: Any) -> dict[str, Any]:
    if "mix" in values:
        values["mix"], problems = checked(BY_PATH["jobs.synthetic.mix"], values["mix"])
        assert not problems
    return {**Scenario().table("jobs.synthetic"), "count": 4000, **values}


def test_the_same_seed_draws_the_same_jobs() -> None:
    first, same, other = (synthetic_jobs(wanted(), NODES, seed) for seed in (1, 1, 2))
    assert rows_of(first) == rows_of(same)
    assert rows_of(first) != rows_of(other)


@pytest.mark.parametrize("arrivals", ["poisson", "even"])
def test_the_load_is_met_over_the_arrivals(arrivals: str) -> None:
    jobs = synthetic_jobs(wanted(load=0.7, arrivals=arrivals), NODES, 3)
    mean_gap = float(jobs.arrival_s[-1]) / (len(jobs) - 1)
    tolerance = 1e-9 if arrivals == "even" else 0.1  # gaps are drawn
    load = gpu_seconds(jobs) / (16 * mean_gap * len(jobs))
    assert load == pytest.approx(0.7, rel=tolerance)


def test_a_rate_is_taken_as_it_is() -> None:
    jobs = synthetic_jobs(wanted(rate_per_s=4.0, arrivals="even"), NODES, 3)
    assert np.allclose(jobs.arrival_s, np.arange(4000) / 4.0)


@pytest.mark.parametrize("duration", ["lognormal", "exponential", "constant"])
def test_work_has_the_mean_of_its_shape(duration: str) -> None:
    mix = [{"job_type": "short", "mean_s": 10}, {"job_type": "long", "mean_s": 1000}]
    made = wanted(count=40_000, duration=duration, sigma=0.8, mix=mix)
    jobs = synthetic_jobs(made, NODES, 5)
    types = np.array(jobs.job_type)
    for name, mean in (("short", 10.0), ("long", 1000.0)):
        tolerance = 1e-12 if duration == "constant" else 0.05
        assert jobs.work_s[types == name].mean() == pytest.approx(mean, rel=tolerance)


def test_work_is_cut_at_its_bound() -> None:
    jobs = synthetic_jobs(wanted(most_s=5000.0), NODES, 5)
    assert jobs.work_s.max() == 5000.0
    assert jobs.work_s.min() < 5000.0


def test_shapes_come_as_often_as_they_weigh() -> None:
    mix = [
        {"weight": 3, "gpu_count": 1, "gpu_milli": 250, "gpu_memory_mib": 100, "priority": -2},
        {"weight": 1, "gpu_count": 0, "pods": 4, "queue": "cpu"},
        {"weight": 0, "gpu_count": 9},
    ]
    rows = rows_of(synthetic_jobs(wanted(mix=mix), NODES, 5))
    shapes = {(r["gpu_count"], r["gpu_milli"], r["pods"], r["queue"], r["priority"]) for r in rows}
    assert shapes == {(1, 250, 1, "", -2), (0, 0, 4, "cpu", 0)}
    assert sum(row["gpu_count"] for row in rows) == pytest.approx(3000, rel=0.05)


def test_users_have_unequal_parts() -> None:
    jobs = synthetic_jobs(wanted(users=10), NODES, 5)
    names, counts = np.unique(np.array(jobs.user), return_counts=True)
    assert names.tolist() == [f"user-{i:02}" for i in range(1, 11)]
    assert counts[0] == pytest.approx(10 * counts[9], rel=0.3)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mean_s": 1e12, "duration": "exponential"}, r"^jobs\.synthetic\.mean_s: a job has .* s of"
         r" work, above 10\^12; lower jobs\.synthetic\.mean_s, or set most_s$"),
        ({"mean_s": 1e12, "duration": "constant", "load": 0.001}, r"^jobs\.synthetic\.load: the"
         r" arrivals end after 10\^12 seconds; lower jobs\.synthetic\.mean_s, or raise"),
        ({"rate_per_s": 1e-9}, r"^jobs\.synthetic\.rate_per_s: the arrivals end after 10\^12"
         r" seconds; raise jobs\.synthetic\.rate_per_s$"),
        ({"mix": [{"gpu_count": 0, "mig_profile": "1g.10gb"}], "rate_per_s": 1.0},
         r"^jobs\.synthetic\.mix: mig_profile is '1g\.10gb' for a job with gpu_count 0; write the"),
        ({"mix": [{"gpu_count": 0, "gpu_memory_mib": 1}], "rate_per_s": 1.0},
         r"^jobs\.synthetic\.mix: gpu_memory_mib is 1 for a job with gpu_count 0; write 0"),
    ],
)  # fmt: skip
def test_what_no_job_can_be_names_its_key(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        synthetic_jobs(wanted(**values), NODES, 1)


def test_an_extreme_mean_is_fine_where_work_is_cut() -> None:
    jobs = synthetic_jobs(wanted(mean_s=1e12, most_s=100.0), NODES, 1)
    assert jobs.work_s.max() == 100.0


def test_where_there_is_no_load_a_rate_is_asked_for() -> None:
    with pytest.raises(
        InputError, match=r"no shape has GPUs, so there is no load; give rate_per_s"
    ):
        synthetic_jobs(wanted(mix=[{"gpu_count": 0}]), NODES, 1)
    with pytest.raises(InputError, match="no node has a GPU"):
        synthetic_jobs(wanted(), node_table([0]), 1)
    made = wanted(mix=[{"gpu_count": 0}], rate_per_s=1.0)
    assert len(synthetic_jobs(made, node_table([0]), 1)) == 4000
