"""Spans about pods, by the API of OpenTelemetry alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from bayplan.extender.service.calls import PodName
from bayplan.extender.tracing.ids import NextTrace, trace_id_of

# Names by OpenTelemetry's semantic conventions ("Kubernetes" resources); others have our prefix.
POD, NAMESPACE, UID, NODE = "k8s.pod.name", "k8s.namespace.name", "k8s.pod.uid", "k8s.node.name"
GANG, DRY = "bayplan.gang", "bayplan.dry_run"
CANDIDATES, PASSED, REFUSED = "bayplan.candidates", "bayplan.passed", "bayplan.refused"

GIVEN_UP = "the call was given up"


class Spans:
    """Makes the spans, on one event loop.

    Parameters
    ----------
    tracer
        Makes spans; those without a parent get the id of their trace from ``ids``.
    ids
        Is told the trace before each.
    """

    def __init__(self, tracer: Tracer, ids: NextTrace) -> None:
        self._tracer, self._ids = tracer, ids

    @contextmanager
    def about(
        self, name: str, pod: PodName, gang: str = "", kind: SpanKind = SpanKind.SERVER
    ) -> Iterator[Span]:
        """Let what is done be a span in the pod's trace; an exception is its error.

        Parameters
        ----------
        name
            What is done.
        pod
            The pod.
        gang
            Its gang; empty: none is known.
        kind
            Whether we are asked, or ask.
        """
        self._ids.trace_id = trace_id_of(pod.uid or pod.key)
        about = {POD: pod.name, NAMESPACE: pod.namespace, UID: pod.uid} | (
            {GANG: gang} if gang else {}
        )
        making = self._tracer.start_as_current_span(
            name, kind=kind, attributes=about, record_exception=False
        )
        with making as span:
            try:
                yield span
            except asyncio.CancelledError:  # no ``Exception``: the API leaves it out
                fail(span, GIVEN_UP)
                raise


def fail(span: Span, why: str) -> None:
    """Let a span be an error."""
    span.set_status(Status(StatusCode.ERROR, why))
