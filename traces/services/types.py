"""What a service is: its load, its target, what a replica asks for and does, how it scales."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bayplan.traces.columns import FloatArray

MEASURES = ("mean", "p50", "p90", "p95", "p99")
"""What of the latencies of a service a target is about."""

SPREADS = {
    "zone": "topology.kubernetes.io/zone",
    "block": "bayplan.io/block",
    "rack": "bayplan.io/rack",
}
"""Where replicas are to be apart, and the label of nodes that says so."""

SCALERS = ("fixed", "reactive", "seasonal", "holt")
METRICS = ("requests", "concurrency")


@dataclass(frozen=True, slots=True)
class Latency:
    """A latency class: ``measure`` of the latencies is to be ``target_s`` at most.

    A request is in time when its own latency is.
    """

    name: str
    target_s: float
    measure: str = "p95"


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Requests a second, constant from each of ``start_s`` on: arrays (n_pieces,).

    There are none before the first of the times, which ascend, nor from ``end_s`` on (infinite:
    the last rate stays).
    """

    start_s: FloatArray
    per_s: FloatArray
    end_s: float = math.inf

    @property
    def first_s(self) -> float:
        """When it begins."""
        return float(self.start_s[0])


@dataclass(frozen=True, slots=True)
class Alternative:
    """What one replica asks for, and what it does then.

    Amounts are those of the job table. Alone it serves ``per_s`` requests a second, each of which
    takes ``service_s`` seconds, so ``per_s × service_s`` of them at a time. It serves
    ``startup_s`` seconds after it got its room.
    """

    per_s: float
    service_s: float
    startup_s: float = 0.0
    gpu_count: int = 1
    gpu_milli: int = 1000
    gpu_memory_mib: int = 0
    gpu_models: str = ""
    mig_profile: str = ""
    cpu_milli: int = 0
    memory_mib: int = 0

    @property
    def servers(self) -> int:
        """How many requests it serves at a time."""
        return max(1, round(self.per_s * self.service_s))


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the number of replicas follows the load; see ``simulator.core.services.scaling``."""

    scaler: str = "reactive"
    metric: str = "requests"
    target: float = 0.7
    tolerance: float = 0.1
    sync_s: float = 15.0
    down_window_s: float = 300.0
    up_replicas: int = 4
    up_pct: float = 100.0
    cooldown_s: float = 300.0
    lead_s: float | None = None
    season_s: float = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A service of ``least`` to ``most`` replicas.

    ``alternatives`` are tried in their order, each for ``wait_s``, and then from the first again.
    ``spread`` is one of ``SPREADS`` or empty. At most ``queue_limit`` requests wait, and none for
    longer than ``timeout_s``. ``arrival_cv`` and ``service_cv`` are the coefficients of variation
    of times between requests and of service times.
    """

    name: str
    latency: Latency
    load: Load
    alternatives: tuple[Alternative, ...]
    least: int = 1
    most: int = 1
    priority: int = 0
    preemptible: bool = True
    queue: str = ""
    job_type: str = ""
    spread: str = ""
    max_skew: int = 1
    wait_s: float = 60.0
    queue_limit: float = math.inf
    timeout_s: float = math.inf
    arrival_cv: float = 1.0
    service_cv: float = 1.0
    scaling: Scaling = field(default_factory=Scaling)


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """The services of a file, in its order, and the files that it names."""

    services: tuple[Service, ...]
    read: tuple[str, ...] = ()
