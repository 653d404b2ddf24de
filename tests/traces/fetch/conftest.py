from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import Files, Server


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return Files()


@pytest.fixture
def server(files: Files) -> Iterator[Server]:
    with Server(files) as running:
        yield running
