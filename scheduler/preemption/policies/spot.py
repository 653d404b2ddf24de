"""Preemptible capacity: who runs on it gives way to who pays for more."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.preemption.policies._base import Pool, lower_priority
from bayplan.scheduler.preemption.table import PodTable
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request


@dataclass(frozen=True, slots=True)
class Spot:
    """Preemptible pods give way to a pod that is not, whatever the priorities.

    Among preemptible ones it goes by priority. The two classes of KAI-Scheduler's
    ``kai.scheduler/preemptibility`` label, and the spot instances of the clouds.
    """

    def pool(self, table: PodTable, request: Request, guards: Guards) -> Pool:
        """Return the preemptible pods, or those of lower priority for a preemptible request."""
        lower = lower_priority(table, request)
        return Pool(lower if request.preemptible else table.preemptible, table.priority, {})
