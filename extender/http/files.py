"""Files of certificates: whether they are others than before, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from bayplan.extender.http.settings import TlsSettings

Stamp = tuple[tuple[int, int, int] | None, ...]


def files_of(tls: TlsSettings) -> list[Path]:
    """Return the files of a server.

    Parameters
    ----------
    tls
        The settings that name them.
    """
    files = [tls.certificate, tls.key]
    return files if tls.client_ca is None else [*files, tls.client_ca]


def stamp_of(tls: TlsSettings) -> Stamp:
    """Return what tells each file from the one that replaces it; None where there is none.

    Parameters
    ----------
    tls
        The settings that name them.
    """
    return tuple(map(_stamp, files_of(tls)))


def why_unusable(error: Exception) -> str:
    """Return what is wrong with a file, in short.

    Parameters
    ----------
    error
        What came of reading it.
    """
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
