"""What may be evicted, and what is to be evicted for whom. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bayplan.scheduler.gangs.types import GangPlan
from bayplan.scheduler.types import Placement, Request


@dataclass(frozen=True, slots=True)
class Guards:
    """What protects running pods.

    Attributes
    ----------
    budgets
        Evictions that each disruption budget allows now, by its id (KEP: policy/v1
        ``status.disruptionsAllowed``). A pod whose budget is not named here is protected by none.
    gang_min
        The least number of members of each running gang, by ``Request.gang``. A gang that is not
        named here is evicted whole.
    min_run_s
        A pod that has run for less is no victim.
    queue_excess_milli
        Milli-GPU that each queue uses beyond its guarantee; used by ``fair-reclaim``. A queue
        that is not named here is within it.
    """

    budgets: Mapping[str, int] = field(default_factory=dict)
    gang_min: Mapping[str, int] = field(default_factory=dict)
    min_run_s: float = 0.0
    queue_excess_milli: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Victims:
    """Whom to evict so that a pod fits a node.

    ``uids`` (sorted) are all who leave, ``elsewhere`` those of them that are on other nodes: gang
    mates who cannot go on alone. ``violations`` of disruption budgets, ``highest_priority`` among
    the victims and the GPU-seconds of work that are lost (run time since the last checkpoint ×
    GPUs) are what nodes are compared by.
    """

    node: str
    uids: tuple[str, ...]
    elsewhere: tuple[str, ...]
    violations: int
    highest_priority: int
    lost_gpu_s: float
    placement: Placement


@dataclass(frozen=True, slots=True)
class Preemption:
    """Whom to evict for a pod, by node, the best node first; ``why`` not when there is none."""

    request: Request
    now_s: float
    nodes: tuple[Victims, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class GangPreemption:
    """Whom to evict (sorted) for a gang, and where it goes then; ``why`` not when there is none.

    The decisions of ``plan`` hold once the victims are gone.
    """

    plan: GangPlan | None
    uids: tuple[str, ...] = ()
    violations: int = 0
    highest_priority: int = 0
    lost_gpu_s: float = 0.0
    why: str = ""
