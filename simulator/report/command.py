"""What ``bayplan report`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.outputs.folder import JOBS, NODES, SERIES, STINTS, SUMMARY
from bayplan.simulator.report.page import MOST_RUNS, page
from bayplan.simulator.report.run import read_run
from bayplan.simulator.targets import check_targets
from bayplan.traces.console import console
from bayplan.traces.files import display, write_text


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of ``bayplan report``; see its help."""

    folders: Sequence[Path]
    out: Path
    quiet: bool = False


def report(options: Options) -> int:
    """Write a page of some runs, and return the exit code.

    Raises
    ------
    InputError
        A folder holds no run, or the page cannot be written.
    """
    folders = options.folders
    if len(folders) > MOST_RUNS:
        raise InputError(
            f"{len(folders)} runs, and a report takes at most {MOST_RUNS}",
            fix="name fewer, or compare many with bayplan compare",
        )
    names = (SUMMARY, JOBS, SERIES, NODES, STINTS)
    read = [folder / name for folder in folders for name in names]
    check_targets([("--out", str(options.out))], None, read)
    runs = [read_run(*each) for each in zip(folders, names_of(folders), strict=True)]
    write_text(options.out, page(runs))
    if not options.quiet:
        line = f"report: {display(options.out)}"
        console().print(line, soft_wrap=True, highlight=False, markup=False)
    return 0


def names_of(folders: Sequence[Path]) -> list[str]:
    """Return what runs are called: their folders' names, or paths where those are not enough.

    Parameters
    ----------
    folders
        The folders.

    Raises
    ------
    InputError
        One is named twice.
    """
    whole = [folder.resolve() for folder in folders]
    for i, folder in enumerate(whole):
        if folder in whole[:i]:
            raise InputError(
                "this run is named twice", file=display(folders[i]), fix="name it once"
            )
    short = [name_of(folder) for folder in folders]
    if len(set(short)) == len(short):
        return short
    return [display(folder) for folder in folders]


def name_of(folder: Path) -> str:
    """Return what the only run of a report is called.

    Parameters
    ----------
    folder
        Its folder.
    """
    return display(folder.resolve().name)
