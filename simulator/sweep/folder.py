"""A sweep's folder: what it is made from, as a digest of every input, and what is done of it."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayplan import __version__
from bayplan.scheduler.errors import InputError
from bayplan.simulator.sweep.journal import folder_to_disk
from bayplan.simulator.sweep.plan import MISSING, Plan
from bayplan.traces.files import display, read_text

SCHEMA = "bayplan.sweep/1"
ABOUT = "sweep.json"
JOURNAL = "journal.jsonl"


def about(plan: Plan) -> dict[str, Any]:
    """Return what a folder says of its sweep: the same for the same inputs.

    Parameters
    ----------
    plan
        The runs.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": dict(plan.inputs),
        "keys": list(plan.keys),
        "seeds": list(plan.grid.seeds),
        "metrics": list(plan.grid.metrics),
        "runs": plan.size,
    }


def begin(folder: Path, plan: Plan) -> None:
    """Make the folder of a sweep, whole or not at all.

    Parameters
    ----------
    folder
        The folder, which must not be there yet, or be empty.
    plan
        The runs.

    Raises
    ------
    InputError
        It is there, or cannot be made.
    """
    shown = display(folder)
    part = folder.with_name(f".{uuid.uuid4().hex}.part") if folder.name else folder
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError("this is not a folder", file=shown, fix="name another one")
        if folder.is_dir() and any(folder.iterdir()):
            problem, fix = "the folder is not empty", "name a new one"
            if (folder / ABOUT).is_file():
                problem, fix = "a sweep is there", "go on with --resume, or name a new folder"
            raise InputError(problem, file=shown, fix=fix)
        if not folder.parent.is_dir():
            parent = display(folder.parent)
            fix = f"make it with mkdir -p {parent}"
            raise InputError(f"there is no folder {parent}", file=shown, fix=fix)
        part.mkdir()
        _write(part / ABOUT, json.dumps(about(plan), indent=1) + "\n")
        part.replace(folder)
        folder_to_disk(folder.parent)
    except OSError as error:
        problem = f"cannot be made: {error.strerror}"
        raise InputError(problem, file=shown, fix="name another folder") from None
    finally:
        if part != folder:
            shutil.rmtree(part, ignore_errors=True)


def check_unchanged(folder: Path, plan: Plan) -> None:
    """Check that a folder is of a sweep of the very same inputs.

    Parameters
    ----------
    folder
        The folder.
    plan
        What is to be gone on with.

    Raises
    ------
    InputError
        It is not.
    """
    before, now = read_about(folder), about(plan)
    new = "put it back, or start anew in another folder"
    was, are = _digests(before), now["inputs"]
    for name in [*was, *(name for name in are if name not in was)]:
        if was.get(name) == are.get(name):
            continue
        if name not in was:
            problem = f"{name} was not read when the sweep began"
        elif name not in are:
            problem = f"{name} was read when the sweep began, and is not now"
        elif are[name] == MISSING:
            problem = f"{name} is missing"
        else:
            problem = f"{name} has changed since the sweep began"
        raise InputError(problem, file=display(folder), fix=new)
    for key in ("version", *now):
        if before.get(key) != now[key]:
            problem = f"the sweep began with {key} {before.get(key)!r}, and this is {now[key]!r}"
            raise InputError(problem, file=display(folder), fix="start anew in another folder")


def read_about(folder: Path) -> dict[str, Any]:
    """Return what a folder says of its sweep.

    Parameters
    ----------
    folder
        The folder.

    Raises
    ------
    InputError
        There is no sweep in it.
    """
    path = folder / ABOUT
    if not folder.is_dir() or not path.is_file():
        raise InputError("no sweep is there", file=display(folder), fix="name its folder")
    try:
        found = json.loads(read_text(path))
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        fix = "it says nothing that this version can read: start anew in another folder"
        raise InputError(f"no {SCHEMA}", file=display(path), fix=fix)
    return found


def _digests(found: Mapping[str, Any]) -> dict[str, str]:
    inputs = found.get("inputs")
    return dict(inputs) if isinstance(inputs, dict) else {}


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
