"""The runs of a sweep on a Ray cluster: one that is there, or one of this machine's own.

A cluster of its own listens on the loopback interface only, wants a token that nobody else knows,
reports nothing to anybody, and goes away with the sweep.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from threading import current_thread, main_thread
from typing import Any

from bayplan import __version__
from bayplan.scheduler.compiled import warm
from bayplan.scheduler.errors import InputError
from bayplan.simulator.sweep.work import Row, Task, Work, failed, row_of
from bayplan.simulator.workers import workers_for

TRIES = 5
"""How often a run is tried again whose worker died, before that is its error."""


def rows(
    work: Work, tasks: Sequence[Task], workers: int | None, address: str | None
) -> Generator[Row, None, None]:
    """Run tasks, and yield the row of each as it is done.

    Parameters
    ----------
    work
        What all of them need: it goes into the cluster's object store.
    tasks
        Which to run.
    workers
        How many at a time; None: as many as the cluster has cores.
    address
        Where the cluster is; None: start one on this machine.

    Raises
    ------
    InputError
        There is no such cluster, or its machines have another Bayplan.
    KeyboardInterrupt
        It was stopped.
    """
    with _cluster(address, workers, len(tasks)) as (ray, slots):
        held = ray.put(work)
        run = ray.remote(num_cpus=1, max_retries=TRIES)(_run)
        waiting, running = deque(tasks), dict[Any, Task]()
        while waiting or running:
            while waiting and len(running) < slots:
                task = waiting.popleft()
                # In a list, so that each worker fetches it once and not each task.
                running[run.remote([held], __version__, task)] = task
            (done,), _ = ray.wait(list(running), num_returns=1)
            yield _result(ray, done, running.pop(done), work)


def check_installed() -> None:
    """Check that Ray is installed, without the second that it takes to import it.

    Raises
    ------
    InputError
        It is not.
    """
    if find_spec("ray") is None:
        problem = "--engine ray: Ray is not installed"
        raise InputError(problem, fix="pip install 'bayplan[ray]'")


def _result(ray: Any, done: Any, task: Task, work: Work) -> Row:
    try:
        row: Row = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        cause = str(error.cause).strip().splitlines() or [type(error.cause).__name__]
        raise InputError(
            f"--engine ray: a worker cannot run Bayplan {__version__}: {cause[-1]}",
            fix="install the same version on every machine of the cluster",
        ) from None
    except ray.exceptions.RayError:
        why = f"the worker died, {TRIES + 1} times: perhaps it needs more memory than there is"
        return failed(task[0], why, work.metrics)
    return row


_works: dict[str, Work] = {}
"""What this process has fetched, by the name of its object: at most one."""


def _run(held: list[Any], version: str, task: Task) -> Row:
    if version != __version__:
        raise RuntimeError(f"it has version {__version__}")
    name = held[0].hex()
    if name not in _works:
        import ray

        work = ray.get(held[0])
        warm(work.groups)
        _works.clear()
        _works[name] = work
    return row_of(_works[name], *task)


@contextmanager
def _cluster(address: str | None, workers: int | None, n_tasks: int) -> Iterator[tuple[Any, int]]:
    """Connect to a cluster, or start one: the module ``ray``, and how many may run at a time."""
    workers_for(workers, 1)
    folder = None
    if address is None:
        folder = tempfile.mkdtemp(prefix="bayplan-ray-")
        os.environ.update(_OWN, RAY_AUTH_TOKEN=secrets.token_hex(32))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    try:
        if folder is None:
            assert address is not None
            _connect(ray, address)
            cores = int(ray.cluster_resources().get("CPU", 1))
            slots = cores if workers is None else workers
        else:
            slots = workers_for(workers, n_tasks)
            ray.init(address="local", num_cpus=slots, _temp_dir=folder, **_QUIET)
        if current_thread() is main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray has put its own in its place
        yield ray, slots
    finally:
        # Tasks that Ctrl-C left running are no errors, but Ray's own threads complain of them; and
        # to cancel them first (Ray 2.60) may bring the process down.
        with _stderr_held():
            ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stderr_held() -> Iterator[None]:
    """Drop what is written to stderr by whatever thread, be it no Python."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


# Read when Ray is imported. The first makes it take the loopback interface for its address, as it
# does by itself on machines of other makes; the token keeps out others who are on this machine.
_OWN = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_REACH_S = 10.0
_QUIET = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}


def _connect(ray: Any, address: str) -> None:
    quiet = {name: value for name, value in _QUIET.items() if name != "include_dashboard"}
    try:
        _reach(address)
        ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise InputError(
            f"--address {address!r}: no Ray cluster can be used there ({said})",
            fix="start one with `ray start --head`, or leave --address out",
        ) from None


def _reach(address: str) -> None:
    """Try whether anybody answers: Ray itself would try for many minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _REACH_S).close()
