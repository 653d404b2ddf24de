"""Queues from a file of their own."""

from __future__ import annotations

import tomllib
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues import QueueTree, read_queues
from bayplan.traces.files import display, read_text


def read_queue_file(path: Path) -> QueueTree:
    """Return the queues of a TOML file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        It cannot be read, or its queues cannot be.
    """
    try:
        return read_queues(tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML ({error})", file=display(path)) from None
    except InputError as error:
        if str(error).startswith(display(path)):
            raise
        raise InputError(str(error), file=display(path)) from None
