"""What a simulation leaves behind of its services. Data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ServiceTotals:
    """What became of one service, from its first request to its end or the run's.

    Attributes
    ----------
    name, latency_class, target_s, measure
        The service, and what its class asks for.
    offered, served, in_time, dropped, waiting
        Requests that came; that were served; of these, within ``target_s``; that found the queue
        full or gave up; that still waited at the end. ``offered = served + dropped + waiting``.
    in_time_pct
        ``in_time`` over ``offered``; NaN: none came.
    latency_mean_s, latency_p50_s, latency_p95_s, latency_p99_s, latency_s
        Of those that were served; the last is ``measure``. NaN: nobody was.
    met
        Whether so many of all requests that came were in time as a percentile says, or the mean of
        those that were served is ``target_s`` at most.
    replica_h
        Hours that replicas held their room, by alternative.
    gpu_h, cost
        GPU-hours that they held, and their part of what nodes cost: of each node's price, the
        largest part of its GPUs, CPUs and memory that a replica held.
    most_replicas
        The most that were asked for.
    scale_ups, scale_downs, moves
        How often more and fewer replicas were asked for, and how often one that had waited asked
        for its next alternative.
    preemptions, failures, oom_kills
        How often a replica lost its room to somebody, with its node, or for want of memory.
    never
        Why the empty cluster could hold no replica, by alternative; empty: it could.
    """

    name: str
    latency_class: str
    target_s: float
    measure: str
    offered: float
    served: float
    in_time: float
    dropped: float
    waiting: float
    in_time_pct: float
    latency_mean_s: float
    latency_p50_s: float
    latency_p95_s: float
    latency_p99_s: float
    latency_s: float
    met: bool
    replica_h: tuple[float, ...]
    gpu_h: float
    cost: float
    most_replicas: int
    scale_ups: int
    scale_downs: int
    moves: int
    preemptions: int
    failures: int
    oom_kills: int
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ServiceSeries:
    """Services over time: arrays (n_samples,), by service and then by time.

    ``service`` is its place among the services. Rates, ``in_time_pct`` (over those that were served
    or dropped) and ``latency_s`` (the mean) are of the time since the sample before; NaN where
    there was no request. ``capacity_per_s`` is its mean in that time. ``waiting`` are requests,
    ``replicas`` those asked for and ``serving`` those that serve, at the time.
    """

    service: IntArray
    time_s: FloatArray
    offered_per_s: FloatArray
    served_per_s: FloatArray
    dropped_per_s: FloatArray
    capacity_per_s: FloatArray
    in_time_pct: FloatArray
    latency_s: FloatArray
    waiting: FloatArray
    replicas: IntArray
    serving: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ServiceOutcome:
    """What became of all services, in their order."""

    totals: tuple[ServiceTotals, ...]
    series: ServiceSeries
