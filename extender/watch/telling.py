"""What the watches tell Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

KIND = "kind"


class Counters:
    """Counters and gauges of the watches.

    Parameters
    ----------
    registry
        Where they are registered.
    kinds
        The names of the kinds.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        kinds: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self.synced: dict[str, bool] = dict.fromkeys(kinds, False)
        self.absent: dict[str, bool] = dict.fromkeys(kinds, False)
        self._heard: dict[str, float] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"bayplan_watch_{name}", text, labels, registry=registry)

        self.events = counter("events", "Events that watches brought, by their type", KIND, "type")
        self.listed = counter("listed", "Objects that lists brought", KIND)
        self.relists = counter("relists", "Lists that were read again, and why", KIND, "why")
        self.reconnects = counter("reconnects", "Watches that were opened again", KIND)
        self.failures = counter("failures", "Requests and streams that failed", KIND)
        self.sink_errors = counter("sink_errors", "Changes that were not taken over: bugs")
        registry.register(self)

    def hear(self, kind: str) -> None:
        """Take note of a sign of life.

        Parameters
        ----------
        kind
            Of which kind.
        """
        self._heard[kind] = self._clock()

    def stale_s(self, kind: str) -> float:
        """Return the seconds since a page, event, bookmark or opening; infinite before the first.

        Parameters
        ----------
        kind
            Of which kind.
        """
        heard = self._heard.get(kind)
        return float("inf") if heard is None else self._clock() - heard

    def close(self) -> None:
        """Take the metrics out of the registry."""
        for each in (
            self, self.events, self.listed, self.relists, self.reconnects, self.failures,
            self.sink_errors,
        ):  # fmt: skip
            self._registry.unregister(each)

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges as they are now."""
        synced = GaugeMetricFamily(
            "bayplan_watch_synced", "Whether what is known of a kind is complete", labels=[KIND]
        )
        stale = GaugeMetricFamily(
            "bayplan_watch_stale_seconds",
            "Since the last page, event, bookmark or opening of a watch",
            labels=[KIND],
        )
        for kind, known in self.synced.items():
            synced.add_metric([kind], float(known))
            if kind in self._heard and not self.absent[kind]:
                stale.add_metric([kind], self.stale_s(kind))
        yield synced
        yield stale
