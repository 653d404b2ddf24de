"""Some tests here need what is installed beside Bayplan: they say what, and have a mark."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

REQUIRED = "BAYPLAN_REQUIRE_EXTRAS"
"""Where this is set, what is not installed is a failure: nothing is left out unnoticed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("extra"):
            item.add_marker(pytest.mark.endtoend)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("extra"):
        extra, *modules = mark.args
        missing = [name for name in modules if find_spec(name) is None]
        if not missing:
            continue
        said = f"{', '.join(missing)} not installed: pip install 'bayplan[{extra}]'"
        if os.environ.get(REQUIRED):
            pytest.fail(said)
        pytest.skip(said)
