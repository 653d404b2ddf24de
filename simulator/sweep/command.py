"""What ``bayplan sweep`` does."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.simulate.interrupts import patient
from bayplan.simulator.simulate.progress import runs_bar
from bayplan.simulator.sweep import local, on_ray
from bayplan.simulator.sweep.folder import JOURNAL, begin, check_unchanged
from bayplan.simulator.sweep.grid import read_grid
from bayplan.simulator.sweep.journal import Journal, opened
from bayplan.simulator.sweep.plan import Plan, planned
from bayplan.simulator.sweep.table import CSV, PARQUET, write_tables
from bayplan.simulator.sweep.work import Row, Task, Work, failed, work_of
from bayplan.simulator.workers import workers_for
from bayplan.traces.files import display

ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of ``bayplan sweep``; see its help."""

    grid: Path
    out: Path | None = None
    engine: str = "local"
    address: str | None = None
    workers: int | None = None
    resume: bool = False
    quiet: bool = False


def sweep(options: Options) -> int:
    """Run what a grid says and is not done yet, write the tables, and return the exit code.

    Raises
    ------
    InputError
        Anything wrong with the flags, the grid or the folder; found before the first run.
    """
    folder = _checked(options)
    plan = _plan(options.grid)
    if options.resume:
        check_unchanged(folder, plan)
    else:
        begin(folder, plan)
    with opened(folder / JOURNAL) as journal:
        stopped = _run(plan, journal, options)
        write_tables(folder, plan, journal.rows)
        if stopped:
            _say(f"{stopped}: {len(journal.rows):,} of {plan.size:,} runs are done, and stand in"
                 f" {display(folder)}; go on with --resume")  # fmt: skip
            return 1
        return _ended(plan, journal.rows, folder, quiet=options.quiet)


def _checked(options: Options) -> Path:
    """Return the folder, if the flags agree."""
    if options.engine not in ENGINES:
        raise InputError(f"--engine {options.engine!r}", fix=f"choose from {', '.join(ENGINES)}")
    if options.address is not None and options.engine != "ray":
        raise InputError("--address without a cluster", fix="give --engine ray, or leave it out")
    workers_for(options.workers, 1)
    if options.engine == "ray":
        on_ray.check_installed()
    if options.out is None:
        raise InputError("--out is missing", fix="name the folder that the runs go into")
    return options.out


def _plan(path: Path) -> Plan:
    grid, problems = read_grid(path)
    if not problems:
        plan, problems = planned(grid)
        if not problems:
            return plan
    more = len(problems) - 1
    also = f"and {more} more: `bayplan sweep --check` lists them" if more else ""
    raise InputError(str(problems[0]), fix=also)


def _run(plan: Plan, journal: Journal, options: Options) -> str:
    """Do what is missing, and say what stopped it, if anything did."""
    for number, point, _ in plan.tasks():  # what cannot be run needs no worker
        if (problem := plan.points[point].problem) and number not in journal.rows:
            journal.add(failed(number, problem, plan.grid.metrics))
    tasks = [task for task in plan.tasks() if task[0] not in journal.rows]
    if not tasks:
        return ""
    try:
        work = work_of(plan)
        compile_kernels(work.groups, quiet=options.quiet)
        bar = runs_bar("sweeping", plan.size, done=len(journal.rows), quiet=options.quiet)
        with bar as one_done, closing(_engine(options, work, tasks)) as rows:
            for row in rows:
                with patient() as interrupts:  # a row that is on disk must be counted too
                    journal.add(row)
                    interrupts.check()
                one_done()
    except KeyboardInterrupt:
        return "interrupted"
    except BrokenProcessPool:
        return "a worker was killed, perhaps for want of memory"
    return ""


def _engine(options: Options, work: Work, tasks: Sequence[Task]) -> Generator[Row, None, None]:
    if options.engine == "ray":
        return on_ray.rows(work, tasks, options.workers, options.address)
    return local.rows(work, tasks, workers_for(options.workers, len(tasks)))


def _ended(plan: Plan, rows: Mapping[int, Row], folder: Path, *, quiet: bool) -> int:
    wrong = [row for _, row in sorted(rows.items()) if row.error]
    if not quiet:
        print(f"{plan.size:,} runs of {len(plan.points):,} combinations and"
              f" {len(plan.grid.seeds):,} seeds: {plan.size - len(wrong):,} done,"
              f" {len(wrong):,} failed")  # fmt: skip
        print(f"written: {display(folder / PARQUET)}, {display(folder / CSV)}")
    if not wrong:
        return 0
    first = f"run {wrong[0].run}: {wrong[0].error}"
    _say(f"{len(wrong):,} of {plan.size:,} runs failed, as column error says; the first, {first}")
    return 1


def _say(text: str) -> None:
    print(f"bayplan: {text}", file=sys.stderr)
