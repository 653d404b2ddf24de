"""A top-level folder is named in three places; none of them may be forgotten."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "bayplan"
NOT_SHIPPED = {"src", "tests", "bench"}


def hatch() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    targets: dict[str, Any] = settings["tool"]["hatch"]["build"]["targets"]
    return targets


def folders_with_code() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_SHIPPED


def links() -> set[str]:
    return {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_every_folder_has_a_link_to_itself() -> None:
    assert links() == folders_with_code()
    for name in links():
        assert (PACKAGE / name).is_symlink()
        assert (PACKAGE / name).readlink() == Path("..", "..", name)


def test_the_wheel_maps_every_folder_into_the_package() -> None:
    wheel = hatch()["wheel"]
    folders = {name: f"bayplan/{name}" for name in folders_with_code()}
    assert wheel["sources"] == {"src": ""} | folders


def test_wheel_and_sdist_ship_every_folder_and_every_file_of_the_package() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in PACKAGE.iterdir() if path.is_file()}
    wheel, sdist = hatch()["wheel"]["only-include"], hatch()["sdist"]["only-include"]
    assert set(wheel) == folders_with_code() | files
    assert set(wheel) | {"tests"} <= set(sdist)
    for included in (wheel, sdist):
        assert len(set(included)) == len(included)
