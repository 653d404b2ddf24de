"""What waits, as columns: the one thing that ordering policies look at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.arrays import FloatArray, FloatTable, IntArray
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.ordering._amounts import gpus_of
from bayplan.scheduler.types import GPU_MILLI, Request

RESOURCES = ("cpu_milli", "memory_mib", "gpu_milli")
"""The columns of ``Queues.used`` and ``Queues.capacity``, and what dominant shares are of."""


@dataclass(frozen=True, slots=True, eq=False)
class Queues:
    """The queues that requests name, sorted by name: arrays (n_queues,) and (n_queues, 3).

    ``used`` is what each holds now, in the order of ``RESOURCES``, and ``capacity`` (3,) what
    there is of these; a resource of which there is none has no share. ``weight`` > 0: a queue of
    weight 2 is due twice as much. ``usage_gpu_s`` are the GPU-seconds that it was charged with,
    decayed up to ``usage_at_s``.
    """

    names: tuple[str, ...]
    used: FloatTable
    capacity: FloatArray
    weight: FloatArray
    usage_gpu_s: FloatArray
    usage_at_s: FloatArray


class QueueUse(NamedTuple):
    """What is known of one queue; the fields are those of ``Queues``."""

    cpu_milli: int = 0
    memory_mib: int = 0
    gpu_milli: int = 0
    weight: float = 1.0
    usage_gpu_s: float = 0.0
    usage_at_s: float = 0.0


class Progress(NamedTuple):
    """What is known of one job that waits.

    ``attained_s`` is how long it has run so far, ``attained_gpu_s`` that times its GPUs (None:
    the GPUs that it asks for). ``remaining_s`` None: the estimate less ``attained_s``, at least 0.
    ``waiting_since_s`` is when it last stopped running; None: it never ran.
    """

    submit_s: float = 0.0
    attained_s: float = 0.0
    attained_gpu_s: float | None = None
    remaining_s: float | None = None
    waiting_since_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """What waits: arrays (n_jobs,), one row a job, in any order.

    Times and ``attained_gpu_s`` are float64 (seconds; GPU-seconds), the others int64.
    ``gpu_milli`` is the milli-GPU of all ``n_gpus`` together. ``run_time_s``, ``remaining_s``
    (NaN: unknown) are estimates; ``deadline_s`` NaN: none. ``queue`` is an index into
    ``queues.names``. ``key`` breaks ties: the rank of the uid among those of all rows.
    """

    submit_s: FloatArray
    waiting_since_s: FloatArray
    priority: IntArray
    cpu_milli: IntArray
    memory_mib: IntArray
    n_gpus: IntArray
    gpu_milli: IntArray
    run_time_s: FloatArray
    remaining_s: FloatArray
    attained_s: FloatArray
    attained_gpu_s: FloatArray
    deadline_s: FloatArray
    queue: IntArray
    key: IntArray
    queues: Queues

    @property
    def size(self) -> int:
        """The number of jobs."""
        return int(self.submit_s.size)

    @property
    def gpus(self) -> FloatArray:
        """GPUs that each asks for, a share of one as a fraction."""
        return self.gpu_milli / GPU_MILLI


def pending_of(
    requests: Sequence[Request],
    progress: Mapping[str, Progress] | None = None,
    queues: Mapping[str, QueueUse] | None = None,
    capacity: tuple[int, int, int] = (0, 0, 0),
    gpu_memory_mib: int = 81_920,
) -> Pending:
    """Return requests as columns, a row each in their order.

    Parameters
    ----------
    requests
        With different uids. Their first wishes count, not the alternatives.
    progress
        By uid; a request that is not in it was submitted at 0 and never ran.
    queues
        By name; queues that only requests name use nothing and have weight 1.
    capacity
        CPU (millicores), memory (MiB) and milli-GPU of the cluster, for dominant shares.
    gpu_memory_mib
        The GPU's memory, by which a share that states MiB alone is measured.

    Raises
    ------
    InvalidRequest
        Two requests have one uid.
    ValueError
        A queue's weight, or the GPU's memory, is not greater than 0.
    """
    if gpu_memory_mib <= 0:
        raise ValueError(f"the GPU's memory must be greater than 0, not {gpu_memory_mib}")
    uids = [request.uid for request in requests]
    rank = {uid: k for k, uid in enumerate(sorted(uids))}
    if len(rank) != len(uids):
        twice = next(uid for uid in rank if uids.count(uid) > 1)
        raise InvalidRequest(f"pod {twice} is pending twice")
    table = _queues(requests, queues or {}, capacity)
    index = {name: k for k, name in enumerate(table.names)}
    made = [Progress()] * len(uids)
    if progress:
        made = [progress.get(uid, made[k]) for k, uid in enumerate(uids)]
    known: dict[object, tuple[int, int]] = {}
    for request in requests:
        if request.devices not in known:
            known[request.devices] = gpus_of(request, gpu_memory_mib)
    gpus = np.array([known[r.devices] for r in requests], np.int64).reshape(-1, 2)
    submit, attained, attained_gpu, remaining, waiting = _floats(made, 5).T
    run = _floats([(r.run_time_s, r.deadline_s) for r in requests], 2)
    # An infinite estimate is none: times nothing, it would be no number to sort by.
    run[np.isinf(run)] = np.nan
    remaining = np.where(np.isinf(remaining), np.nan, remaining)
    return Pending(
        submit_s=np.ascontiguousarray(submit),
        waiting_since_s=np.where(np.isnan(waiting), submit, waiting),
        priority=_ints([r.priority for r in requests]),
        cpu_milli=_ints([r.cpu_milli for r in requests]),
        memory_mib=_ints([r.memory_mib for r in requests]),
        n_gpus=np.ascontiguousarray(gpus[:, 0]),
        gpu_milli=np.ascontiguousarray(gpus[:, 1]),
        run_time_s=np.ascontiguousarray(run[:, 0]),
        remaining_s=np.where(np.isnan(remaining), np.maximum(run[:, 0] - attained, 0), remaining),
        attained_s=np.ascontiguousarray(attained),
        attained_gpu_s=np.where(
            np.isnan(attained_gpu), attained * gpus[:, 1] / GPU_MILLI, attained_gpu
        ),
        deadline_s=np.ascontiguousarray(run[:, 1]),
        queue=_ints([index[r.queue] for r in requests]),
        key=_ints([rank[uid] for uid in uids]),
        queues=table,
    )


def _queues(
    requests: Sequence[Request], use: Mapping[str, QueueUse], capacity: tuple[int, int, int]
) -> Queues:
    names = sorted({request.queue for request in requests} | set(use))
    table = np.array([use.get(name, QueueUse()) for name in names], np.float64).reshape(-1, 6)
    for name, weight in zip(names, table[:, 3].tolist(), strict=True):
        if not 0 < weight < math.inf:
            raise ValueError(f"queue {name!r}: the weight must be greater than 0, not {weight}")
    return Queues(
        names=tuple(names),
        used=np.ascontiguousarray(table[:, :3]),
        capacity=np.array(capacity, np.float64),
        weight=np.ascontiguousarray(table[:, 3]),
        usage_gpu_s=np.ascontiguousarray(table[:, 4]),
        usage_at_s=np.ascontiguousarray(table[:, 5]),
    )


def _ints(values: Sequence[int]) -> IntArray:
    return np.array(values, np.int64)


def _floats(rows: Sequence[tuple[float | None, ...]], width: int) -> FloatTable:
    # None becomes NaN.
    return np.array(rows, np.float64).reshape(-1, width)
