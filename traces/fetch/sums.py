"""The checksums of a folder, in the form that ``sha256sum -c`` reads.

A file that nobody states a checksum of is recorded when it is downloaded first, and held to that
record from then on.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.traces.files import display, read_text, write_text

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def read_sums(folder: Path) -> dict[str, str]:
    """Return the checksums that a folder records, by file.

    Parameters
    ----------
    folder
        The folder; one without a record has none.

    Raises
    ------
    InputError
        The record cannot be read, or a line of it is none.
    """
    path = folder / SUMS
    if not path.exists():
        return {}
    found = {}
    for row, line in enumerate(read_text(path).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            fix = "write it as sha256sum does, or remove the file"
            raise InputError("this is no checksum and name", file=display(path), row=row, fix=fix)
        found[match[2]] = match[1]
    return found


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    """Record the checksums of a folder, whole or not at all.

    Parameters
    ----------
    folder
        The folder.
    sums
        Checksums by file.

    Raises
    ------
    InputError
        The record cannot be written.
    """
    write_text(folder / SUMS, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise InputError(problem, file=display(path), fix="check the path") from None
