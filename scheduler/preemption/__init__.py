"""Preemption: who leaves so that a pod or a gang fits."""

from bayplan.scheduler.preemption.gangs import preempt_gang
from bayplan.scheduler.preemption.pods import preempt
from bayplan.scheduler.preemption.policies import preemption_policy_names
from bayplan.scheduler.preemption.types import GangPreemption, Guards, Preemption, Victims

__all__ = [
    "GangPreemption",
    "Guards",
    "Preemption",
    "Victims",
    "preempt",
    "preempt_gang",
    "preemption_policy_names",
]
