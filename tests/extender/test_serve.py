"""The parts put together: what fails in one of them is told, and the others end all the same."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
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


def test_a_start_that_fails_is_told_at_once_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failed, stopped = threading.Event(), list[str]()

    def fails(policy: str) -> None:
        failed.set()
        raise OSError("no folder for compiled kernels")

    async def stop(watches: object) -> None:
        stopped.append("watches")

    monkeypatch.setattr(serve, "warm", fails)
    monkeypatch.setattr(Watches, "stop", stop)
    with running(stub_with()) as stub:
        config = configured(tmp_path, stub.url)
        said = list[str]()

        def until_told() -> None:
            failed.wait(PATIENCE_S)
            end_s = time.monotonic() + PATIENCE_S
            while "has failed" not in "".join(said) and time.monotonic() < end_s:
                said.append("".join(capfd.readouterr()))
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)

        waiting = threading.Thread(target=until_told)
        waiting.start()
        try:
            assert serve.serve(config) == 0
        finally:
            waiting.join()
    told = [json.loads(line) for line in "".join(said).splitlines() if "has failed" in line]
    assert [each["message"] for each in told] == ["a part of the extender has failed"]
    assert "no folder for compiled kernels" in told[0]["traceback"]
    assert stopped == ["watches"]
