"""Scenarios as text: TOML with and without comments, and the table of keys for the docs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from bayplan.simulator.scenario.key import Key
from bayplan.simulator.scenario.keys import KEYS, TABLES
from bayplan.simulator.scenario.scenario import Scenario

_WIDTH = 96
_INTRO = """\
# A scenario: a cluster, jobs and policies. Everything may be left out; what stands here is the
# default, except where a line is a comment. `bayplan scenario check` says what is wrong with it.
"""


def as_toml(scenario: Scenario) -> str:
    """Return a scenario as a TOML file that states every key that is set."""
    return "\n".join(_tables(scenario, comments=False)) + "\n"


def initial() -> str:
    """Return the scenario of all defaults as a TOML file that explains itself."""
    return _INTRO + "\n" + "\n".join(_tables(Scenario(), comments=True)) + "\n"


def markdown() -> str:
    """Return all keys as Markdown tables, for the documentation."""
    parts = []
    for table, meaning in TABLES.items():
        keys = [key for key in KEYS if key.table == table]
        parts.append(f"### [{table}]\n\n{meaning}\n\n{_markdown(keys)}")
        nested = [key for key in keys if key.columns]
        parts += [f"Keys of each `{key.path}`:\n\n{_markdown(key.columns)}" for key in nested]
    return "\n\n".join(parts) + "\n"


def value_text(value: Any) -> str:
    """Return a value as TOML in one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case Mapping():
            pairs = ", ".join(f"{_name(k)} = {value_text(v)}" for k, v in value.items())
            return "{" + pairs + "}"
        case _:
            return "[" + ", ".join(map(value_text, value)) + "]"


def _decimal(value: float) -> str:
    if value == int(value) and abs(value) < 10**15:
        return f"{value:.1f}"
    return repr(value)


def _name(name: str) -> str:
    bare = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    return name if bare else json.dumps(name, ensure_ascii=False)


def _tables(scenario: Scenario, *, comments: bool) -> Iterator[str]:
    for table, meaning in TABLES.items():
        if table != next(iter(TABLES)):
            yield ""
        yield f"[{table}]" + (f"  # {meaning}" if comments else "")
        for key in (key for key in KEYS if key.table == table):
            if comments:
                yield from _comment(key)
            yield from _lines(key, scenario[key.path], comments=comments)


def _comment(key: Key) -> Iterator[str]:
    text = f"{key.meaning}{_in_brackets(key)}"
    yield from (f"# {line}" for line in wrap(text, _WIDTH))


def _in_brackets(key: Key) -> str:
    parts = [key.unit, key.range]
    said = "; ".join(part for part in parts if part)
    return f" ({said})" if said else ""


def _lines(key: Key, value: Any, *, comments: bool) -> Iterator[str]:
    if value is None:
        if comments:
            yield f"# {key.name} ="
    elif key.kind == "rows":
        yield f"{key.name} = ["
        yield from (f"  {value_text(_short(key, row))}," for row in value)
        yield "]"
    else:
        yield f"{_name(key.name)} = {value_text(value)}"


def _short(key: Key, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without what is left out as well."""
    defaults = {column.name: column.default for column in key.columns}
    always = ("weight", "gpu_count")
    return {name: value for name, value in row.items() if name in always or value != defaults[name]}


def _markdown(keys: tuple[Key, ...] | list[Key]) -> str:
    lines = ["| key | default | values | meaning |", "|---|---|---|---|"]
    for key in keys:
        values = [_kind(key), key.unit]
        cells = (
            f"`{key.name}`",
            _default(key),
            ", ".join(value for value in values if value),
            key.meaning,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _default(key: Key) -> str:
    if key.default is None:
        return ""
    if key.kind == "rows":
        return "see `bayplan scenario init`"
    return f"`{value_text(key.default)}`"


def _kind(key: Key) -> str:
    named = {
        "yes": "true or false",
        "rows": "array of tables",
        "numbers": "table of numbers",
        "tables": "table of tables",
        "file": "path",
    }
    if key.range:
        return key.range if key.kind != "numbers" else f"table of numbers, {key.range}"
    return named.get(key.kind, key.kind)
