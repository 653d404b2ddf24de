"""The parts put together: what fails in one of them is told, and the others end all the same."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan.extender import serve
from bayplan.extender.watch import Watches

from .api_support import PATIENCE_S, kubeconfig
from .stub_api import running, stub_with


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def configured(folder: Path, url: str) -> Path:
    """Write a configuration for an API server and a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    config = folder / "extender.toml"
    path = kubeconfig(folder, url, {})
    config.write_text(f"server.port = {port}\napi.kubeconfig = '{path}'\n")
    return config


def test_the_end_does_not_wait_for_kernels_that_are_being_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, ended = threading.Event(), threading.Event(), list[str]()

    def compiles(policy: str) -> None:
        begun.set()
        go.wait(PATIENCE_S)
        ended.append("kernels")

    def until_begun() -> None:
        begun.wait(PATIENCE_S)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(serve, "warm", compiles)
    with running(stub_with()) as stub:
        config = configured(tmp_path, stub.url)
        waiting = threading.Thread(target=until_begun)
        waiting.start()
        try:
            assert serve.serve(config) == 0
            assert ended == []
        finally:
            go.set()
            waiting.join()


class Told(logging.Handler):
    """Keeps what is logged; reading what was printed meanwhile might lose a line."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records = list[logging.LogRecord]()
        self.some = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.some.set()


def test_a_start_that_fails_is_told_at_once_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, stopped = Told(), list[str]()

    def fails(policy: str) -> None:
        raise OSError("no folder for compiled kernels")

    async def stop(watches: object) -> None:
        stopped.append("watches")

    def until_told() -> None:
        told.some.wait(PATIENCE_S)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(serve, "warm", fails)
    monkeypatch.setattr(Watches, "stop", stop)
    serve.LOG.addHandler(told)
    with running(stub_with()) as stub:
        config = configured(tmp_path, stub.url)
        waiting = threading.Thread(target=until_told)
        waiting.start()
        try:
            assert serve.serve(config) == 0
        finally:
            waiting.join()
            serve.LOG.removeHandler(told)
    (record,) = told.records
    assert record.getMessage() == "a part of the extender has failed"
    assert record.exc_info is not None
    assert "no folder for compiled kernels" in str(record.exc_info[1])
    assert stopped == ["watches"]
