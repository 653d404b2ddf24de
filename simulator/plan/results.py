"""What a plan says. Data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.types import Placement, Reason, Request


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
    """A running pod that leaves, and the pod or gang that it leaves for."""

    request: Request
    node: str
    by: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pod that goes on waiting; ``why`` is one line, ``text`` all that can be said of it.

    ``reasons`` has the number of nodes for each reason, where room is what it waits for.
    """

    request: Request
    why: str
    gang: str = ""
    reasons: tuple[tuple[Reason, int], ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan, in the order in which it was made; ``waiting`` in the order of serving.

    GPUs are counted in slots: whole GPUs, or what the device plugin hands out for one. ``before``
    and ``after`` are the milli-GPU that are free.
    """

    placed: tuple[Placed, ...]
    evicted: tuple[Evicted, ...]
    waiting: tuple[Waiting, ...]
    nodes: int
    gpus: int
    bound: int
    before: int
    after: int
