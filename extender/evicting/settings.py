"""What the evictor goes by."""

from __future__ import annotations

from dataclasses import dataclass

GANGS = "gangs"
"""The value of ``preemption.evict`` that turns it on."""


@dataclass(frozen=True, slots=True)
class Evicting:
    """How pods are evicted for gangs.

    Attributes
    ----------
    schedulers
        The ``schedulerName`` of pods that are helped: those of other schedulers are theirs.
    wait_s
        How long a gang must have found no room.
    evictions_a_minute
        Pods that are evicted at most, unless a gang that leaves whole has more.
    hold_s
        How long after the last step forward room is kept, and waited for.
    refused_s
        How long evictions may be refused.
    cooldown_s
        How long a gang is not helped again.
    """

    schedulers: frozenset[str] = frozenset({"bayplan"})
    wait_s: float = 10.0
    evictions_a_minute: int = 10
    hold_s: float = 300.0
    refused_s: float = 60.0
    cooldown_s: float = 300.0
