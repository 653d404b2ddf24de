"""The registry of preemption policies: this table is the list of what Bayplan ships."""

from __future__ import annotations

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.preemption.policies._base import Pool, PreemptionPolicy
from bayplan.scheduler.preemption.policies.fair_reclaim import FairReclaim
from bayplan.scheduler.preemption.policies.priority import Priority
from bayplan.scheduler.preemption.policies.spot import Spot

__all__ = ["POLICIES", "Pool", "PreemptionPolicy", "preemption_policy", "preemption_policy_names"]

POLICIES: dict[str, PreemptionPolicy] = {
    "priority": Priority(),
    "fair-reclaim": FairReclaim(),
    "spot": Spot(),
}


def preemption_policy_names() -> list[str]:
    """Return the names of all preemption policies, in the table's order."""
    return list(POLICIES)


def preemption_policy(name: str) -> PreemptionPolicy:
    """Return a preemption policy by name; ``InputError`` when there is none of that name."""
    policy = POLICIES.get(name)
    if policy is None:
        raise InputError(f"no preemption policy {name!r}", fix=f"take one of {', '.join(POLICIES)}")
    return policy
