"""One extender for the tests of this folder that change nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..controlplane.client import Client
from ..controlplane.cluster import clear
from ..controlplane.conftest import binaries, plane
from ..controlplane.plane import Plane
from .running import Extender, Setup, extender

__all__ = ["binaries", "plane"]


@pytest.fixture(scope="module")
def shared(plane: Plane, request: pytest.FixtureRequest) -> Iterator[Extender]:
    """Return an extender of the module's ``SETUP``; two would answer for the same pods."""
    setup = getattr(request.module, "SETUP", Setup())
    with extender(plane, request.module.__name__.rpartition(".")[2], setup) as running:
        yield running


@pytest.fixture
def client(plane: Plane) -> Iterator[Client]:
    """Return a client of an empty cluster; what a test makes goes when it ends."""
    yield plane.client
    clear(plane.client)
    plane.client.delete_all("Event", "default")  # of pods whose names others have next
