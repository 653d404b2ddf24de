"""A collector on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Listen as a collector does; yield its URL, and the paths and bodies of what comes."""
    came: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            serving.join()


def spans_in(came: Sequence[tuple[str, bytes]]) -> list[Span]:
    """Return the spans of what came."""
    assert {path for path, _ in came} <= {"/v1/traces"}
    asked = [ExportTraceServiceRequest.FromString(body) for _, body in came]
    scopes = [scope for each in asked for of in each.resource_spans for scope in of.scope_spans]
    return [span for scope in scopes for span in scope.spans]
