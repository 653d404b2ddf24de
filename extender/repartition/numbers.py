"""What the controller tells Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from bayplan.extender.repartition.machine import Result
from bayplan.extender.repartition.mark import Step


class RepartitionNumbers:
    """The metrics of the controller; with it off they stay without values.

    Parameters
    ----------
    registry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._writes = Counter(
            "bayplan_repartition_steps",
            "Steps of nodes on their way to another MIG layout, by what they were.",
            ["result"],
            registry=registry,
        )
        self._nodes = Gauge(
            "bayplan_repartition_nodes",
            "Nodes on their way to another MIG layout, by how far they are.",
            ["step"],
            registry=registry,
        )

    def wrote(self, result: Result) -> None:
        """Count a step."""
        self._writes.labels(result.value).inc()

    def look_at(self, steps: Mapping[Step, int]) -> None:
        """Bring the gauges up to date."""
        for step, n in steps.items():
            self._nodes.labels(step.value).set(n)
