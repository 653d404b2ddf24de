"""What ``bayplan compare`` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.metrics import metric
from bayplan.simulator.outputs.table import SHOWN, compare_tables
from bayplan.simulator.replay.settings import parse_seeds
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.ready import Files, refuse, try_ready
from bayplan.simulator.simulate.command import inputs_of
from bayplan.simulator.simulate.compare import Run, compared, variants_of
from bayplan.simulator.simulate.notes import Facts, about_runs, facts_of
from bayplan.simulator.simulate.progress import runs_bar
from bayplan.simulator.simulate.rows import as_csv, as_json
from bayplan.simulator.simulate.running import described, kernel_groups
from bayplan.simulator.simulate.variations import (
    Variation,
    Varied,
    parse_varied,
    resampling,
    variations,
)
from bayplan.simulator.targets import STDOUT, check_targets
from bayplan.simulator.workers import workers_for
from bayplan.traces.console import console, plain
from bayplan.traces.files import write_text


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of ``bayplan compare``; see its help."""

    scenario: Path | None
    settings: Sequence[tuple[str, str]] = ()
    vary: Sequence[str] = ()
    seeds: str = "1-5"
    workers: int | None = None
    metrics: str = ""
    json: str | None = None
    csv: str | None = None
    plot: Path | None = None
    quiet: bool = False


def compare(options: Options) -> int:
    """Run every variation under every seed, show and write what came out, return the exit code.

    Raises
    ------
    InputError
        Anything wrong with the flags or files; found before the first run where possible.
    """
    varied = [parse_varied(text) for text in options.vary]
    seeds = parse_seeds(options.seeds)
    shown = _metrics(options.metrics)
    workers_for(options.workers, 1)
    made, problems = variations(options.scenario, options.settings, varied)
    refuse(problems)
    made = [resampling(each) for each in made]
    _check_targets(options, made)
    groups, notes = checked_files(made)
    compile_kernels(groups, quiet=options.quiet)
    runs, complete = _runs(options, made, seeds, groups)
    _write(options, varied, made, runs, shown)
    _show(options, made, runs, shown, notes)
    if not complete:
        total = len(made) * len(seeds)
        print(
            f"bayplan: interrupted: {len(runs):,} of {total:,} runs were done, and stand",
            file=sys.stderr,
        )
        return 1
    return 0


def _metrics(text: str) -> tuple[str, ...]:
    if not text:
        return SHOWN
    keys = tuple(key.strip() for key in text.split(","))
    for key in keys:
        try:
            metric(key)
        except InputError as error:
            raise InputError(f"--metrics: {error}") from None
    return keys


def _check_targets(options: Options, made: Sequence[Variation]) -> None:
    read = [file for each in made for file in inputs_of(each.scenario, options.scenario)]
    check_targets([("--json", options.json), ("--csv", options.csv)], options.plot, read)


def checked_files(made: Sequence[Variation]) -> tuple[tuple[str, ...], list[str]]:
    """Return the groups of kernels of all runs, and notes; all files are read, and so checked.

    Parameters
    ----------
    made
        The variations.

    Raises
    ------
    InputError
        What is wrong with their files.
    """
    files = Files()
    groups: dict[str, None] = {}
    problems: dict[str, InputError] = {}
    facts: list[Facts] = []
    unknown: dict[str, None] = {}
    for each in made:
        ready, wrong = try_ready(each.scenario, files)
        problems.update((str(error), error) for error in wrong)
        if ready is not None:
            groups.update(dict.fromkeys(kernel_groups(ready)))
            facts.append(facts_of(ready))
            unknown.update(dict.fromkeys(doubts(ready)))
    refuse(list(problems.values()))
    return tuple(groups), [*unknown, *about_runs(facts)]


def _runs(
    options: Options, made: Sequence[Variation], seeds: Sequence[int], groups: Sequence[str]
) -> tuple[list[Run], bool]:
    """Return the runs that were done, and whether those are all."""
    total = len(made) * len(seeds)
    done: list[Run] = []
    runs = compared(made, seeds, groups, workers_for(options.workers, total))
    try:
        with runs_bar("comparing", total, quiet=options.quiet) as one_done, closing(runs):
            for each in runs:
                done.append(each)
                one_done()
    except KeyboardInterrupt:
        return done, False
    return done, True


def _write(
    options: Options,
    varied: Sequence[Varied],
    made: Sequence[Variation],
    runs: Sequence[Run],
    shown: Sequence[str],
) -> None:
    keys = [each.path for each in varied]
    picture = ""
    if options.plot is not None and runs:
        from bayplan.simulator.outputs.plot import compare_svg

        variants = variants_of(made, runs)
        picture = compare_svg(variants, shown) if options.metrics else compare_svg(variants)
    texts = (
        (options.json, as_json(keys, made, runs, described(made[0].scenario))),
        (options.csv, as_csv(keys, made, runs)),
    )
    # All are there before any is written.
    for target, text in texts:
        if target == STDOUT:
            sys.stdout.write(text)
        elif target is not None:
            write_text(target, text)
    if options.plot is not None and picture:
        write_text(options.plot, picture)


def _show(
    options: Options,
    made: Sequence[Variation],
    runs: Sequence[Run],
    shown: Sequence[str],
    notes: Sequence[str],
) -> None:
    if options.quiet or not runs:
        return
    screen = console(stderr=STDOUT in (options.json, options.csv))
    for part in compare_tables(variants_of(made, runs), shown):
        screen.print(part)
    for note in notes:
        screen.print(plain(note))
    for what, target in (("results", options.json), ("rows", options.csv), ("plot", options.plot)):
        if target is not None and target != STDOUT:
            screen.print(f"{what}: {target}", soft_wrap=True, highlight=False, markup=False)
