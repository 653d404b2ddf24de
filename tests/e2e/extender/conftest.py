"""One extender for the tests of this folder that change nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..controlplane.client import Client
from ..controlplane.cluster import clear
from ..controlplane.conftest import binaries, plane
from ..controlplane.plane import Plane
from .running import Extender, extender

__all__ = ["binaries", "plane"]


@pytest.fixture(scope="session")
def shared(plane: Plane) -> Iterator[Extender]:
    with extender(plane, "extender") as running:
        yield running


@pytest.fixture
def client(plane: Plane) -> Iterator[Client]:
    """Return a client of an empty cluster; what a test makes goes when it ends."""
    yield plane.client
    clear(plane.client)
    assert Path(plane.folder).is_dir()
