from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

Published = Callable[[str], Path]


@pytest.fixture
def published() -> Published:
    """A published job list by its path; a run that requires the data fails without."""

    def found(path: str) -> Path:
        data = Path(os.environ.get("BAYPLAN_DATA", ROOT.parent / "shared" / "data"))
        if (data / path).is_file():
            return data / path
        reason = f"no file {data / path}; set BAYPLAN_DATA to the folder that has it"
        if os.environ.get("CI_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)

    return found
