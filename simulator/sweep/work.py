"""One run of a sweep: what it needs, and the row that it leaves, be it a failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import BayplanError
from bayplan.simulator.metrics import summarise
from bayplan.simulator.scenario.ready import Files, made_ready, try_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.running import kernel_groups, run
from bayplan.simulator.sweep.plan import Plan

Task = tuple[int, int, int]
"""The number of a run, its point and its seed."""

_DECIDES_KERNELS = (
    "cluster.file", "cluster.gpu", "jobs.file", "jobs.synthetic.mix", "sharing.mode",
    "policy.placement", "policy.ordering", "policy.backfill", "policy.preemption",
)  # fmt: skip
"""Keys by which runs call other kernels; ``jobs.synthetic.count`` does so by being 0 or not."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of a run.

    ``figures`` are the metrics that were asked for, None where one says nothing; ``error`` says why
    there are none, empty where there are.
    """

    run: int
    error: str
    figures: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What all runs of a sweep need: it goes to each worker once, and no worker reads a file.

    ``scenarios`` are those of the points; ``groups`` the kernels that they call.
    """

    scenarios: tuple[Scenario, ...]
    files: Files
    metrics: tuple[str, ...]
    groups: tuple[str, ...]


def work_of(plan: Plan) -> Work:
    """Return what the runs of a plan need.

    Parameters
    ----------
    plan
        The plan.
    """
    groups: dict[str, None] = {}
    seen: set[tuple[str, ...]] = set()
    for point in plan.points:
        kind = (
            *(repr(point.scenario[key]) for key in _DECIDES_KERNELS),
            repr(bool(point.scenario["jobs.synthetic.count"])),
        )
        if point.problem or kind in seen:
            continue
        ready, _ = try_ready(point.scenario, plan.files)
        if ready is not None:  # what is wrong with it, its runs say
            seen.add(kind)
            groups.update(dict.fromkeys(kernel_groups(ready)))
    scenarios = tuple(point.scenario for point in plan.points)
    return Work(scenarios, plan.files, plan.grid.metrics, tuple(groups))


def row_of(work: Work, number: int, point: int, seed: int) -> Row:
    """Return the row of a run. One that fails is a row too.

    Parameters
    ----------
    work
        What all runs need.
    number, point, seed
        The task.

    Raises
    ------
    KeyboardInterrupt
        It was stopped.
    """
    try:
        ready = made_ready(work.scenarios[point].of(run__seed=seed), work.files)
        outcome, complete = run(ready)
        if not complete:
            raise KeyboardInterrupt
        summary = summarise(outcome, ready.jobs)
    except BayplanError as error:
        return failed(number, str(error), work.metrics)
    except Exception as error:  # a bug that one combination brings out must not cost the others
        return failed(number, f"{type(error).__name__}: {error}", work.metrics)
    return Row(number, "", tuple(_known(summary[key]) for key in work.metrics))


def failed(number: int, error: str, metrics: Sequence[str]) -> Row:
    """Return the row of a run that failed.

    Parameters
    ----------
    number
        The run.
    error
        Why.
    metrics
        What was asked for.
    """
    return Row(number, " ".join(error.split()), (None,) * len(metrics))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
