"""What ``bayplan simulate`` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.core.deciding import Decider
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.metrics import summarise
from bayplan.simulator.outputs import write_outputs
from bayplan.simulator.outputs.folder import usable
from bayplan.simulator.outputs.services import services_text
from bayplan.simulator.outputs.text import summary_text
from bayplan.simulator.outputs.trace import MOST_EVENTS, Trace, trace_of
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.keys import FILE_KEYS, NO_FILES
from bayplan.simulator.scenario.reading import read_scenario
from bayplan.simulator.scenario.ready import Ready, made_ready, refuse, wrong_with
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.elsewhere import check_elsewhere
from bayplan.simulator.simulate.files import (
    MOST_STINTS,
    REPORT,
    about_cuts,
    facts_of_run,
    files_of,
    names_of,
)
from bayplan.simulator.simulate.notes import (
    about_failures,
    about_rejections,
    about_runs,
    about_services,
    facts_of,
)
from bayplan.simulator.simulate.progress import progress_bar, simulated
from bayplan.simulator.simulate.running import described, kernel_groups, run
from bayplan.simulator.targets import check_targets
from bayplan.traces.console import console, plain
from bayplan.traces.files import display, write_text


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of ``bayplan simulate``; see its help.

    ``elsewhere`` lets somebody else decide for a while; None: the engine of the run does.
    """

    scenario: Path | None
    settings: Sequence[tuple[str, str]] = ()
    out: Path | None = None
    plot: Path | None = None
    trace_events: int | None = None
    force: bool = False
    quiet: bool = False
    elsewhere: Callable[[], AbstractContextManager[Decider]] | None = None

    @property
    def most_events(self) -> int:
        """The most events of the trace; 0: there is none."""
        return MOST_EVENTS if self.trace_events is None else self.trace_events


def simulate(options: Options) -> int:
    """Run a scenario, write what was asked for, and return the exit code.

    Raises
    ------
    InputError
        Anything wrong with the flags or files; found before the run.
    """
    scenario = usable_scenario(options.scenario, options.settings)
    read = inputs_of(scenario, options.scenario)
    _check_targets(options, scenario, read)
    ready = made_ready(scenario)
    if options.out is not None and ready.settings.stints is None:
        ready = replace(ready, settings=replace(ready.settings, stints=MOST_STINTS))
    how = described(scenario)
    with nullcontext() if options.elsewhere is None else options.elsewhere() as decider:
        if decider is not None:
            check_elsewhere(scenario, ready, decider)
            how |= {"decided_by": decider.where}
        compile_kernels(kernel_groups(ready), quiet=options.quiet)
        with progress_bar("simulating", len(ready.jobs), quiet=options.quiet) as told:
            outcome, complete = run(ready, told, decider)
    notes = _write(outcome, ready, how | {"complete": complete}, options)
    _show(outcome, ready, options, notes)
    if decider is not None and not options.quiet:
        print(decider.about())
    if not complete:
        _say_interrupted(outcome)
        return 1
    return 0


def _check_targets(options: Options, scenario: Scenario, read: Sequence[Path]) -> None:
    if options.most_events < 0:
        raise InputError(f"--trace-events {options.most_events}", fix="give 0 or more")
    if options.trace_events and options.out is None:
        raise InputError("--trace-events without a folder", fix="name one with --out")
    if options.out is not None:
        names = names_of(
            stints=scenario["run.stints"] != 0,
            trace=options.most_events > 0,
            log=scenario["run.log"],
        )
        usable(options.out, names=names, read=read, force=options.force)
    check_targets([], options.plot, read, options.out)


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
    names = [scenario[key] for key in FILE_KEYS]
    files = [Path(name) for name in names if name not in NO_FILES]
    return files if path is None else [path, *files]


def _write(outcome: Outcome, ready: Ready, how: dict[str, object], options: Options) -> list[str]:
    """Write what was asked for, and return what is to be said beside the figures."""
    jobs = ready.jobs
    summary = summarise(outcome, jobs)
    picture = ""
    if options.plot is not None:
        from bayplan.simulator.outputs.plot import run_svg

        picture = run_svg(outcome.series, outcome.totals)
    notes = [
        *about_failures(outcome, jobs),
        *about_services(outcome),
        *about_runs([facts_of(ready)]),
    ]
    if options.out is not None:
        trace = _trace(outcome, ready, options.most_events)
        notes += about_cuts(outcome, trace)
        more = files_of(ready, outcome, trace, options.out)
        facts = facts_of_run(outcome, [*doubts(ready), *notes])
        write_outputs(
            options.out, outcome, jobs, summary, how, more=more, facts=facts, force=options.force
        )
    if options.plot is not None:
        write_text(options.plot, picture)
    return notes


def _trace(outcome: Outcome, ready: Ready, most: int) -> Trace | None:
    return trace_of(outcome, ready.rows, most) if most else None


def _show(outcome: Outcome, ready: Ready, options: Options, notes: Sequence[str]) -> None:
    if options.quiet:
        return
    screen = console()
    for part in summary_text(summarise(outcome, ready.jobs)):
        screen.print(part)
    if outcome.services is not None:
        for part in services_text(outcome.services):
            screen.print(part)
    for note in (*doubts(ready), *about_rejections(outcome.rejections), *notes):
        screen.print(plain(note))
    written = []
    if options.out is not None:
        written = [f"written: {display(options.out)}", f"report: {display(options.out / REPORT)}"]
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
