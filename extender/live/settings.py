"""What the owner of the live cluster goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bayplan.extender.health.settings import Judging
from bayplan.extender.live.enforcing import Way
from bayplan.scheduler.queues import QueueTree


class Rollback(Enum):
    """What becomes of a gang of which some members are bound and another can be placed nowhere."""

    REPORT = "report"
    EVICT = "evict"


@dataclass(frozen=True, slots=True)
class Gangs:
    """How gangs start.

    Attributes
    ----------
    hold_s
        How long room is kept for all members of a gang that has been planned.
    settle_s
        How long nobody new of a gang must have come before it is taken to be complete, where
        nothing says how many members it has.
    rollback
        What becomes of a gang that cannot start as a whole after some of it was bound.
    """

    hold_s: float = 120.0
    settle_s: float = 2.0
    rollback: Rollback = Rollback.REPORT


@dataclass(frozen=True, slots=True)
class Live:
    """How pods are placed.

    Attributes
    ----------
    placement
        The engine's policy.
    seed
        For policies that draw.
    hold_s
        How long room is kept for a pod that has been given a node: twice what kube-scheduler
        waits for a call and for a binding, so that a hold outlives them.
    at_filter
        Whether filter leaves the chosen node alone: kube-scheduler asks for no scores then.
    hami, gpushare, volcano, koordinator
        Whether the choice of GPUs is written where the device plugins of these projects read it,
        or Koordinator's koordlet. Their own schedulers must not run then.
    dra
        Whether pods with claims of devices are steered; else they are refused.
    gangs
        How gangs start.
    health
        What closes GPUs that are sick; None: nobody looks.
    queues
        Who may use how much; None: there are no queues.
    """

    placement: str = "best-fit"
    seed: int = 0
    hold_s: float = 60.0
    at_filter: bool = False
    hami: bool = False
    gpushare: bool = False
    volcano: bool = False
    koordinator: bool = False
    dra: bool = True
    gangs: Gangs = field(default_factory=Gangs)
    health: Judging | None = None
    queues: QueueTree | None = None

    def tells(self, way: Way) -> bool:
        """Whether who enforces shares on a node is told which GPUs a pod is to have.

        Parameters
        ----------
        way
            Who that is.
        """
        return {
            Way.HAMI: self.hami,
            Way.ALIYUN: self.gpushare,
            Way.VOLCANO: self.volcano,
            Way.KOORDINATOR: self.koordinator,
        }.get(way, True)

    @property
    def reserved(self) -> tuple[Way, ...]:
        """Who gives out GPUs where pods that ask for whole ones of NVIDIA's plugin do not go.

        HAMi's plugin refuses such pods unless it is told which they have. Beside Volcano's and
        Koordinator's GPUs NVIDIA's plugin would give out the same ones a second time.
        """
        others = [way for way in (Way.VOLCANO, Way.KOORDINATOR) if self.tells(way)]
        return (*others,) if self.hami else (Way.HAMI, *others)
