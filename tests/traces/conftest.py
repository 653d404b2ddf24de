from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Write = Callable[..., str]


@pytest.fixture
def openb_dir() -> Path:
    """The folder of the published openb files; a run that requires them fails without."""
    data = Path(os.environ.get("BAYPLAN_DATA", ROOT.parent / "shared" / "data"))
    if (data / "openb").is_dir():
        return data / "openb"
    reason = f"no folder {data / 'openb'}; set BAYPLAN_DATA to the folder that has openb/"
    if os.environ.get("CI_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into an empty folder that is the working folder, and return its name."""
    monkeypatch.chdir(tmp_path)

    def written(content: str | bytes, name: str = "pods.csv") -> str:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return name

    return written
