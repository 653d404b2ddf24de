"""What a round of the queues is about, and what comes of it. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bayplan.extender.live.reading import Seen
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.queues import Admission
from bayplan.scheduler.types import Decision, Request


class Reclaim(Enum):
    """What becomes of pods that borrow what a queue is guaranteed."""

    REPORT = "report"
    EVICT = "evict"


@dataclass(frozen=True, slots=True)
class Queueing:
    """How queues are served.

    Attributes
    ----------
    lift
        Whether gates are lifted.
    order, backfill
        The engine's ordering policy and way of backfilling (``none``: whoever has room passes).
    reclaim, evictions_a_minute
        What becomes of those who borrow, and of how many at most.
    min_run_s
        Who has run for less is not evicted.
    """

    lift: bool = False
    order: str = "priority"
    backfill: str = "easy"
    reclaim: Reclaim = Reclaim.REPORT
    evictions_a_minute: int = 10
    min_run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Unit:
    """What is served at once: a pod that waits, or those of a gang that do.

    Attributes
    ----------
    name
        namespace/name of the pod, or of the gang.
    requests
        What they ask for, in the order of their coming.
    gated
        The uids of those with our gate; none: kube-scheduler has them already.
    gang
        The whole gang, who is bound included.
    since_s
        When the first was made.
    held_back
        Why it is nobody's turn to decide, such as another gate; empty: it is not.
    nodes
        Rows (n_rows,) that give out what is asked for; None: all.
    ready
        Room is held for all already.
    meek
        Nobody is to be evicted for it (``preemptionPolicy: Never``).
    """

    name: str
    requests: tuple[Request, ...]
    gated: tuple[str, ...] = ()
    gang: Gang | None = None
    since_s: float = 0.0
    held_back: str = ""
    nodes: BoolArray | None = None
    ready: bool = False
    meek: bool = False

    @property
    def key(self) -> str:
        """What tells it from others: a gang may have the name of a pod."""
        return f"gang {self.name}" if self.gang is not None else f"pod {self.name}"

    @property
    def queue(self) -> str:
        """The queue that it waits in."""
        return self.requests[0].queue


@dataclass(frozen=True, slots=True)
class Round:
    """All that a round goes by, taken at one moment.

    Attributes
    ----------
    engine
        On a copy of the cluster.
    admission
        What the queues use of it.
    pods
        All pods by uid, as they were seen.
    units
        Who waits, gated or not.
    leaving
        The uids of pods that are being deleted.
    promised
        Victims of earlier rounds by the key of the unit that they leave for.
    guards
        What protects running pods; None: nobody is to be evicted, or to be named for it.
    most
        So many pods may be lifted.
    """

    now_s: float
    engine: Engine
    admission: Admission
    settings: Queueing
    pods: Mapping[str, Seen]
    units: tuple[Unit, ...]
    leaving: tuple[str, ...] = ()
    promised: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guards: Guards | None = None
    most: int = 100


@dataclass(frozen=True, slots=True)
class Lift:
    """A unit whose turn has come, and where it has room; no decisions: room is held already."""

    unit: Unit
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a unit may take its guarantee back from: the victims, and where it goes then."""

    unit: Unit
    uids: tuple[str, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round found: ``whys`` by the key of a unit are why the others wait."""

    lifts: tuple[Lift, ...] = ()
    whys: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
