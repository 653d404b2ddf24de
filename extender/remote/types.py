"""What a client is told beside the scheduler's own types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bayplan.scheduler.constraints.types import Taint
from bayplan.scheduler.types import Isolation, Placement, Slot


class Standing(Enum):
    """How a pod has its room: bound, held before it is bound, or committed to a client."""

    BOUND = "bound"
    HELD = "held"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class SlotState:
    """A GPU or a MIG instance, and what of it is free (milli-GPU, MiB).

    ``milli`` and ``memory_mib`` are what it has while nobody has any of it. ``isolation`` keeps
    shares of it apart, of ``clients`` at most; None: nothing does, or there is no limit.
    """

    slot: Slot
    free_milli: int
    free_memory_mib: int
    milli: int
    memory_mib: int
    isolation: Isolation | None
    clients: int | None


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node: what it has, and what of it is free (millicores, MiB).

    ``version`` grows with every change of the node or of what is on it, and is never used twice.
    Of nodes that are scored alike the one with the lowest ``row`` is chosen.
    """

    name: str
    version: int
    schedulable: bool
    cpu_milli: int
    free_cpu_milli: int
    memory_mib: int
    free_memory_mib: int
    gpu_model: str
    gpu_memory_mib: int
    anonymous_gpus: bool
    slots: tuple[SlotState, ...]
    labels: tuple[tuple[str, str], ...]
    row: int
    taints: tuple[Taint, ...]


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod with room. ``until_s``: how long it is kept, in seconds since 1970; None: no limit."""

    uid: str
    standing: Standing
    placement: Placement
    priority: int
    gang: str
    until_s: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state at ``now_s``, nodes and pods sorted by name.

    ``placement`` is the policy that decides.
    """

    now_s: float
    nodes: tuple[NodeState, ...]
    pods: tuple[PodState, ...]
    placement: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was decided. ``kind`` is one of ``bayplan.v1.Kind``, in small letters.

    ``uid`` is a pod's namespace/name, or a client's. ``missed`` events came before this one for
    which the watch was too slow.
    """

    time_s: float
    kind: str
    uid: str
    node: str = ""
    why: str = ""
    victims: tuple[str, ...] = ()
    client: str = ""
    missed: int = 0
