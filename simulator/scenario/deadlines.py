"""Deadlines for jobs that state none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.simulator.core.hourly import HOUR_S
from bayplan.simulator.scenario.keys_energy import ALL, PREEMPTIBLE
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import nearest
from bayplan.traces.jobs import JobTable

_WHO = "deferral.jobs"


def gives_deadlines(scenario: Scenario) -> bool:
    """Whether jobs are given deadlines."""
    return bool(scenario["deferral.slack_h"] > 0.0 or scenario["deferral.slack_factor"] > 1.0)


def with_deadlines(scenario: Scenario, jobs: JobTable) -> JobTable:
    """Return the jobs with the deadlines that a scenario gives to those that state none.

    A deadline is arrival + ``slack_factor`` × estimated run time + ``slack_h``.

    Parameters
    ----------
    scenario
        The scenario.
    jobs
        The jobs.

    Raises
    ------
    InputError
        No job is of a type or queue that is named.
    """
    if not gives_deadlines(scenario):
        return jobs
    stated = np.where(np.isnan(jobs.estimate_s), jobs.work_s, jobs.estimate_s)
    slack_s = scenario["deferral.slack_h"] * HOUR_S
    given = jobs.arrival_s + scenario["deferral.slack_factor"] * stated + slack_s
    chosen = np.isnan(jobs.deadline_s) & _chosen(scenario, jobs)
    return replace(jobs, deadline_s=np.where(chosen, given, jobs.deadline_s))


def _chosen(scenario: Scenario, jobs: JobTable) -> BoolArray:
    who = scenario[_WHO].strip()
    if who == ALL:
        return np.ones(len(jobs), np.bool_)
    if who == PREEMPTIBLE:
        preemptible: BoolArray = jobs.preemptible != 0
        return preemptible
    named = [name.strip() for name in who.split("|")]
    known = {*jobs.job_type, *jobs.queue} - {""}
    for name in named:
        if name not in known:
            problem = f"no job is of a type or queue {name!r}"
            fix = nearest(name, sorted({ALL, PREEMPTIBLE, *known}))
            raise scenario.error(_WHO, problem, fix)
    pairs = zip(jobs.job_type, jobs.queue, strict=True)
    return np.array([job_type in named or queue in named for job_type, queue in pairs], np.bool_)
