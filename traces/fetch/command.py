"""What ``bayplan traces fetch`` does: lists public traces, and downloads them into a folder."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bayplan.scheduler.errors import InputError
from bayplan.traces.console import console
from bayplan.traces.fetch.download import TRIES, Progress, Tries, download
from bayplan.traces.fetch.sources import SOURCES, RemoteFile, Source, source_of
from bayplan.traces.fetch.sums import SUMS, read_sums, sum_of, write_sums
from bayplan.traces.files import display

KB, MB, GB = 10**3, 10**6, 10**9


def list_sources() -> None:
    """Print the public traces: name, files, size, licence, and a line about each."""
    table = Table(box=None, pad_edge=False, header_style="")
    for heading, justify in (("name", "left"), ("size", "right"), ("licence", "left")):
        table.add_column(heading, justify=justify, no_wrap=heading != "licence")  # type: ignore[arg-type]
    table.add_column("what it is")
    for name, source in SOURCES.items():
        table.add_row(name, _size(source), source.licence, source.summary)
    console().print(table)


def fetch(name: str, to: Path | None = None, *, tries: Tries = TRIES) -> None:
    """Download a public trace.

    Parameters
    ----------
    name
        The trace.
    to
        The folder, made if it is not there; None for one named like the trace.
    tries
        How often a file is asked for, and how long.

    Raises
    ------
    InputError
        There is no such trace, it cannot be had, or it is not what it should be.
    """
    source = source_of(name)
    folder = Path(name) if to is None else to
    made = _make(folder)
    screen = Console(soft_wrap=True, highlight=False, markup=False)
    try:
        sums = read_sums(folder)
        for file in source.files:
            said = _fetch_file(replace(file, page=source.page), folder, sums, tries)
            screen.print(f"{display(folder / file.name)}: {said}")
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # where nothing came
    screen.print(f"{name}: licence {source.licence}; {source.page}")
    if source.then:
        screen.print(f"then, in {display(folder)}: {source.then}")


def _fetch_file(file: RemoteFile, folder: Path, sums: dict[str, str], tries: Tries) -> str:
    """Download one file if it is not there; record its checksum; return what was done."""
    target = folder / file.name
    expected = file.sha256 or sums.get(file.name, "")
    whose = "as published" if file.sha256 else f"as in {SUMS}" if expected else f"now in {SUMS}"
    if target.exists():
        found = sum_of(target)
        if expected and found != expected:
            problem = f"its checksum is not {expected[:12]}..., {whose}"
            fix = "remove it to download it again"
            raise InputError(problem, file=display(target), fix=fix)
        done = "is there already"
    else:
        _check_room(file, folder)
        with _shown(file.name) as progress:
            found = download(file, target, expected, progress=progress, tries=tries)
        done = f"{target.stat().st_size:,} bytes"
    if sums.get(file.name) != found:
        sums[file.name] = found
        write_sums(folder, sums)
    return f"{done}, checksum {whose}"


def _make(folder: Path) -> bool:
    """Make a folder where there is none; return whether it was made."""
    if folder.is_dir():
        return False
    try:
        folder.mkdir()
    except FileNotFoundError:
        fix = f"make it with mkdir -p {display(folder.parent)}"
        problem = f"there is no folder {display(folder.parent)}"
        raise InputError(problem, file=display(folder), fix=fix) from None
    except FileExistsError:
        raise InputError(
            "this is no folder", file=display(folder), fix="name another as --to"
        ) from None
    except OSError as error:
        problem = f"cannot be made: {error.strerror or error}"
        raise InputError(problem, file=display(folder), fix="name another as --to") from None
    return True


def _check_room(file: RemoteFile, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if (size := file.size or file.about) > free:
        problem = f"{file.name} has {_bytes(size)}, and there is room for {_bytes(free)}"
        raise InputError(problem, file=display(folder), fix="name another folder as --to")


@contextlib.contextmanager
def _shown(name: str) -> Iterator[Progress]:
    """Show a line of progress while something is downloaded, where a person looks on."""
    if not sys.stderr.isatty():
        yield lambda have, size: None
        return
    from rich import progress as shown

    columns = (
        shown.TextColumn("{task.description}"),
        shown.BarColumn(bar_width=20),
        shown.DownloadColumn(),
        shown.TransferSpeedColumn(),
        shown.TimeRemainingColumn(),
    )
    with shown.Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda have, size: bar.update(task, completed=have, total=size)


def _size(source: Source) -> str:
    known = [file.size or file.about for file in source.files]
    if not all(known):
        return f"{len(known)} files" if len(known) > 1 else "unknown"
    about = "" if all(file.size for file in source.files) else "~"
    return about + _bytes(sum(known))


def _bytes(number: int) -> str:
    for unit, name in ((GB, "GB"), (MB, "MB"), (KB, "kB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number} B"
