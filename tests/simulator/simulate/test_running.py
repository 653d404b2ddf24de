"""One run: its progress, and Ctrl-C in the middle of it."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from bayplan.simulator.core.results import Status
from bayplan.simulator.scenario.ready import Ready, made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.interrupts import patient
from bayplan.simulator.simulate.progress import progress_bar, simulated
from bayplan.simulator.simulate.running import described, kernel_groups, run


def small(count: int = 2500) -> Ready:
    return made_ready(Scenario().of(jobs__synthetic__count=count, jobs__synthetic__mean_s=60.0))


def test_progress_is_told_and_time_goes_on() -> None:
    told: list[tuple[float, int]] = []
    outcome, complete = run(small(), lambda now_s, done: told.append((now_s, done)))
    assert complete
    assert (outcome.jobs.status == Status.FINISHED).all()
    assert told
    assert told == sorted(told)
    assert all(0 < done <= 2500 and 0 <= now <= outcome.totals.end_s for now, done in told)


def test_ctrl_c_keeps_what_was_done() -> None:
    def stop(now_s: float, done: int) -> None:
        if not seen:
            seen.append(done)
            signal.raise_signal(signal.SIGINT)

    seen: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    outcome, complete = run(small(), stop)
    assert not complete
    finished = outcome.jobs.status == Status.FINISHED
    assert seen[0] <= finished.sum() < 2500
    whole, _ = run(small())
    assert np.array_equal(outcome.jobs.finish_s[finished], whole.jobs.finish_s[finished])
    assert np.isnan(outcome.jobs.finish_s[outcome.jobs.status == Status.UNFINISHED]).all()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_waits_for_its_moment_and_a_second_one_does_not() -> None:
    with patient() as interrupts:
        interrupts.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_nothing_is_shown_where_stderr_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar("x", 3) as told:
        told(1.0, 2)
    assert capfd.readouterr() == ("", "")


def test_simulated_time_is_for_people() -> None:
    assert simulated(0.0) == "day 0, 00:00"
    assert simulated(2 * 86_400 + 3 * 3600 + 125) == "day 2, 03:02"


def test_kernels_are_those_that_the_scenario_calls() -> None:
    assert kernel_groups(small(1)) == ("decide", "baselines", "simulate")
    busy = Scenario().of(
        jobs__synthetic__count=1, cluster__gpu="A100-80GB", sharing__mode="mps",
        jobs__synthetic__mix=({"weight": 1.0, **_PODS},), policy__placement="0.5*fgd+0.5*pwr",
        policy__ordering="sjf",
    )  # fmt: skip
    groups = kernel_groups(made_ready(busy))
    assert groups == ("decide", "gangs", "governed", "ordering", "power", "simulate")
    elastic = kernel_groups(made_ready(Scenario().of(policy__elasticity="idle", jobs__limit=1)))
    assert elastic == ("decide", "baselines", "elastic", "gangs", "ordering", "simulate")


_PODS = {"pods": 2, "min_pods": 0, "max_pods": 0, "gpu_count": 1, "gpu_milli": 1000,
         "gpu_memory_mib": 0, "mig_profile": "", "gpu_models": "", "cpu_milli": 0,
         "memory_mib": 0, "job_type": "", "priority": 0, "queue": ""}  # fmt: skip


def test_a_run_is_described_by_all_keys() -> None:
    how = described(Scenario(file="s.toml"))
    assert how["scenario"] == "s.toml"
    assert how["policy"]["placement"] == "best-fit"
    assert how["jobs.synthetic"]["count"] == 0
