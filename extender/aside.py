"""Work beside the event loop, in threads that nobody waits for at the end.

``asyncio.to_thread`` is not for it: whoever cancels it goes on, but the loop, and after it the
interpreter, wait until the work is done. A plan or a compilation would outlast a Pod's grace.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS = 32
"""As many as ``concurrent.futures.ThreadPoolExecutor`` has at most, on however few cores.

Some wait for somebody else, and what nobody waits for any more has a thread until it is done: what
is due now is not to wait for those.
"""


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what some work returns, or raise what it raises.

    Once cancelled, what it comes to is dropped; work that has not begun never does.

    Parameters
    ----------
    work, args, kwargs
        What is called, in a thread, with the caller's context variables.
    """
    call = partial(contextvars.copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call)


def leave(code: int) -> int:
    """Return an exit code; where work goes on that nobody waits for, end the process with it.

    The interpreter would take its memory down under such a thread, and LLVM's with it.

    Parameters
    ----------
    code
        The exit code.
    """
    if _THREADS.busy:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
    return code


class _Threads(Executor):
    """Up to ``MOST_THREADS`` daemon threads, made as they are needed and kept."""

    def __init__(self) -> None:
        self._due: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._n_threads = self._n_open = 0

    @property
    def busy(self) -> bool:
        """Whether some work is not done."""
        return self._n_open > 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let something be called by one of the threads."""
        future: Future[T] = Future()
        with self._lock:
            self._n_open += 1
            self._due.put((future, partial(fn, *args, **kwargs)))
            if self._n_threads < min(self._n_open, MOST_THREADS):
                self._n_threads += 1
                threading.Thread(target=self._work, name="aside", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            future, call = self._due.get()
            if future.set_running_or_notify_cancel():
                _settle(future, call)
            # An idle thread is not to keep what the last work was made of, such as a copy.
            del future, call
            with self._lock:
                self._n_open -= 1


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)


_THREADS = _Threads()
