"""What a simulation is made of, apart from its nodes and jobs."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.speeds import Speeds
from bayplan.simulator.core.startup.types import Startup


@dataclass(frozen=True, slots=True)
class Interruptions:
    """What it costs to stop a job and to go on with it later; seconds.

    ``checkpoint`` says how the time between checkpoints is chosen: ``fixed`` is ``checkpoint_s``,
    ``young`` and ``daly`` go by what a save costs and how often what the job runs on fails. It
    counts from the start of a stint, and what was done since the last one is lost; ``fixed`` at 0:
    nothing is ever lost. Each save takes ``save_s`` without progress. A stint that is not the first
    begins with ``restart_s + restart_log2_s × log2(GPUs)`` without progress. The defaults of
    bounded size that published systems report are 30 to 60 s. ``resize_s`` is without progress
    after an elastic job got or gave back pods, with all that was done saved; None: as after a
    stop, by the GPUs that it then has. ``on_notice`` is what jobs do when
    a node under them is about to be taken back: ``none``, or ``checkpoint``.
    """

    checkpoint_s: float = 0.0
    restart_s: float = 0.0
    restart_log2_s: float = 0.0
    on_notice: str = "none"
    resize_s: float | None = None
    checkpoint: str = "fixed"
    save_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Locality:
    """How fast a job of several pods runs when its pods are apart, over the speed together.

    ``across_racks`` is for jobs whose nodes are in different racks, in place of
    ``across_nodes``; nodes without a rack are all in one.
    """

    across_nodes: float = 1.0
    across_racks: float = 1.0


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """What happens to a job that finds no memory left on a GPU that is time-sliced.

    It is killed at once and comes back after ``backoff_s``, which doubles each time up to
    ``most_backoff_s`` (kubelet's CrashLoopBackOff: 10 s up to 300 s); after ``retries`` it failed.
    """

    retries: int = 3
    backoff_s: float = 10.0
    most_backoff_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Reconfiguration:
    """How long MIG instances take to make: who starts on a new one waits that long.

    ``path`` says who carries changes out: ``nvml``, ``dra`` or ``operator`` (see
    ``scheduler.partition.times``); empty: they take no time.
    """

    path: str = ""


@dataclass(frozen=True, slots=True)
class Deferring:
    """How jobs with a deadline wait for better hours, under a deferral policy.

    ``margin`` is a share of the estimated run time that is kept before the deadline, ``headroom``
    one of the GPUs that is kept free of jobs that are held back. A job waits only for a window
    that costs less by ``least_saving`` of what now costs. ``across_zones``: all jobs go to the
    zone that costs least over their run, of those that have room.
    """

    margin: float = 0.1
    headroom: float = 0.1
    least_saving: float = 0.0
    across_zones: bool = True


@dataclass(frozen=True, slots=True)
class Watching:
    """Who finds GPUs that silently slow down (``detector``; ``none``), and what is done then.

    ``progress`` finds who is behind by more than ``threshold`` over ``window_s``, and takes others
    for slow with the probability ``false_alarms`` at each look. ``on_detection``: the jobs on such
    a GPU stay to their end (``drain``), or go on elsewhere (``restart``). ``repair_h`` are mean
    hours from when it is empty.
    """

    detector: str = "none"
    window_s: float = 600.0
    threshold: float = 0.1
    false_alarms: float = 0.0
    on_detection: str = "drain"
    repair_h: float = 4.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Policies and parameters of a simulation.

    Attributes
    ----------
    placement, ordering
        Names of the engine's policies: ``bayplan policies`` lists them.
    strict
        The first of the queue blocks the others; else jobs behind it may pass when it does not
        fit.
    backfill, backfill_depth
        ``easy`` or ``conservative`` on top of the ordering; empty: none. The depth bounds how
        many of the queue get a reservation; None: all.
    preemption, progress, trigger, partitioning, deferral, elasticity
        Names in the registries of ``simulator.core``.
    round_s
        The length of a round of ``trigger="rounds"``.
    mig
        Where MIG instances start that are made as asked for; empty: ``max-options``.
    min_run_s
        A job that has run for less is not stopped by ``priority``, ``fair-reclaim``, ``spot`` and
        ``in-order``.
    resize_interval_s
        The pods of an elastic job are not changed again before it has run for so long.
    half_life_s
        Of the decayed usage that ``fair-share`` looks at.
    estimate_error
        Sigma of the factor exp(N(0, sigma)) on the estimates of run times, drawn by a hash of
        seed and name.
    sample_s
        Distance of the samples of the series; None: about 500 over the arrivals.
    fragmentation
        Whether the samples have FGD's fragmentation, and the share of blocked MIG placements.
    until_s
        When to stop at the latest; None: when all jobs have ended.
    await_series
        Whether to go on until the loads of services have ended, not only until all jobs have.
    grid
        Carbon intensity and price of the electricity; None: energy is not measured, which takes
        time.
    log
        Whether to keep a log of what happened, a tuple an event.
    startup
        How long pods take to start; None: no time.
    stints
        How many stints on GPUs to take down at most: the first ones; None or 0: none.
    """

    placement: str = "best-fit"
    ordering: str = "fifo"
    strict: bool = False
    backfill: str = ""
    backfill_depth: int | None = None
    preemption: str = "none"
    progress: str = "exact"
    trigger: str = "events"
    round_s: float = 360.0
    partitioning: str = "none"
    deferral: str = "none"
    elasticity: str = "none"
    resize_interval_s: float = 0.0
    mig: str = ""
    min_run_s: float = 0.0
    half_life_s: float = 86_400.0
    estimate_error: float = 0.0
    seed: int = 0
    speeds: Speeds = field(default_factory=Speeds)
    interruptions: Interruptions = field(default_factory=Interruptions)
    stragglers: Watching = field(default_factory=Watching)
    locality: Locality = field(default_factory=Locality)
    out_of_memory: OutOfMemory = field(default_factory=OutOfMemory)
    reconfiguration: Reconfiguration = field(default_factory=Reconfiguration)
    deferring: Deferring = field(default_factory=Deferring)
    sample_s: float | None = None
    fragmentation: bool = False
    until_s: float | None = None
    await_series: bool = False
    log: bool = False
    grid: Grid | None = None
    stints: int | None = None
    startup: Startup | None = None
