"""The SDK of OpenTelemetry: where spans go, and which, by the standard variables ``OTEL_*``.

Source: OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from bayplan import __version__
from bayplan.extender.tracing.ids import spread
from bayplan.extender.tracing.spans import Spans

LOG = logging.getLogger("bayplan.extender.tracing")

NAME = "bayplan-extender"
"""``service.name``, where no variable says another."""


class PodIds(RandomIdGenerator):
    """Random ids of spans; a trace has the id that was told last. See ``ids.NextTrace``."""

    def __init__(self) -> None:
        self.trace_id = super().generate_trace_id()

    def generate_trace_id(self) -> int:
        """Return the id of the trace."""
        return self.trace_id

    def is_trace_id_random(self) -> bool:
        """Say that others must not take ids for random."""
        return False


class Spread(Sampler):
    """Samples as another sampler does, by ids that are even. See ``ids.spread``."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return whether a span is recorded."""
        return self._sampler.should_sample(
            parent_context, spread(trace_id), name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Return the name of the sampler."""
        return self._sampler.get_description()


class Provider:
    """Makes spans and sends them, beside the event loop.

    Parameters
    ----------
    processor
        Takes spans that have ended; None: sends them by OTLP over HTTP.

    Attributes
    ----------
    spans
        Makes the spans.

    Raises
    ------
    ValueError, OSError
        A variable ``OTEL_*`` cannot be used.
    """

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        ids = PodIds()
        self._provider = TracerProvider(
            resource=_resource(), id_generator=ids, shutdown_on_exit=False
        )
        self._provider.sampler = Spread(self._provider.sampler)
        self._provider.add_span_processor(processor or BatchSpanProcessor(_exporter()))
        self.spans = Spans(self._provider.get_tracer("bayplan.extender", __version__), ids)

    def close(self, limit_s: float) -> None:
        """Send what is left, if that takes no longer than a limit."""
        # The SDK waits for half a minute, and an exporter that tries again has no limit at all.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(limit_s)
        if closing.is_alive():
            LOG.warning("the last spans were not sent in time", extra={"seconds": limit_s})


class _Headers(logging.Filter):
    """Holds back what the SDK logs of headers that it cannot read: the header, with its token."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = False

    def filter(self, record: logging.LogRecord) -> bool:
        self.refused = True
        return False


def _exporter() -> OTLPSpanExporter:
    headers, parser = _Headers(), logging.getLogger("opentelemetry.util.re")
    parser.addFilter(headers)
    try:
        exporter = OTLPSpanExporter()
    finally:
        parser.removeFilter(headers)
    if headers.refused:
        raise ValueError("a header of OTEL_EXPORTER_OTLP_HEADERS is not written as name=value")
    return exporter


def _resource() -> Resource:
    """Return who we are: as ``OTEL_SERVICE_NAME`` or ``OTEL_RESOURCE_ATTRIBUTES`` say."""
    said = Resource.create()
    own: dict[str, str] = {SERVICE_VERSION: __version__}
    if str(said.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):  # the SDK's
        own[SERVICE_NAME] = NAME
    return said.merge(Resource(own))
