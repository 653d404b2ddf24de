"""Bytes in and out: plain or gzip, one-line errors, and nothing half-written."""

from __future__ import annotations

import difflib
import gzip
import io
import os
import tarfile
import uuid
import zlib
from contextlib import suppress
from pathlib import Path

from bayplan.scheduler.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
TAR_MAGIC, TAR_MAGIC_AT, TAR_BLOCK = b"ustar", 257, 512
UTF8_BOM = b"\xef\xbb\xbf"

PathLike = str | os.PathLike[str]


def display(path: PathLike) -> str:
    """Return a path as the person named it, in one printable line."""
    text = os.fspath(path)
    return text if text.isprintable() and text else repr(text)


def read_text(path: PathLike) -> str:
    """Read a UTF-8 text file, plain or gzip.

    Gzip is known by its first bytes, whatever the name says. A byte order mark is dropped.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        The file cannot be opened, is damaged, or is not UTF-8.
    """
    return decoded(path, read_data(path))


def read_data(path: PathLike) -> bytes:
    """Read a file, plain or gzip, without its byte order mark.

    A tar archive of one file, as some traces are published, is that file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        The file cannot be opened, is damaged, or is an archive of several files.
    """
    data = _read_bytes(path)
    if _is_archive(data):
        return _only_member(path, data).removeprefix(UTF8_BOM)
    return _unpacked(path, data).removeprefix(UTF8_BOM)


def decoded(path: PathLike, data: bytes) -> str:
    """Return the text that the bytes of a file are.

    Parameters
    ----------
    path
        The file.
    data
        Its bytes.

    Raises
    ------
    InputError
        They are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise InputError(
            f"byte 0x{data[error.start]:02x} at position {column} of the line is not UTF-8",
            file=display(path),
            row=row,
            fix="save the file as UTF-8",
        ) from None


def write_text(path: PathLike, text: str) -> None:
    """Write a UTF-8 text file whole or not at all; packed by gzip when the name ends in ``.gz``.

    The bytes depend on the text only: the gzip header holds no time and no name.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    text
        What to write.

    Raises
    ------
    InputError
        The folder is missing or cannot be written, or the text cannot be written as UTF-8.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise InputError(
            f"character {character!r} cannot be written as UTF-8",
            file=display(path),
            fix="replace it in the names",
        ) from None
    write_data(path, _packed(data) if os.fspath(path).endswith(".gz") else data)


def _read_bytes(path: PathLike) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError("no such file", file=display(path), fix=_similar(Path(path))) from None
    except IsADirectoryError:
        raise InputError("this is a folder", file=display(path), fix="name a file in it") from None
    except PermissionError:
        raise InputError(
            "no permission to read it", file=display(path), fix="allow it with chmod +r"
        ) from None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None


def _similar(path: Path) -> str:
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return f"there is no folder {display(path.parent)}"
    near = difflib.get_close_matches(path.name, beside, n=1)
    return f"did you mean {display(path.parent / near[0])}?" if near else "check the path"


def _unusable(path: PathLike, error: OSError | ValueError) -> InputError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(f"cannot be used: {said}", file=display(path), fix="check the path")


def _unpacked(path: PathLike, data: bytes) -> bytes:
    if not data.startswith(GZIP_MAGIC):
        return data
    try:
        return gzip.decompress(data)
    except EOFError:
        problem = "the gzip data is cut short"
    except (OSError, zlib.error):
        problem = "the gzip data is damaged"
    raise InputError(problem, file=display(path), fix="copy or download the file again")


def _is_archive(data: bytes) -> bool:
    """Say whether this is a tar archive, packed by gzip or not."""
    start = data[:TAR_BLOCK]
    if data.startswith(GZIP_MAGIC):
        with suppress(OSError, EOFError, zlib.error), gzip.open(io.BytesIO(data)) as packed:
            start = packed.read(TAR_BLOCK)
    return start[TAR_MAGIC_AT : TAR_MAGIC_AT + len(TAR_MAGIC)] == TAR_MAGIC


def _only_member(path: PathLike, data: bytes) -> bytes:
    """Return the file in a tar archive of one; of several, no more than the first is unpacked."""
    found: bytes | None = None
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|*") as archive:
            for member in archive:
                if not member.isfile() or Path(member.name).name.startswith("._"):
                    continue
                if found is not None:
                    problem = "this is an archive of several files"
                    fix = "unpack it with tar -xf and name one of them"
                    raise InputError(problem, file=display(path), fix=fix)
                content = archive.extractfile(member)
                found = content.read() if content is not None else None
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        problem = "the archive is damaged"
        raise InputError(
            problem, file=display(path), fix="copy or download the file again"
        ) from None
    if found is None:
        raise InputError("the archive has no file in it", file=display(path), fix="check the path")
    return found


def _packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as packer:
        packer.write(data)
    return buffer.getvalue()


def write_data(path: PathLike, data: bytes) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    data
        Its bytes.

    Raises
    ------
    InputError
        The folder is missing or cannot be written.
    """
    # Written beside the target and renamed: a reader sees the old file or the new one.
    target = Path(path)
    if target.is_symlink():
        target = target.resolve()  # the link stays, what it points to is replaced
    part = target.with_name(f".{uuid.uuid4().hex}.part") if target.name else target
    try:
        if target.is_dir():
            raise IsADirectoryError
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a pipe or a device is written to, never replaced
            return
        with part.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except (OSError, ValueError) as error:
        raise _cannot_write(target, path, error) from None
    finally:
        if part != target:
            _remove(part)


def _remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except (OSError, ValueError):
        return  # what made the write fail (a missing folder, a bad name) makes this fail too


def _cannot_write(target: Path, path: PathLike, error: OSError | ValueError) -> InputError:
    folder = display(target.parent)
    match error:
        case IsADirectoryError():
            return InputError("this is a folder", file=display(path), fix="name a file in it")
        case FileNotFoundError():
            fix = f"make it with mkdir -p {folder}"
            return InputError(f"there is no folder {folder}", file=display(path), fix=fix)
        case NotADirectoryError():
            return InputError(
                f"{folder} is not a folder", file=display(path), fix="name another folder"
            )
        case PermissionError():
            problem = f"no permission to write into {folder}"
            return InputError(
                problem, file=display(path), fix="name a folder that you may write into"
            )
    return _unusable(path, error)
