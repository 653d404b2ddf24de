"""What a sweep has done so far, a line a run, safe from being killed at any moment."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from bayplan.scheduler.errors import InputError
from bayplan.simulator.sweep.work import Row
from bayplan.traces.files import display


class Journal:
    """The file, open and locked: rows that are there, and the way to add one.

    A row that was added is on disk. Each line has a checksum: one that was cut short, or damaged,
    counts for nothing, and its run is done again.

    Parameters
    ----------
    path
        The file.
    descriptor
        It, open to append to.
    rows
        What stands in it, by the number of the run.
    """

    def __init__(self, path: Path, descriptor: int, rows: dict[int, Row]) -> None:
        self.path = path
        self.rows = rows
        self._descriptor = descriptor

    def add(self, row: Row) -> None:
        """Put a row on disk.

        Raises
        ------
        InputError
            It cannot be written, such as on a full disk.
        """
        try:
            data = memoryview(_line(row))
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}",
                file=display(self.path),
                fix="make room, and go on with --resume",
            ) from None
        self.rows[row.run] = row


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    """Open a journal, new or not, for one sweep at a time.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        Another sweep has it open, or it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        folder_to_disk(path.parent)
    except OSError as error:
        raise InputError(
            f"cannot be opened: {error.strerror}", file=display(path), fix="name another folder"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process
        except OSError:
            fix = "wait for it, or name another folder"
            raise InputError("another sweep is writing it", file=display(path), fix=fix) from None
        rows, whole = _read(path)
        os.ftruncate(descriptor, whole)  # what was cut short must not run into the next line
        yield Journal(path, descriptor, rows)
    finally:
        os.close(descriptor)


def folder_to_disk(folder: Path) -> None:
    """Wait until the names in a folder are on disk.

    Parameters
    ----------
    folder
        The folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rows_in(path: Path) -> dict[int, Row]:
    """Return the rows of a journal by their runs; none where there is no file.

    Parameters
    ----------
    path
        The file.
    """
    return _read(path)[0] if path.exists() else {}


def _read(path: Path) -> tuple[dict[int, Row], int]:
    """Return the rows, and how many bytes end with a whole line."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    found = (_row(line) for line in data[:whole].splitlines())
    return {row.run: row for row in found if row is not None}, whole


def _line(row: Row) -> bytes:
    text = _text([row.run, row.error, *row.figures])
    return f'{{"sum":"{crc32(text.encode()):08x}","row":{text}}}\n'.encode()


def _row(line: bytes) -> Row | None:
    try:
        number, error, *figures = json.loads(line)["row"]
        row = Row(int(number), str(error), tuple(figures))
        return row if line + b"\n" == _line(row) else None
    except (ValueError, KeyError, TypeError):
        return None


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
