from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the published traces and figures; a run that requires it fails without."""
    folder = Path(os.environ.get("BAYPLAN_DATA", ROOT.parent / "shared" / "data"))
    if (folder / "muri_philly").is_dir() and (folder / "gavel").is_dir():
        return folder
    reason = f"no published schedules in {folder}; set BAYPLAN_DATA"
    if os.environ.get("CI_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
