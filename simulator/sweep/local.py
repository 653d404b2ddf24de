"""The runs of a sweep on processes of this machine."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial

from bayplan.scheduler.compiled import warm
from bayplan.simulator.sweep.work import Row, Task, Work, row_of
from bayplan.simulator.workers import spread


def rows(work: Work, tasks: Sequence[Task], workers: int) -> Generator[Row, None, None]:
    """Run tasks, and yield the row of each as it is done.

    Parameters
    ----------
    work
        What all of them need.
    tasks
        Which to run.
    workers
        How many processes; one is this one.

    Raises
    ------
    KeyboardInterrupt
        It was stopped.
    BrokenProcessPool
        A process was killed.
    """
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield row_of(work, *task)
        return
    yield from spread(tasks, partial(_start, work), _run, workers, in_order=False)


_work: Work | None = None


def _start(work: Work) -> None:
    global _work
    warm(work.groups)
    _work = work


def _run(number: int, point: int, seed: int) -> Row:
    assert _work is not None
    return row_of(_work, number, point, seed)
