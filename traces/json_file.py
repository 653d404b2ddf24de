"""JSON files: known by the keys of their first object, and told about by object in errors."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.traces.columns import Column
from bayplan.traces.files import PathLike, decoded, display
from bayplan.traces.kubernetes.splitting import parsed
from bayplan.traces.located import Located

STARTS = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class JsonFile(Located):
    """A JSON file: its name, the keys of its first object, and what it holds.

    Errors count the objects of an array from 1.
    """

    value: Any

    def read(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Refuse: what has columns is a table.

        Parameters
        ----------
        columns
            The columns of a format.

        Raises
        ------
        InputError
            Always.
        """
        names = ", ".join(each.name for each in columns if each.required)
        raise self.error(f"this is JSON; a table with {names} is needed", "write it as CSV")


def is_json(data: bytes) -> bool:
    """Say whether a file is JSON by its first character.

    Parameters
    ----------
    data
        Its bytes.
    """
    return data[:4096].lstrip().startswith(STARTS)


def json_from(path: PathLike, data: bytes) -> JsonFile:
    """Read JSON.

    Parameters
    ----------
    path
        The file, for errors.
    data
        Its bytes.

    Raises
    ------
    InputError
        It is no JSON.
    """
    # The objects of a large file are many, and none is garbage.
    collects = gc.isenabled()
    gc.disable()
    try:
        value = _loaded(path, data)
    finally:
        if collects:
            gc.enable()
    first = value[0] if isinstance(value, list) and value else value
    header = tuple(map(str, first)) if isinstance(first, dict) else ()
    return JsonFile(display(path), header, value)


def _loaded(path: PathLike, data: bytes) -> Any:
    with suppress(ValueError):  # faster; the other says what is wrong, and where
        return parsed(data)
    name = display(path)
    try:
        return json.loads(decoded(path, data))
    except json.JSONDecodeError as error:
        fix = "copy or download the file again"
        raise InputError(f"no JSON ({error.msg})", file=name, row=error.lineno, fix=fix) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"no JSON that can be read ({error})", file=name) from None
