"""What a preemption policy is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.preemption.table import PodTable
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request

PREFERRED = 1 << 40
"""What is taken off the rank of pods that go before all others, whatever their priority."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Who may leave for a request, and in which order.

    ``eligible`` (n,) and ``rank`` (n,) int64 are by place of the table; lower ranks go first.
    ``queue_milli`` is what may be evicted of each queue in all, in milli-GPU; a queue that is not
    named is not limited.
    """

    eligible: BoolArray
    rank: IntArray
    queue_milli: dict[str, int]


class PreemptionPolicy(Protocol):
    """Says who may leave; what protects pods from everyone (guards) is looked at elsewhere."""

    def pool(self, table: PodTable, request: Request, guards: Guards) -> Pool:
        """Return who may leave for a request."""


def lower_priority(table: PodTable, request: Request) -> BoolArray:
    """Return which pods (n,) are of a strictly lower priority than the request's."""
    return np.less(table.priority, request.priority)
