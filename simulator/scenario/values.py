"""One value against its key: its type, its range, and values that come as text."""

from __future__ import annotations

import difflib
import math
import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from bayplan.simulator.scenario.key import NESTED, Key, Value, filled

_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MOST_NEAR = 3
_WRITE = {
    "text": "a text in quotes",
    "file": "a path in quotes",
    "whole": "a whole number",
    "number": "a number",
    "yes": "true or false",
    "numbers": "a table of numbers, such as {T4 = 0.5}",
    "tables": "a table of tables, such as {train = {busy = 0.9}}",
    "rows": "an array of tables, such as [{weight = 1, gpu_count = 1}]",
}


class Wrong(ValueError):
    """A value that its key cannot have.

    Parameters
    ----------
    problem, fix
        What is wrong, and what to do about it.
    path
        Where, if not at the key itself.
    """

    def __init__(self, problem: str, fix: str, path: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix
        self.path = path


def checked(key: Key, given: Any, path: str = "") -> tuple[Value, list[Wrong]]:
    """Return the value of a key, and all that is wrong with it.

    Parameters
    ----------
    key
        The key.
    given
        What stands in the file.
    path
        Where it stands, if not where the key says.
    """
    path = path or key.path
    if key.kind in NESTED:
        return _nested(key, given, path)
    try:
        return _plain(key, given, path), []
    except Wrong as wrong:
        return key.default, [wrong]


def from_text(key: Key, text: str) -> Any:
    """Return what a text of the command line stands for, to be checked like what a file holds.

    Nested values are TOML.
    """
    stripped = text.strip()
    if key.kind == "yes":
        return _YES.get(stripped.lower(), text)
    if key.kind in ("whole", "number") or key.kind in NESTED:
        try:
            return tomllib.loads(f"x = {stripped}")["x"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to do about a name that is not known."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if not near and name:
        near = [each for each in names if each.startswith(name)][:_MOST_NEAR]
    if not near:
        return f"choose from {', '.join(names)}"
    return f"did you mean {' or '.join(map(repr, near))}?"


def _plain(key: Key, given: Any, path: str) -> Value:
    match key.kind:
        case "text" | "file":
            fits = isinstance(given, str)
        case "yes":
            fits = isinstance(given, bool)
        case "whole":
            fits = isinstance(given, int) and not isinstance(given, bool)
        case _:
            fits = isinstance(given, int | float) and not isinstance(given, bool)
    if not fits:
        raise Wrong(f"{reprlib.repr(given)} is not {_WRITE[key.kind]}", _write(key), path)
    if key.choices and given not in key.choices:
        raise Wrong(f"there is no {reprlib.repr(given)}", nearest(given, key.choices), path)
    if isinstance(given, str):
        if not given.isprintable():
            raise Wrong(f"{reprlib.repr(given)} has control characters", "leave them out", path)
        return given
    low = -math.inf if key.least is None else key.least
    high = math.inf if key.most is None else key.most
    if key.kind != "yes" and not low <= given <= high:  # nor NaN
        raise Wrong(f"{given!r} is outside {key.range}", "write a value in that range", path)
    return float(given) if key.kind == "number" else given


def _write(key: Key) -> str:
    within = f" ({key.range})" if key.range else ""
    return f"write {_WRITE[key.kind]}{within}"


def _nested(key: Key, given: Any, path: str) -> tuple[Value, list[Wrong]]:
    if key.kind == "rows":
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            return key.default, [Wrong(f"this is not {_WRITE['rows']}", _write(key), path)]
        if not given:
            return key.default, [Wrong("there is no row", "add one, or leave it out", path)]
        rows = [_row(key, row, f"{path}[{i}]") for i, row in enumerate(given, 1)]
        return tuple(row for row, _ in rows), [wrong for _, found in rows for wrong in found]
    if not isinstance(given, dict):
        return key.default, [Wrong(f"this is not {_WRITE[key.kind]}", _write(key), path)]
    values: dict[str, Any] = {}
    problems: list[Wrong] = []
    for name, value in given.items():
        at = f"{path}.{name}"
        if not name.isprintable():
            found = [Wrong(f"{reprlib.repr(name)} has control characters", "leave them out", path)]
        elif key.kind == "numbers":
            values[name], found = _number(key, value, at)
        elif isinstance(value, dict):
            values[name], found = _row(key, value, at)
        else:
            found = [Wrong(f"{reprlib.repr(value)} is not a table", f"write [{at}] and keys", at)]
        problems += found
    return values, problems


def _number(key: Key, given: Any, path: str) -> tuple[Value, list[Wrong]]:
    single = Key(key.table, key.name, "number", 1.0, key.meaning, key.least, key.most)
    return checked(single, given, path)


def _row(key: Key, given: Mapping[str, Any], path: str) -> tuple[dict[str, Value], list[Wrong]]:
    columns = {column.name: column for column in key.columns}
    row: dict[str, Value] = filled(key.columns, {})
    problems: list[Wrong] = []
    for name, value in given.items():
        at = f"{path}.{name}"
        if name not in columns:
            problems.append(Wrong("there is no such key", nearest(name, columns), at))
            continue
        row[name], found = checked(columns[name], value, at)
        problems += found
    return row, problems
