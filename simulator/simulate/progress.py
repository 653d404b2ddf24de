"""Progress bars: of one run over its jobs and simulated time, of many runs over those done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bayplan.traces.console import console

Told = Callable[[float, int], None]
"""Called with the simulated time in seconds and the number of jobs that ended."""

_EVERY_S = 0.1


def _silent(now_s: float, done: int) -> None:
    return


@contextmanager
def progress_bar(what: str, total: int, *, quiet: bool = False) -> Iterator[Told]:
    """Show how far a run is; nothing where stderr is no terminal.

    Parameters
    ----------
    what
        What is done.
    total
        How many jobs there are.
    quiet
        Whether to show nothing anywhere.
    """
    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield _silent
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("jobs"),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
    )
    shown_at = 0.0

    def told(now_s: float, done: int) -> None:
        nonlocal shown_at
        if (now := monotonic()) - shown_at >= _EVERY_S:
            shown_at = now
            bar.update(task, completed=done, description=f"{what} {simulated(now_s)}")

    with bar:
        task = bar.add_task(what, total=total)
        yield told


@contextmanager
def runs_bar(
    what: str, total: int, *, done: int = 0, quiet: bool = False
) -> Iterator[Callable[[], None]]:
    """Show how many runs are done; nothing where stderr is no terminal. Call it once a run.

    Parameters
    ----------
    what
        What is done.
    total
        How many runs there are.
    done
        How many of them were done before.
    quiet
        Whether to show nothing anywhere.
    """
    screen = console(stderr=True)
    bar = Progress(
        TextColumn(what, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=quiet or not screen.is_terminal,
    )
    with bar:
        task = bar.add_task(what, total=total, completed=done)
        yield lambda: bar.update(task, advance=1)


def simulated(now_s: float) -> str:
    """Return a simulated time for people."""
    days, seconds = divmod(max(now_s, 0.0), 86_400)
    return f"day {days:.0f}, {seconds // 3600:02.0f}:{seconds % 3600 // 60:02.0f}"
