"""What ``bayplan sweep --check`` does."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.ready import try_ready
from bayplan.simulator.sweep.grid import read_grid
from bayplan.simulator.sweep.plan import Plan, Point, planned, said
from bayplan.traces.files import display


def check(path: Path) -> int:
    """Print all that is wrong with a grid, and how many runs it comes to; return the exit code.

    It is 2 when nothing can be run, and 1 when some combinations cannot.

    Parameters
    ----------
    path
        The grid.

    Raises
    ------
    InputError
        A file cannot be read, or is no TOML.
    """
    grid, problems = read_grid(path)
    plan = None
    if not problems:
        plan, problems = planned(grid)
    if problems or plan is None:
        _tell(map(str, problems))
        return 2
    wrong = [(point, text) for point in plan.points if (text := _problem(plan, point))]
    _tell(f"{_named(plan, point)}: {text}" for point, text in wrong)
    n, seeds = len(plan.points), len(grid.seeds)
    how = f"{len(wrong):,} of them cannot be run" if wrong else "nothing wrong"
    print(f"{display(path)}: {plan.size:,} runs: {n:,} combinations, {how}, times {seeds:,} seeds")
    return 1 if wrong else 0


def _problem(plan: Plan, point: Point) -> str:
    if point.problem:
        return point.problem
    scenario = point.scenario.of(run__seed=plan.grid.seeds[0])
    try:
        return said(try_ready(scenario, plan.files)[1])
    except InputError as error:
        return str(error)


def _named(plan: Plan, point: Point) -> str:
    pairs = zip(plan.keys, point.values, strict=True)
    return ", ".join(f"{key}={'' if value is None else value}" for key, value in pairs) or "all"


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"bayplan: {line}", file=sys.stderr)
