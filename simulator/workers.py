"""Tasks on worker processes: results in order, and no worker left behind, whatever happens."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

from bayplan.scheduler.errors import InputError

Result = TypeVar("Result")


def workers_for(asked: int | None, n_tasks: int) -> int:
    """Return how many processes to use: what was asked for, or one a core, at most one a task.

    Parameters
    ----------
    asked
        What ``--workers`` says; None where it says nothing.
    n_tasks
        How many tasks there are.

    Raises
    ------
    InputError
        Less than one was asked for.
    """
    if asked is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        return max(1, min(cores, n_tasks))
    if asked < 1:
        raise InputError(f"--workers {asked}", fix="give 1 or more")
    return asked


def spread(
    tasks: Sequence[tuple[Any, ...]],
    start: Callable[[], None],
    run: Callable[..., Result],
    workers: int,
    *,
    in_order: bool = True,
) -> Generator[Result, None, None]:
    """Call a function for each task on processes of their own, and yield what it returns.

    Parameters
    ----------
    tasks
        Arguments of each call; they are pickled.
    start
        Called once in each process before its first task.
    run
        A function of a module.
    workers
        How many processes; there are never more than tasks.
    in_order
        Whether what is returned comes in the order of the tasks, or else as it is done.

    Raises
    ------
    BrokenProcessPool
        A process was killed.
    """
    context = get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), context, _start, (start,))
    try:
        with _signals_held_back():
            futures = [pool.submit(run, *task) for task in tasks]
        for future in futures if in_order else as_completed(futures):
            yield future.result()
    except BaseException:
        # Interrupted or failed: workers in the middle of a run are ended, not waited for.
        for process in list((pool._processes or {}).values()):
            process.kill()
        # Not cancelled: the pool marks what is left as broken, and trips over cancelled ones. Its
        # own thread reaps the workers, and none is left once it has ended.
        pool.shutdown()
        raise
    pool.shutdown()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM to the end of the block: they must not hit a half-started worker.

    Ctrl-C is hidden from the workers as well: they inherit the mask of the thread that starts
    them, and the parent ends them. The handlers are for all threads of this process.
    """
    came: list[int] = []
    handlers = {}
    if current_thread() is main_thread():  # only there may a handler be set
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


def _start(start: Callable[[], None]) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    start()


def _end_with_parent() -> None:
    # A worker whose parent was killed would wait for its next run for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
