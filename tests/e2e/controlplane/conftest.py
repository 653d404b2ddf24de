"""A control plane for the tests here, once for all of them, and things that go when a test ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from . import build, modules
from .client import Client
from .cluster import clear
from .plane import Plane, running
from .toolchain import Missing

REQUIRED = "BAYPLAN_REQUIRE_CONTROLPLANE"
"""Where this is set, a control plane that cannot be had is a failure: nothing is left out."""


@pytest.fixture(scope="session")
def binaries() -> dict[str, Path]:
    missing = [name for name in ("kubernetes", "trustme") if find_spec(name) is None]
    if missing:
        _cannot(f"{', '.join(missing)} not installed: pip install 'bayplan[e2e]'")
    try:
        return build.binaries(modules.wanted())
    except (Missing, ValueError) as problem:
        _cannot(str(problem))


def tool(command: str) -> Path:
    """Return what is run beside a control plane; skip or fail where it is not built."""
    try:
        return build.tool(command)
    except Missing as problem:
        _cannot(str(problem))


def _cannot(why: str) -> NoReturn:
    if os.environ.get(REQUIRED):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def plane(binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(binaries, tmp_path_factory.mktemp("controlplane") / "plane") as started:
        yield started


@pytest.fixture
def client(plane: Plane) -> Iterator[Client]:
    """Return a client of an empty cluster; what a test makes goes when it ends."""
    yield plane.client
    clear(plane.client)
