"""How a GPU is shared: one frozen class a mode, with what the mode lets its owner set.

A node states it for each of its GPUs. ``capacity_milli`` is what is handed out of one GPU:
1000 × the oversubscription. Sources: NVIDIA's MIG user guide, MPS documentation and Kubernetes
device plugin; HAMi's device plugin.
"""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.types import GPU_MILLI, Isolation

MAX_CLIENTS = 1000
"""The largest client limit: as many shares of one milli-GPU fit a GPU."""

MAX_CAPACITY_MILLI = 64 * GPU_MILLI


@dataclass(frozen=True, slots=True)
class Ungoverned:
    """Shares of milli-GPUs and MiB that add up; nothing keeps them apart."""


@dataclass(frozen=True, slots=True)
class Exclusive:
    """One pod a GPU: a share takes all of it."""


@dataclass(frozen=True, slots=True)
class Mps:
    """The Multi-Process Service: clients run side by side.

    ``clients`` is the limit of the MPS server (48 since Volta). ``replicas`` > 0 is the device
    plugin's equal split: every client gets the same part. ``chunk_sm`` > 0 is static partitioning
    of multiprocessors in chunks of that size. A fault of one client hits all of the GPU or the
    MIG instance.
    """

    clients: int = 48
    capacity_milli: int = GPU_MILLI
    replicas: int = 0
    chunk_sm: int = 0

    def __post_init__(self) -> None:
        _check("mps", clients=self.clients, capacity_milli=self.capacity_milli)
        if self.replicas < 0 or self.chunk_sm < 0 or (self.replicas and self.chunk_sm):
            raise InvalidRequest(
                f"mps: replicas {self.replicas} and chunk_sm {self.chunk_sm}; give one of them"
            )
        if self.replicas > self.clients:
            raise InvalidRequest(
                f"mps: {self.replicas} replicas, and the server takes {self.clients} clients"
            )


@dataclass(frozen=True, slots=True)
class TimeSlicing:
    """Contexts take turns; their memory stays resident and nothing limits it.

    So the sum of peak memory, and ``context_mib`` for each context whose pod states a memory,
    must fit; with ``check_memory`` off they need not, and running out of memory is possible.
    ``replicas`` is how many pods the device plugin lets in.
    """

    replicas: int = 16
    capacity_milli: int = GPU_MILLI
    context_mib: int = 400
    check_memory: bool = True

    def __post_init__(self) -> None:
        _check("timeslice", replicas=self.replicas, capacity_milli=self.capacity_milli)
        if self.context_mib < 0:
            raise InvalidRequest(f"timeslice: context_mib {self.context_mib}; give 0 or more")


@dataclass(frozen=True, slots=True)
class Hami:
    """HAMi's software vGPU: hard memory limits, compute paced by a watcher in every process.

    ``vgpus`` is how many a GPU is split into at most (``deviceSplitCount``).
    """

    vgpus: int = 10
    capacity_milli: int = GPU_MILLI

    def __post_init__(self) -> None:
        _check("hami", vgpus=self.vgpus, capacity_milli=self.capacity_milli)


@dataclass(frozen=True, slots=True)
class Mig:
    """GPU instances with slices of compute and memory of their own.

    ``layout`` are (start, profile) of the instances that are there, by start; None lets instances
    come and go with the pods, wherever the profile may start. ``inside`` shares each instance of
    a layout among clients.
    """

    layout: tuple[tuple[int, str], ...] | None = None
    inside: Mps | None = None

    def __post_init__(self) -> None:
        if self.layout == ():
            raise InvalidRequest("mig: a layout without instances; give None to make them as asked")
        if self.layout is None and self.inside is not None:
            raise InvalidRequest("mig: MPS inside instances needs a layout of them")


Sharing = Ungoverned | Exclusive | Mps | TimeSlicing | Hami | Mig

UNGOVERNED = Ungoverned()

_ISOLATIONS: dict[type, Isolation] = {
    Mps: Isolation.MPS,
    TimeSlicing: Isolation.TIMESLICE,
    Hami: Isolation.HAMI,
    Mig: Isolation.MIG,
}


def isolation_of(sharing: Sharing) -> Isolation | None:
    """Return what keeps co-residents apart, or None where nothing does (or nobody is beside)."""
    return _ISOLATIONS.get(type(sharing))


def sharing_of(sharing: tuple[Sharing, ...], gpu: int) -> Sharing:
    """Return how one GPU of a node is shared: none stated is ungoverned, one is for all."""
    if len(sharing) > 1:
        return sharing[gpu]
    return sharing[0] if sharing else UNGOVERNED


def _check(mode: str, capacity_milli: int, **limits: int) -> None:
    for name, limit in limits.items():
        if not 1 <= limit <= MAX_CLIENTS:
            raise InvalidRequest(f"{mode}: {name} {limit}; give 1 to {MAX_CLIENTS}")
    if not GPU_MILLI <= capacity_milli <= MAX_CAPACITY_MILLI:
        raise InvalidRequest(
            f"{mode}: capacity_milli {capacity_milli}; give {GPU_MILLI} to {MAX_CAPACITY_MILLI}"
        )
