"""The workload that fragmentation-aware policies aim at: that of the trace itself."""

from __future__ import annotations

from bayplan.scheduler.types import Request
from bayplan.scheduler.workload import Workload, typical_workload
from bayplan.simulator.core.classes import pod_classes
from bayplan.traces.jobs import JobTable


def target_workload(table: JobTable) -> Workload | None:
    """Return the typical pods of a job table, None when it has none."""
    row_class, classes = pod_classes(table)
    requests = [Request("", c.cpu_milli, c.memory_mib, c.devices) for c in classes]
    counted = [
        requests[number]
        for row, number in enumerate(row_class.tolist())
        for _ in range(classes[number].pods)
    ]
    return typical_workload(counted) if counted else None
