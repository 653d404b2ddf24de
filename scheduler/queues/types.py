"""Queues, and what they answer when a pod asks to be admitted. Data, no behaviour.

Amounts are integers by resource: ``gpu`` (milli-GPU of any model), ``gpu:MODEL`` (milli-GPU of
one model), ``cpu`` (millicores), ``memory`` (MiB) and other countable resources by their name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Amounts: TypeAlias = Mapping[str, int]
"""Amounts by resource."""

GPU = "gpu"
"""Milli-GPU of any model."""

CPU = "cpu"
MEMORY = "memory"

ROOT = ""
"""The name of what all queues are in: the cluster, and pods without a queue."""


def gpu_of(model: str) -> str:
    """Return the name of the resource "milli-GPU of a model"."""
    return f"{GPU}:{model}"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of pods, or a group of queues.

    Attributes
    ----------
    name, parent
        The parent is another queue, or ``ROOT``.
    guaranteed
        What its pods can always get, by evicting those who borrow it. A queue with others in it
        that does not name a resource has what they have together.
    limit
        What its pods may use at most. A resource that is not named has no limit.
    weight
        Its part of what is beyond all guarantees, in relation to its siblings; 0: only what they
        leave.
    lending_limit
        How much of its guarantee others may use while it is idle. A resource that is not named
        is lent whole.
    """

    name: str
    parent: str = ROOT
    guaranteed: Amounts = field(default_factory=dict)
    limit: Amounts = field(default_factory=dict)
    weight: float = 1.0
    lending_limit: Amounts = field(default_factory=dict)


class Rule(Enum):
    """What keeps a pod out of its queue."""

    NONE = "admitted"
    UNKNOWN = "no such queue"
    LIMIT = "limit"
    LENDING = "lending limit"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a queue admits amounts; if not, what binds.

    Attributes
    ----------
    admitted
        Whether it does.
    rule, queue, resource
        The rule that binds, the queue whose rule it is (``ROOT``: the cluster) and the resource.
    bound, used, asked, available
        The number that binds (a limit, or the capacity), what is used of it, what is asked for,
        and how much of that the rule leaves. For a lending limit ``used`` includes what
        ``keeper`` keeps.
    keeper
        The queue that keeps most of its idle guarantee from others, where that is what binds.
    borrowed
        What of the amounts would be beyond the guarantee, by resource, sorted.
    may_reclaim
        Not admitted now, but all that is asked for is within the guarantee: evicting those who
        borrow makes room, as long as the capacity covers all guarantees (where it does not,
        there may be nobody who borrows: ``reclaimable`` says).
    """

    admitted: bool
    rule: Rule = Rule.NONE
    queue: str = ROOT
    resource: str = ""
    bound: int = 0
    used: int = 0
    asked: int = 0
    available: int = 0
    keeper: str = ""
    borrowed: tuple[tuple[str, int], ...] = ()
    may_reclaim: bool = False

    @property
    def borrows(self) -> bool:
        """Whether any of it would be beyond the guarantee."""
        return bool(self.borrowed)

    @property
    def why(self) -> str:
        """Why not, in words; empty when admitted."""
        if self.rule is Rule.NONE:
            return ""
        if self.rule is Rule.UNKNOWN:
            return f"there is no queue {self.queue}"
        where = f"queue {self.queue}" if self.queue else "the cluster"
        what = "limit" if self.queue else "capacity"
        kept = f" or kept by queue {self.keeper}, which does not lend it" if self.keeper else ""
        text = (
            f"{where}: {self.asked} {self.resource} asked for, {self.available} left:"
            f" {self.used} of its {what} of {self.bound} are in use{kept}"
        )
        return f"{text}; within the guarantee, so it may reclaim" if self.may_reclaim else text
