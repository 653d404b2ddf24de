"""What a plan says. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bayplan.scheduler.explaining import Explanation, GangExplanation
from bayplan.scheduler.types import Placement, Reason, Request


class Cause(Enum):
    """Why a pod is evicted: its room is taken, or its gang cannot go on without another victim."""

    ROOM = "room"
    GANG = "gang"


@dataclass(frozen=True, slots=True)
class Placed:
    """A pod that is placed, and whom it makes room by (with all of its gang)."""

    request: Request
    placement: Placement
    gang: str = ""
    evicts: tuple[str, ...] = ()
    unmodelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evicted:
    """A running pod that leaves, and the pod or gang that it leaves for.

    ``over_budget`` are the disruption budgets that allow no more evictions when it leaves.
    """

    request: Request
    node: str
    by: str
    cause: Cause = Cause.ROOM
    over_budget: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pod that goes on waiting; ``why`` is one line, ``text`` all that can be said of it.

    ``lacks_room``: room is what it waits for, and not a gate, a queue or other members. ``reasons``
    has then the number of nodes for each reason, of a pod by itself. ``details`` is what ``text``
    words, where it was looked into.
    """

    request: Request
    why: str
    gang: str = ""
    reasons: tuple[tuple[Reason, int], ...] = ()
    lacks_room: bool = False
    text: str = ""
    details: Explanation | GangExplanation | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan, in the order in which it was made; ``waiting`` in the order of serving.

    GPUs are counted in slots: whole GPUs, or what the device plugin hands out for one; ``parts``
    of them are MIG instances or replicas. ``before`` and ``after`` are the milli-GPU that are free
    on nodes that take pods; ``closed`` nodes take none. ``budgets`` are the evictions that each
    disruption budget allows after the plan.
    """

    placed: tuple[Placed, ...]
    evicted: tuple[Evicted, ...]
    waiting: tuple[Waiting, ...]
    nodes: int
    gpus: int
    bound: int
    before: int
    after: int
    parts: int = 0
    closed: int = 0
    budgets: Mapping[str, int] = field(default_factory=dict)
