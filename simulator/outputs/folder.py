"""A run's folder: written whole or not at all, and nobody else's files touched."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.metrics import Summary
from bayplan.simulator.outputs.parquet import jobs_bytes, series_bytes
from bayplan.simulator.outputs.report import SCHEMA, as_json
from bayplan.traces.files import PathLike, display
from bayplan.traces.jobs import JobTable

SUMMARY = "summary.json"
STINTS = "stints.parquet"
NODES = "nodes.parquet"
AWAY = "away.parquet"
JOBS = "jobs.parquet"
SERIES = "timeseries.parquet"
SERVICES = "services.parquet"
FILES = (JOBS, SERIES, SUMMARY)

Make = Callable[[Path], Iterable[bytes]]
"""Makes a file, piece by piece, and may read those that are given whole in the folder it is for."""


def write_outputs(
    folder: PathLike,
    outcome: Outcome,
    jobs: JobTable,
    summary: Summary,
    settings: Mapping[str, Any],
    *,
    more: Mapping[str, bytes | Make] | None = None,
    facts: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write ``summary.json``, ``jobs.parquet`` and ``timeseries.parquet``: same run, same bytes.

    A new folder appears whole or not at all. In one that holds an earlier run, that run's files
    are replaced; ``summary.json`` goes first and comes last, so a folder that has it is whole.
    Other files stay as they are.

    Parameters
    ----------
    folder
        The folder; what it lies in must be there.
    outcome, jobs, summary
        The run.
    settings
        How it was made, for ``summary.json``.
    more
        Further files of the run by name, such as pictures: their bytes, or what makes them.
    facts
        What else is known of the run, for ``summary.json``.
    force
        Whether to write into a folder that holds other things than an earlier run.

    Raises
    ------
    InputError
        The folder cannot be written, or holds other things.
    """
    target = _target(folder)
    earlier = usable(folder, names=(*FILES, *(more or ())), force=force)
    contents: dict[str, bytes | Make] = {
        JOBS: jobs_bytes(jobs, outcome.jobs),
        SERIES: series_bytes(outcome.series),
        **(more or {}),
    }
    text = as_json(summary, settings, [*contents, SUMMARY], facts)
    contents[SUMMARY] = text.encode("utf-8")  # last, in every order of names
    target = target.resolve() if target.is_symlink() else target
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        _fill(part, contents)
        if target.is_dir() and (any(target.iterdir()) or target.samefile(Path.cwd())):
            _exchange(part, target, earlier, list(contents))
        else:
            part.replace(target)  # takes the place of an empty folder too
    except OSError as error:
        raise _cannot_write(folder, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def usable(
    folder: PathLike,
    *,
    names: Sequence[str] = FILES,
    read: Sequence[Path] = (),
    force: bool = False,
) -> tuple[str, ...]:
    """Check that a folder can take a run, before the run is made.

    Parameters
    ----------
    folder
        The folder.
    names
        The files that will be written into it.
    read
        Files that the run reads, which must not be among those, nor among an earlier run's.
    force
        Whether it may hold other things than an earlier run.

    Returns
    -------
    The names of the earlier run's files in it.

    Raises
    ------
    InputError
        It cannot be used, holds other things, or an input that would be replaced.
    """
    target = _target(folder)
    try:
        if not target.name:
            raise NotADirectoryError
        if not target.parent.is_dir():
            raise FileNotFoundError
        with suppress(FileNotFoundError):
            target.lstat()  # raises where no file can have the name, which exists() does not
        if not target.exists():
            return ()
        present = sorted(entry.name for entry in target.iterdir())
        earlier = _earlier(target) if SUMMARY in present else None
        replaced = dict.fromkeys((*names, *(earlier or ())))
        folders = [name for name in replaced if _is_folder(target / name)]
        inputs = [name for name in replaced if _is_read(target / name, read)]
    except (OSError, ValueError) as error:
        raise _cannot_write(folder, error) from None
    if present and earlier is None and not force:
        raise InputError(
            f"the folder holds other things, such as {display(present[0])}",
            file=display(folder),
            fix="name a new folder, or write into it with --force",
        )
    if inputs:
        path = display(Path(folder) / inputs[0])
        raise InputError("this file is read as input", file=path, fix="write to another folder")
    if folders:
        path = display(Path(folder) / folders[0])
        raise InputError("this is a folder, and a file is to be there", file=path, fix="rename it")
    return earlier or ()


def _target(folder: PathLike) -> Path:
    """Return the folder by a path that ends in its name, which ``.`` and ``..`` do not."""
    path = Path(folder)
    return path if path.name not in ("", os.pardir) else path.resolve()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_read(path: Path, read: Sequence[Path]) -> bool:
    """Whether a file that will be replaced is read, by its own name or through a link to it."""
    place = path.parent.resolve() / path.name
    return any(place in (each.resolve(), each.parent.resolve() / each.name) for each in read)


def _earlier(target: Path) -> tuple[str, ...] | None:
    """Return the names of the files of the run that a folder holds; None where it holds none."""
    try:
        report = json.loads((target / SUMMARY).read_bytes())
    except ValueError:
        return None
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        return None
    names = report.get("files")
    if not isinstance(names, list):
        return None
    # Names only: what a file says must not reach out of the folder.
    return tuple(
        name
        for name in names
        if isinstance(name, str) and name not in ("", os.pardir) and Path(name).name == name
    )


def _fill(part: Path, contents: Mapping[str, bytes | Make]) -> None:
    part.mkdir()
    # What is made may read what is given.
    for name, data in sorted(contents.items(), key=lambda item: callable(item[1])):
        with (part / name).open("xb") as stream:
            for piece in data(part) if callable(data) else (data,):
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())


def _exchange(part: Path, target: Path, earlier: tuple[str, ...], names: list[str]) -> None:
    """Move files into a folder in use; all are on disk beside it, so only names change."""
    (target / SUMMARY).unlink(missing_ok=True)
    for name in earlier:
        (target / name).unlink(missing_ok=True)
    for name in names:
        (part / name).replace(target / name)


def _cannot_write(folder: PathLike, error: OSError | ValueError) -> InputError:
    shown, parent = display(folder), display(Path(folder).parent)
    match error:
        case FileNotFoundError():
            fix = f"make it with mkdir -p {parent}"
            return InputError(f"there is no folder {parent}", file=shown, fix=fix)
        case NotADirectoryError() | FileExistsError():
            return InputError("this is not a folder", file=shown, fix="name another folder")
        case PermissionError():
            fix = "name a folder that you may write into"
            return InputError("no permission to write into it", file=shown, fix=fix)
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(f"cannot be used: {said}", file=shown, fix="check the path")
