"""What is counted of gRPC calls."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bayplan.extender.http.metrics import BUCKETS_S


class RpcMetrics:
    """The metrics of the gRPC server; labels are names of methods and statuses.

    Parameters
    ----------
    registry
        Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._latency = Histogram(
            "bayplan_rpc_seconds",
            "Time that gRPC calls took; streams from their first message to their end.",
            ["method"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._calls = Counter(
            "bayplan_rpc_calls", "gRPC calls answered, by status.", ["method", "code"],
            registry=registry,
        )  # fmt: skip
        self.rooms = Gauge(
            "bayplan_rpc_rooms", "Uids that clients have committed room for.", registry=registry
        )
        self.watches = Gauge(
            "bayplan_rpc_watches", "Clients that watch decisions.", registry=registry
        )

    def of(self, method: str) -> MethodMetrics:
        """Return the metrics of a method."""
        return MethodMetrics(self._latency, self._calls, method)


class MethodMetrics:
    """The metrics of one method.

    Parameters
    ----------
    latency, calls
        Those of all.
    method
        Its name.
    """

    def __init__(self, latency: Histogram, calls: Counter, method: str) -> None:
        self._latency, self._ok = latency.labels(method), calls.labels(method, "OK")
        self._calls, self._method = calls, method

    def answered(self, seconds: float) -> None:
        """Count a call that was answered."""
        self._ok.inc()
        self._latency.observe(seconds)

    def failed(self, code: str, seconds: float) -> None:
        """Count a call that came to nothing."""
        self._calls.labels(self._method, code).inc()
        self._latency.observe(seconds)
