"""The extender's log: one line an event, as JSON or as logfmt, on standard error.

What a line is about stands in fields (``extra`` of the standard library's loggers), which must be
names, counts and times: never the spec of a pod, a token or a key.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from bayplan.scheduler.errors import InputError

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record.

        Parameters
        ----------
        record
            The record.
        """
        return msgspec.json.encode(_fields(self, record), enc_hook=str).decode()


class Logfmt(logging.Formatter):
    """``key=value`` pairs a line; values with spaces, quotes or ``=`` are quoted as in JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record.

        Parameters
        ----------
        record
            The record.
        """
        return " ".join(f"{key}={_bare(value)}" for key, value in _fields(self, record).items())


FORMATS: dict[str, type[logging.Formatter]] = {"json": JsonLines, "logfmt": Logfmt}


def set_up(stream: TextIO | None = None, *, form: str = "json", level: str = "info") -> None:
    """Send all that is logged in this process to a stream.

    Parameters
    ----------
    stream
        Where to; None is standard error.
    form
        One of ``FORMATS``.
    level
        What is below is left out: debug (a line a call), info, warning, error.

    Raises
    ------
    InputError
        There is no such form or level.
    """
    if form not in FORMATS:
        raise InputError(f"log format {form!r}", fix=f"one of {', '.join(FORMATS)}")
    if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise InputError(f"log level {level!r}", fix="one of debug, info, warning, error")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(FORMATS[form]())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    given = vars(record)
    fields |= {key: value for key, value in given.items() if key not in _STANDARD}
    if record.exc_info and record.exc_info[0] is not None:
        fields["traceback"] = formatter.formatException(record.exc_info)
    return fields


def _bare(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    if text and text.isprintable() and not any(mark in text for mark in ' "='):
        return text
    return msgspec.json.encode(text).decode()
