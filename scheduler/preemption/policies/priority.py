"""Who is worth less gives way."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.preemption.policies._base import Pool, lower_priority
from bayplan.scheduler.preemption.table import PodTable
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request


@dataclass(frozen=True, slots=True)
class Priority:
    """Pods of strictly lower priority give way, the lowest first.

    As kube-scheduler's ``DefaultPreemption`` (Kubernetes documentation, "Pod Priority and
    Preemption").
    """

    def pool(self, table: PodTable, request: Request, guards: Guards) -> Pool:
        """Return all pods of lower priority."""
        return Pool(lower_priority(table, request), table.priority, {})
