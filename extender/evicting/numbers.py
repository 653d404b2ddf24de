"""Metrics of evictions for gangs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from bayplan.extender.evicting.machine import Machine
from bayplan.extender.evicting.news import Result
from bayplan.extender.service.evictions import Eviction


class EvictingNumbers:
    """The metrics of the evictor; with it off they stay without values.

    Parameters
    ----------
    registry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._evictions = Counter(
            "bayplan_gang_evictions",
            "Evictions for gangs that found no room, by result.",
            ["result"],
            registry=registry,
        )
        self._helped = Counter(
            "bayplan_gangs_helped",
            "Gangs that others were evicted for, or could not be, by how it went on.",
            ["result"],
            registry=registry,
        )
        self._short = Gauge(
            "bayplan_gangs_without_room",
            "Gangs that are complete and find no room, with preemption.evict.",
            registry=registry,
        )
        self._leaving = Gauge(
            "bayplan_gang_victims", "Pods that leave for a gang, or are to.", registry=registry
        )

    def evicted(self, result: Eviction) -> None:
        """Count an eviction."""
        self._evictions.labels(result.value).inc()

    def told(self, result: Result) -> None:
        """Count how it went on for a gang."""
        self._helped.labels(result.value).inc()

    def look_at(self, machine: Machine) -> None:
        """Bring the gauges up to date."""
        now = machine.help
        self._short.set(machine.n_short)
        rests = sum(len(each.left) for each in machine.rests)
        self._leaving.set(rests + (0 if now is None else len(now.left) + len(now.told)))
