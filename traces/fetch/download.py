"""Getting one file over HTTP: whole or not at all, going on where a try was cut short.

What has come stands in a hidden file beside the target until all of it is there and its checksum
is right. A later try asks for the rest of it (``Range``), on the condition that the file has not
changed meanwhile (``If-Range``); where that cannot be told, it starts from the beginning.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from bayplan import __version__
from bayplan.scheduler.errors import InputError
from bayplan.traces.fetch.sources import RemoteFile
from bayplan.traces.fetch.sums import sum_of
from bayplan.traces.files import display

CHUNK_BYTES = 1 << 18
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NO_ROUTE = (ConnectionRefusedError, socket.gaierror)
_NO_ROUTE_ERRNOS = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})

LFS = b"version https://git-lfs.github.com/spec/"

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there, and with those that there will be where that is known."""


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a file is asked for, and how long is waited.

    ``pause_s`` is before the second try and doubles with each; ``timeout_s`` is how long nothing
    may come.
    """

    number: int = 5
    pause_s: float = 1.0
    timeout_s: float = 30.0


TRIES = Tries()


class _CutShort(Exception):
    """A try that failed and may be tried again; its text says why."""


def download(
    file: RemoteFile,
    target: Path,
    expected: str,
    *,
    progress: Progress = lambda have, size: None,
    tries: Tries = TRIES,
) -> str:
    """Download a file, whole or not at all.

    Parameters
    ----------
    file
        Where it is, and how large.
    target
        Where it goes; nothing is there yet.
    expected
        Its SHA-256; empty where it is not known.
    progress
        Told how much has come.
    tries
        How often, and how long.

    Returns
    -------
    The SHA-256 of what was downloaded.

    Raises
    ------
    InputError
        It cannot be had, or is not what was expected.
    """
    part = target.with_name(f".{target.name}.part")
    tag = target.with_name(f".{target.name}.tag")
    resumed = _get(file, part, tag, known=bool(expected), progress=progress, tries=tries)
    found = _checked(file, part, expected)
    if not found and resumed:
        # The first bytes may be those of another try, and wrong.
        part.unlink(missing_ok=True)
        _get(file, part, tag, known=False, progress=progress, tries=tries)
        found = _checked(file, part, expected)
    tag.unlink(missing_ok=True)
    if not found:
        part.unlink(missing_ok=True)
        problem = f"the checksum of what was downloaded is not {expected[:12]}..."
        raise InputError(problem, file=file.url, fix="try again later; nothing was kept")
    try:
        part.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from None
    return found


def _checked(file: RemoteFile, part: Path, expected: str) -> str:
    """Return the checksum of what has come; empty where it is not the expected one."""
    with part.open("rb") as stream:
        start = stream.read(len(LFS))
    if start == LFS and not expected:
        part.unlink(missing_ok=True)
        fix = f"its publisher keeps the file elsewhere: see {file.page}"
        raise InputError("a Git LFS pointer came in place of the file", file=file.url, fix=fix)
    found = sum_of(part)
    return found if expected in ("", found) else ""


def _get(
    file: RemoteFile, part: Path, tag: Path, *, known: bool, progress: Progress, tries: Tries
) -> bool:
    """Bring all bytes of a file into ``part``; return whether some were there before.

    ``known``: a checksum will tell whether the bytes that are there are right.
    """
    resumed = False
    pause_s = tries.pause_s
    for left in reversed(range(tries.number)):
        have = part.stat().st_size if part.exists() else 0
        validator = _validator(tag)
        if have and not known and not validator:
            have = 0
        resumed = resumed or bool(have)
        try:
            _once(file, part, tag, have, progress, tries.timeout_s)
        except _CutShort as short:
            if not left:
                problem = f"{short}, {tries.number} times"
                raise InputError(problem, file=file.url, fix="run it again to go on") from None
            time.sleep(pause_s)
            pause_s *= 2
        else:
            return resumed
    raise AssertionError("the last try returns or raises")


def _validator(tag: Path) -> str:
    try:
        return tag.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _once(
    file: RemoteFile, part: Path, tag: Path, have: int, progress: Progress, timeout_s: float
) -> None:
    if file.size is not None and have == file.size:
        return
    headers = {"User-Agent": f"bayplan/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if validator := _validator(tag):
            headers["If-Range"] = validator
    try:
        with urlopen(Request(file.url, headers=headers), timeout=timeout_s) as response:
            start, size = _extent(response, have)
            if file.size is not None and size not in (None, file.size):
                problem = f"the server has {size:,} bytes of it, not {file.size:,}"
                part.unlink(missing_ok=True)
                raise InputError(problem, file=file.url, fix=f"it has changed: see {file.page}")
            _keep_validator(response, tag)
            size = file.size if size is None else size
            got = _stream(response, part, start, size, progress)
    except HTTPError as error:
        error.close()
        raise _refused(file, part, error, have) from None
    except (URLError, OSError, http.client.HTTPException) as error:
        raise _failed(file, error) from None
    if size is not None and got != size:
        raise _CutShort(f"the connection ended after {got:,} of {size:,} bytes")


def _extent(response: Any, have: int) -> tuple[int, int | None]:
    """Return where the bytes that come begin, and how long the whole is."""
    length = response.headers.get("Content-Length", "")
    if response.status == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            raise _CutShort("the server sent another part than it was asked for")
        if match[2] != "*":
            return have, int(match[2])
        return have, have + int(length) if length.isdecimal() else None
    return 0, int(length) if length.isdecimal() else None


def _keep_validator(response: Any, tag: Path) -> None:
    """Keep what tells whether the file is the same later: a strong ETag, else its date."""
    mark = response.headers.get("ETag", "")
    if not mark or mark.startswith("W/"):
        mark = response.headers.get("Last-Modified", "")
    with suppress(OSError):  # without it a later try begins anew
        if mark and mark.isascii():
            tag.write_text(mark, encoding="ascii")
        else:
            tag.unlink(missing_ok=True)


def _stream(response: Any, part: Path, start: int, size: int | None, progress: Progress) -> int:
    """Write what comes behind the first ``start`` bytes; return how many there are."""
    try:
        stream = part.open("r+b" if start else "wb")
    except OSError as error:
        raise _unwritable(part, error) from None
    with stream:
        stream.seek(start)
        stream.truncate()
        have = start
        progress(have, size)
        while chunk := response.read(CHUNK_BYTES):
            try:
                stream.write(chunk)
                stream.flush()  # so that a full disk is found here, not where the file is closed
            except OSError as error:
                raise _unwritable(part, error) from None
            have += len(chunk)
            progress(have, size)
    return have


def _refused(file: RemoteFile, part: Path, error: HTTPError, have: int) -> Exception:
    said = f"HTTP {error.code}, {error.reason}"
    if error.code == 416 and have:
        part.unlink(missing_ok=True)  # more is there than the file has: begin anew
        return _CutShort(said)
    if error.code in _TRY_AGAIN:
        return _CutShort(said)
    return InputError(said, file=file.url, fix=f"it may have moved: see {file.page}")


def _failed(file: RemoteFile, error: Exception) -> Exception:
    if isinstance(error, InputError):
        return error
    cause = error.reason if isinstance(error, URLError) else error
    host = urlsplit(file.url).netloc
    if isinstance(cause, ssl.SSLCertVerificationError):
        problem = f"the certificate of {host} cannot be checked ({cause.verify_message})"
        return InputError(problem, file=file.url, fix="look at the proxy, or SSL_CERT_FILE")
    if isinstance(cause, _NO_ROUTE) or getattr(cause, "errno", None) in _NO_ROUTE_ERRNOS:
        problem = f"{host} cannot be reached"
        return InputError(problem, file=file.url, fix="go online, or set HTTPS_PROXY")
    if isinstance(cause, TimeoutError):
        return _CutShort("nothing came in time")
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return _CutShort(f"the connection broke ({text})")


def _unwritable(path: Path, error: OSError) -> InputError:
    problem = f"cannot be written: {error.strerror or error}"
    return InputError(problem, file=display(path), fix="name a folder with room as --to")
