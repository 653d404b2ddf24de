"""The queues that a configuration names, from it or from a file of their own.

Apart from reading the file, since it loads the engine: probes read the file every few seconds.
"""

from __future__ import annotations

from pathlib import Path

from bayplan.extender.config.reading import QUEUES, Values, loaded
from bayplan.extender.live.rounds import Queueing, Reclaim
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.ordering import make_ordering
from bayplan.scheduler.queues import QueueTree, read_queues
from bayplan.traces.queues import read_queue_file

NO_QUEUE = "add a table [queues.NAME], or name queues.file"


def read_tree(path: Path | None, values: Values, *, files: bool = True) -> QueueTree | None:
    """Return the queues of a configuration; None: it has none.

    Parameters
    ----------
    path
        The file that the values are from; None: they are defaults.
    values
        The values of the configuration's keys.
    files
        Whether ``queues.file`` is read: it is there where the extender runs.

    Raises
    ------
    InputError
        The queues cannot be used, or keys need some and there are none.
    """
    table = {} if path is None else loaded(path).get(QUEUES, {})
    own = {k: v for k, v in table.items() if isinstance(v, dict)} if isinstance(table, dict) else {}
    file = str(values["queues.file"])
    if file and own:
        fix = "keep one of them"
        raise InputError(f"queues.file beside [queues.{min(own)}]", file=path, fix=fix)
    _check_order(path, str(values["queues.order"]))
    if file:
        return read_queue_file(Path(file)) if files else QueueTree()
    if own:
        try:
            return read_queues({QUEUES: own})
        except InputError as problem:
            raise InputError(str(problem), file=path) from None
    for key, on in (("lift", True), ("reclaim", "evict")):
        if values[f"queues.{key}"] == on:
            raise InputError(f"queues.{key} is on without a queue", file=path, fix=NO_QUEUE)
    return None


def queueing_settings(values: Values) -> Queueing:
    """Return how queues are served.

    Parameters
    ----------
    values
        The values of the configuration's keys.
    """
    return Queueing(
        lift=bool(values["queues.lift"]),
        order=str(values["queues.order"]),
        backfill=str(values["queues.backfill"]),
        reclaim=Reclaim(values["queues.reclaim"]),
        evictions_a_minute=int(values["queues.evictions_a_minute"]),
        min_run_s=float(values["queues.min_run_s"]),
    )


def _check_order(path: Path | None, name: str) -> None:
    try:
        make_ordering(name)
    except InputError as problem:
        raise InputError(f"queues.order: {problem}", file=path) from None
