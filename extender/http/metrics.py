"""What is counted of HTTP calls."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIZES_BYTES = (1e3, 1e4, 1e5, 1e6, 1e7, 3.2e7)


class HttpMetrics:
    """The metrics of the HTTP server.

    Labels are names of routes and status codes, so that no client can make up new series.

    Parameters
    ----------
    registry
        Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latency = Histogram(
            "bayplan_extender_call_seconds",
            "Time from a request's headers to the end of its reply.",
            ["verb"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.requests = Counter(
            "bayplan_extender_requests",
            "Requests answered, by HTTP status.",
            ["verb", "code"],
            registry=registry,
        )
        self.errors = Counter(
            "bayplan_extender_errors",
            "Calls with status 200 whose reply is an error, or that failed inside.",
            ["verb", "kind"],
            registry=registry,
        )
        self.received = Histogram(
            "bayplan_extender_request_bytes",
            "Sizes of the bodies received.",
            ["verb"],
            buckets=SIZES_BYTES,
            registry=registry,
        )
        self.sent = Histogram(
            "bayplan_extender_reply_bytes",
            "Sizes of the bodies sent.",
            ["verb"],
            buckets=SIZES_BYTES,
            registry=registry,
        )
        self.in_flight = Gauge(
            "bayplan_extender_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
        )


class TlsMetrics:
    """The metrics of the server's certificate, and of those of clients.

    Parameters
    ----------
    registry
        Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.expires = Gauge(
            "bayplan_extender_certificate_expiry_seconds",
            "When the server's certificate ends, in seconds since 1970.",
            registry=registry,
        )
        self.reloads = Counter(
            "bayplan_extender_certificate_reloads",
            "Times that changed certificate files were read, by result (ok, failed).",
            ["result"],
            registry=registry,
        )
        for result in ("ok", "failed"):
            self.reloads.labels(result)
        self.refused = Counter(
            "bayplan_extender_client_certificates_refused",
            "Connections that were refused for the client's certificate, by what is wrong with it.",
            ["why"],
            registry=registry,
        )
