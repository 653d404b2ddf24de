"""A real kube-scheduler calls the recorder as the recordings in tests/extender/recorded say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from . import modules
from .plane import Plane
from .record import FORMS, HERE, recorded, write

pytestmark = pytest.mark.controlplane


@pytest.mark.parametrize("form", FORMS)
def test_the_recordings_are_what_this_version_sends(
    plane: Plane, form: str, tmp_path: Path
) -> None:
    calls = recorded(plane, form)
    write(calls, form, tmp_path)
    folder = HERE / modules.wanted()
    assert shapes(tmp_path, form) == shapes(folder, form)


def shapes(folder: Path, form: str) -> dict[str, set[str]]:
    """Return the paths of all values in the requests of each verb, without numbers and names."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.glob(f"{form}-*.json")):
        request = json.loads(path.read_text(encoding="utf-8"))["request"]
        _walk(request, "", found.setdefault(path.stem.rpartition("-")[2], set()))
    return found


FREE = ("NodeNameToVictims", "NodeNameToMetaVictims", "labels", "annotations", "managedFields")
"""What has names of ours, or of who wrote first, for keys."""


def _walk(value: object, path: str, found: set[str]) -> None:
    if isinstance(value, dict) and not path.endswith(FREE):
        for key, inner in value.items():
            _walk(inner, f"{path}.{key}", found)
    elif isinstance(value, dict) and path.endswith(FREE[:2]):
        for inner in value.values():
            _walk(inner, f"{path}.*", found)
    elif isinstance(value, list) and not path.endswith(FREE):
        for inner in value:
            _walk(inner, f"{path}[]", found)
    else:
        found.add(f"{path} {type(value).__name__}")
