"""What ``bayplan simulate`` does."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.core.results import LogEntry, Outcome, Status
from bayplan.simulator.metrics import summarise
from bayplan.simulator.outputs import FILES, write_outputs
from bayplan.simulator.outputs.folder import usable
from bayplan.simulator.outputs.text import summary_text
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.keys import BUILTIN
from bayplan.simulator.scenario.reading import read_scenario
from bayplan.simulator.scenario.ready import Ready, made_ready, refuse, wrong_with
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.notes import about_jobs, about_runs, facts_of
from bayplan.simulator.simulate.progress import progress_bar, simulated
from bayplan.simulator.simulate.running import described, kernel_groups, run
from bayplan.simulator.targets import check_targets
from bayplan.traces.console import console, plain
from bayplan.traces.files import display, write_text
from bayplan.traces.jobs import JobTable

LOG = "log.csv"


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of ``bayplan simulate``; see its help."""

    scenario: Path | None
    settings: Sequence[tuple[str, str]] = ()
    out: Path | None = None
    plot: Path | None = None
    force: bool = False
    quiet: bool = False


def simulate(options: Options) -> int:
    """Run a scenario, write what was asked for, and return the exit code.

    Raises
    ------
    InputError
        Anything wrong with the flags or files; found before the run.
    """
    scenario = usable_scenario(options.scenario, options.settings)
    read = inputs_of(scenario, options.scenario)
    if options.out is not None:
        names = (*FILES, LOG) if scenario["run.log"] else FILES
        usable(options.out, names=names, read=read, force=options.force)
    check_targets([], options.plot, read, options.out)
    ready = made_ready(scenario)
    compile_kernels(kernel_groups(ready), quiet=options.quiet)
    with progress_bar("simulating", len(ready.jobs), quiet=options.quiet) as told:
        outcome, complete = run(ready, told)
    _write(outcome, ready.jobs, described(scenario) | {"complete": complete}, options)
    _show(outcome, ready, options)
    if not complete:
        _say_interrupted(outcome)
        return 1
    return 0


def usable_scenario(path: Path | None, settings: Sequence[tuple[str, str]]) -> Scenario:
    """Return a scenario in which nothing is wrong but, perhaps, its files.

    Raises
    ------
    InputError
        The first thing that is wrong, and how many more there are.
    """
    scenario, problems = read_scenario(path, settings)
    refuse(problems or wrong_with(scenario))
    return scenario


def inputs_of(scenario: Scenario, path: Path | None) -> list[Path]:
    """Return the files that a scenario is read from."""
    names = [scenario[key] for key in ("cluster.file", "jobs.file", "speeds.file")]
    files = [Path(name) for name in names if name not in ("", BUILTIN)]
    return files if path is None else [path, *files]


def _write(outcome: Outcome, jobs: JobTable, how: Mapping[str, Any], options: Options) -> None:
    summary = summarise(outcome, jobs)
    picture = ""
    if options.plot is not None:
        from bayplan.simulator.outputs.plot import run_svg

        picture = run_svg(outcome.series, outcome.totals)
    if options.out is not None:
        more = {LOG: _log_text(outcome.log).encode()} if how["run"]["log"] else {}
        write_outputs(options.out, outcome, jobs, summary, how, more=more, force=options.force)
    if options.plot is not None:
        write_text(options.plot, picture)


def _show(outcome: Outcome, ready: Ready, options: Options) -> None:
    if options.quiet:
        return
    screen = console()
    for part in summary_text(summarise(outcome, ready.jobs)):
        screen.print(part)
    told = (*doubts(ready), *about_jobs(outcome, ready.jobs), *about_runs([facts_of(ready)]))
    for note in told:
        screen.print(plain(note))
    written = [] if options.out is None else [f"written: {display(options.out)}"]
    written += [] if options.plot is None else [f"plot: {display(options.plot)}"]
    for line in written:
        screen.print(line, soft_wrap=True, highlight=False, markup=False)


def _say_interrupted(outcome: Outcome) -> None:
    status = outcome.jobs.status
    left = int((status == Status.UNFINISHED).sum())
    print(
        f"bayplan: interrupted at {simulated(outcome.totals.end_s)} of the simulation:"
        f" {left:,} of {len(status):,} rows of jobs did not end;"
        " what was done until then is in the summary",
        file=sys.stderr,
    )


def _log_text(log: Sequence[LogEntry]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LogEntry._fields)
    writer.writerows(log)
    return out.getvalue()
