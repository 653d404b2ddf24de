"""Metrics of the health of GPUs."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge

from bayplan.extender.health.marking import Marker


class HealthNumbers:
    """The metrics.

    Parameters
    ----------
    registry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._quarantined = Gauge(
            "bayplan_gpus_quarantined",
            "GPUs that are quarantined, by code; one with two codes counts for each.",
            ["reason"],
            registry=registry,
        )
        self._closed = Gauge(
            "bayplan_health_nodes_closed",
            "Nodes all of whose GPUs are closed, by condition or taint.",
            ["reason"],
            registry=registry,
        )
        self._rounds = Counter(
            "bayplan_health_reads", "Reads of the metrics of GPUs, by result.", ["result"],
            registry=registry,
        )  # fmt: skip
        self._failed = Gauge(
            "bayplan_health_sources_failed",
            "Places with metrics of GPUs that could not be read the last time.",
            registry=registry,
        )
        self._strange = Gauge(
            "bayplan_health_gpus_of_unknown_nodes",
            "GPUs with metrics whose node's name is that of no node.",
            registry=registry,
        )
        self._writes = Counter(
            "bayplan_health_writes", "Writes of the quarantined GPUs of a node, by result.",
            ["result"], registry=registry,
        )  # fmt: skip

    def read(self, n_failed: int, n_strange: int) -> None:
        """Note a read: how much of it failed, and how many GPUs were of unknown nodes."""
        self._rounds.labels("failed" if n_failed else "ok").inc()
        self._failed.set(n_failed)
        self._strange.set(n_strange)

    def written(self, ok: bool) -> None:
        """Count a write."""
        self._writes.labels("ok" if ok else "failed").inc()

    def look_at(self, marker: Marker) -> None:
        """Bring the gauges up to date."""
        marks = marker.marks.values()
        codes = Counts(entry.code for each in marks for entry in each.quarantined)
        # Without what stands behind a condition's name: texts make too many series.
        reasons = Counts(" ".join(why.split(" ")[:2]) for each in marks for why in each.reasons)
        for gauge, counts in ((self._quarantined, codes), (self._closed, reasons)):
            gauge.clear()
            for reason, n in counts.items():
                gauge.labels(reason).set(n)
