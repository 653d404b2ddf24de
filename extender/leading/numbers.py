"""Metrics of who leads."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class LeadingNumbers:
    """The metrics of leading.

    Parameters
    ----------
    registry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._leads = Gauge(
            "bayplan_leading",
            "Whether this extender acts by itself, of all that share a Lease; alone it does.",
            registry=registry,
        )
        self._leads.set(1)
        self._binds = Gauge(
            "bayplan_leading_scheduler",
            "Whether pods may be bound here: the kube-scheduler beside it has its Lease.",
            registry=registry,
        )
        self._binds.set(1)
        self._begun = Counter(
            "bayplan_leading_begun", "Times that this extender began to lead.", registry=registry
        )
        self._failures = Counter(
            "bayplan_leading_failures",
            "Reads and writes of Leases that failed.",
            registry=registry,
        )

    def follow(self, leads: Callable[[], bool], binds: Callable[[], bool]) -> None:
        """Show what these return whenever it is asked for.

        Parameters
        ----------
        leads, binds
            Whether it acts by itself, and whether it binds.
        """
        self._leads.set_function(lambda: float(leads()))
        self._binds.set_function(lambda: float(binds()))

    def begun(self) -> None:
        """Count a begin."""
        self._begun.inc()

    def failed(self) -> None:
        """Count a failure."""
        self._failures.inc()
