"""The whole extender with spans on: a call over HTTP is at the collector when it has ended."""

from __future__ import annotations

import http.client
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from bayplan.extender import serve
from extender_things import pod
from otlp_collector import collector, spans_in

from .api_support import PATIENCE_S, kubeconfig
from .stub_api import running, stub_with


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_ready(port: int) -> bool:
    try:
        return ask(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def test_the_last_spans_are_sent_at_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, answers = uuid4(), list[tuple[int, bytes]]()
    with running(stub_with()) as stub, collector() as (url, came):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")  # none before the stop
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        config = tmp_path / "extender.toml"
        path = kubeconfig(tmp_path, stub.url, {})
        config.write_text(f"server.port = {port}\napi.kubeconfig = '{path}'\ntracing.on = true\n")

        def call() -> None:
            end_s = time.monotonic() + PATIENCE_S
            while not is_ready(port) and time.monotonic() < end_s:
                time.sleep(0.05)
            try:
                args = {"Pod": pod("p", 1, uid=str(uid)), "NodeNames": ["nowhere"]}
                answers.append(ask(port, "POST", "/scheduler/filter", args))
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        calling = threading.Thread(target=call)
        calling.start()
        try:
            assert serve.serve(config) == 0
        finally:
            calling.join()
    assert [status for status, _ in answers] == [200]
    (span,) = spans_in(came)
    assert (span.name, span.trace_id) == ("filter", uid.bytes)
    assert span.status.code == Status.STATUS_CODE_UNSET
