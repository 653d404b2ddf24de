"""What a simulation leaves behind: a row a job, a series over time, totals. Data, no behaviour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayplan.simulator.core.services.outcome import ServiceOutcome
from bayplan.simulator.core.stints import Stints

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CountArray = NDArray[np.int32]
CodeArray = NDArray[np.int8]


class Status(IntEnum):
    """How a job ended, if it did."""

    UNFINISHED = 0
    FINISHED = 1
    CANCELLED = 2
    FAILED = 3
    REJECTED = 4


@dataclass(frozen=True, slots=True, eq=False)
class JobResults:
    """What became of each job: arrays (n_rows,), by row of the job table.

    All rows of one gang carry the values of their job. Times are in seconds of simulated time,
    NaN where it never came to it.

    Attributes
    ----------
    status
        A ``Status``: failed is killed too often for want of memory, rejected is what no node of
        the cluster could ever hold.
    start_s, finish_s
        When it first started; when it ended, in whatever way.
    run_s, wait_s
        How long it held its room, all stints together; the rest of its time from arrival on.
    gpu_s
        GPU-seconds that it held: GPUs (shares as fractions, as they were granted) × time.
    work_done_s, work_lost_s
        Work that counts, and work that was done and then undone by preemptions and kills.
    overhead_s
        Time in which it held its room without progress: restarts.
    preemptions, oom_kills, failures, rate_changes
        How often each happened to it; ``failures`` are nodes that left with it, and GPUs that
        failed under it. A start is no change of its rate.
    resizes
        How often it got pods or gave some back while it ran; several in one moment are one.
    startup_s
        The part of ``overhead_s`` in which its pods started; None where that takes no time.
    """

    status: CodeArray
    start_s: FloatArray
    finish_s: FloatArray
    run_s: FloatArray
    wait_s: FloatArray
    gpu_s: FloatArray
    work_done_s: FloatArray
    work_lost_s: FloatArray
    overhead_s: FloatArray
    preemptions: CountArray
    oom_kills: CountArray
    failures: CountArray
    rate_changes: CountArray
    resizes: CountArray
    startup_s: FloatArray | None = None

    def first(self, n_rows: int) -> JobResults:
        """Return the results of the first rows alone."""
        every = ((each.name, getattr(self, each.name)) for each in fields(self))
        return replace(self, **{name: array[:n_rows] for name, array in every if array is not None})


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The cluster over time: arrays (n_samples,), as it was just before each ``time_s``.

    ``allocated_milli`` is handed out. ``effective_milli`` is the speed of what runs: each GPU of
    a job counts 1000 × the job's rate, so a job alone on a whole reference GPU counts 1000, and
    tenants that share one well count more together. ``busy_gpus`` have a tenant,
    ``tenants`` are the pods on them, each counted once a GPU. ``gpus`` were there.
    ``fragmentation_milli`` is what a typical pod could not use of what is free (NaN where it was
    not asked for), ``mig_blocked`` the mean share of blocked places of MIG profiles (NaN without
    MIG).
    """

    time_s: FloatArray
    waiting: IntArray
    running: IntArray
    allocated_milli: IntArray
    effective_milli: FloatArray
    busy_gpus: IntArray
    tenants: IntArray
    gpus: IntArray
    fragmentation_milli: FloatArray
    mig_blocked: FloatArray


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact integrals over [``first_s``, ``end_s``], and counts.

    ``n_gpus`` and ``capacity_milli`` are of the nodes there at the beginning, ``known_gpus`` of all
    that may ever be there; ``there_gpu_s`` are the GPU-seconds that there were, ``node_s`` the
    node-seconds, ``cost`` what those of groups with a price cost, in the currency of the prices.
    ``idle_j`` and ``active_j`` are joules of the GPUs, ``co2_g`` grams by the grid's intensity,
    ``energy_price`` what the energy costs; ``active_co2_g`` and ``active_price`` are due to
    ``active_j``. NaN where energy was not measured, or has no price. ``deferred`` are the jobs
    that were held back, ``deferral_s`` for how long in all and ``most_deferral_s`` at most; NaN
    where none is. ``first_s`` is the first arrival, ``end_s`` the last end of a job. ``pulls`` are
    the images and models that came to nodes, ``pulled_mib`` what they brought,
    ``images_looked_for`` how often a job wanted one on a node and ``images_found`` how often it
    was there; NaN where pods start at once. ``tenant_gpu_s`` over ``busy_gpu_s`` is the mean number
    of tenants of a busy GPU. ``closed_gpu_s`` are the GPU-seconds in which a GPU took no new pods
    by itself; ``alarms`` GPUs that a detector took for slow, ``false_alarms`` those of them that
    were not.
    """

    n_gpus: int
    capacity_milli: int
    known_gpus: int
    first_s: float
    end_s: float
    there_gpu_s: float
    allocated_gpu_s: float
    effective_gpu_s: float
    busy_gpu_s: float
    tenant_gpu_s: float
    events: int
    passes: int
    decisions: int
    idle_j: float = math.nan
    active_j: float = math.nan
    co2_g: float = math.nan
    pulls: float = math.nan
    pulled_mib: float = math.nan
    images_looked_for: float = math.nan
    images_found: float = math.nan
    active_co2_g: float = math.nan
    energy_price: float = math.nan
    active_price: float = math.nan
    deferred: float = math.nan
    deferral_s: float = math.nan
    most_deferral_s: float = math.nan
    node_s: float = 0.0
    cost: float = 0.0
    gpu_faults: int = 0
    closed_gpu_s: float = 0.0
    alarms: int = 0
    false_alarms: int = 0


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """What there was of a group of nodes over [``first_s``, ``end_s``], exactly, and its cost."""

    name: str
    price_per_h: float
    node_s: float
    there_gpu_s: float
    cost: float


class LogEntry(NamedTuple):
    """One thing that happened: ``what`` says what: arrive, start, finish, preempt."""

    time_s: float
    what: str
    job: str
    detail: str = ""


class Absence(NamedTuple):
    """From when to when a node was not there, within [``first_s``, ``end_s``]."""

    node: str
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Everything that a simulation found; ``log`` is empty unless it was asked for.

    ``rejections`` are the jobs that no node could ever hold, by name, each with the reason;
    ``stints`` are None unless they were asked for; ``groups`` are those that nodes are in,
    ``absences`` of nodes that were not always there, by node and time; ``faults`` how many of each
    class GPUs had. ``services`` are None where there were none; rows of stints beyond those of the
    jobs are their replicas.
    """

    jobs: JobResults
    series: Series
    totals: Totals
    log: tuple[LogEntry, ...] = ()
    rejections: tuple[tuple[str, str], ...] = ()
    stints: Stints | None = None
    groups: tuple[GroupTotals, ...] = ()
    absences: tuple[Absence, ...] = ()
    faults: Mapping[str, int] = field(default_factory=dict)
    services: ServiceOutcome | None = None
