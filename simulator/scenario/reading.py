"""A scenario out of a TOML file and the command line, with everything that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.key import NESTED, Key, Value
from bayplan.simulator.scenario.keys import (
    BY_PATH,
    COUNT,
    KEYS,
    MAIN,
    NO_FILES,
    OF_A_JOB_FILE,
    TABLES,
    candidates,
)
from bayplan.simulator.scenario.keys_jobs import SYNTHETIC
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import checked, from_text, nearest
from bayplan.traces.files import display, read_text

_LINE = re.compile(r" \(at line (\d+), column \d+\)$")

Settings = Iterable[tuple[str, str]]
"""Pairs of a key's name and its value as text."""


def read_scenario(
    path: Path | None = None, settings: Settings = ()
) -> tuple[Scenario, list[InputError]]:
    """Read a scenario, and return it with everything that is wrong with types, ranges and names.

    Paths in the file are relative to its folder. Where a value is wrong, the default stands in.
    Synthetic jobs that are set over the file take the place of its job file and what goes with
    that, and a job file takes the place of its synthetic jobs.

    Parameters
    ----------
    path
        The TOML file; None: the defaults.
    settings
        What is set over it.

    Raises
    ------
    InputError
        The file cannot be read, or is no TOML.
    """
    return scenario_of({} if path is None else parsed(path), settings, path)


def scenario_of(
    content: Mapping[str, Any], settings: Settings = (), path: Path | None = None
) -> tuple[Scenario, list[InputError]]:
    """Return what ``read_scenario`` does of what a file says.

    Parameters
    ----------
    content
        Tables by their names.
    settings
        What is set over it.
    path
        Where it stands; None: nowhere, and paths are relative to where one is.
    """
    shown = "" if path is None else display(path)
    given, strangers = _flat(content)
    problems = [
        InputError(f"{at}: {what}", file=shown or None, fix=fix) for at, what, fix in strangers
    ]
    here: dict[str, Any] = {}
    for name, text in settings:
        try:
            key = key_named(name)
        except InputError as error:
            problems.append(error)
        else:
            here[key.path] = from_text(key, text)
    given = _not_passed_over(given, here)
    values: dict[str, Value] = {key.path: key.default for key in KEYS}
    scenario, wrong = Scenario(values, shown, frozenset(here)), set[str]()
    for name, value in {**given, **here}.items():
        values[name], found = checked(BY_PATH[name], value)
        problems += [scenario.error(w.path, w.problem, w.fix) for w in found if name not in here]
        problems += [InputError(f"{w.path}: {w.problem}", fix=w.fix) for w in found if name in here]
        if found:
            wrong.add(name)
        elif path is not None and name not in here:
            values[name] = _beside(path, BY_PATH[name], values[name])
    return replace(scenario, wrong=frozenset(wrong)), problems


def parsed(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises
    ------
    InputError
        The file cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        problem, row = f"no TOML: {_LINE.sub('', str(error))}", int(found[1]) if found else None
    except RecursionError:
        problem, row = "no TOML: nested too deep", None
    raise InputError(problem, file=display(path), row=row, fix="correct the file")


def parse_setting(text: str) -> tuple[str, str]:
    """Read ``policy.placement=fgd`` as a name and a text.

    Raises
    ------
    InputError
        There is no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set {text!r}: no key=value", fix="write it like policy.placement=fgd")
    return name.strip(), value.strip()


def key_named(name: str) -> Key:
    """Return the key that a name on the command line stands for.

    Raises
    ------
    InputError
        It stands for none, or for more than one.
    """
    paths = candidates(name)
    if len(paths) == 1:
        return BY_PATH[paths[0]]
    if paths:
        raise InputError(f"{name}: several keys have this name", fix=f"write {' or '.join(paths)}")
    known = [*BY_PATH, *MAIN, *{key.name for key in KEYS}]
    fix = nearest(name, known)
    if not fix.startswith("did"):
        fix = "`bayplan scenario init -` lists them"
    raise InputError(f"{name}: there is no such key", fix=fix)


def leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the full names in tables of a file, and what stands there, known or not."""
    for name, value in content.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and _is_table(path):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def _not_passed_over(given: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says, without the jobs that others set over it take the place of."""
    passed: frozenset[str] = frozenset()
    if here.get(COUNT):
        passed = OF_A_JOB_FILE
    elif "jobs.file" in here and COUNT not in here:
        passed = frozenset(key.path for key in KEYS if key.table == SYNTHETIC)
    return {path: value for path, value in given.items() if path not in passed}


Stranger = tuple[str, str, str]


def _flat(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[Stranger]]:
    """Return the values by full name, and what has no place in a scenario."""
    given: dict[str, Any] = {}
    strangers: list[Stranger] = []
    for path, value in leaves(content):
        if path in BY_PATH:
            given[path] = value
        elif path in TABLES:
            strangers.append((path, "this is a table", f"write [{path}] and keys below it"))
        else:
            strangers.append((path, *_unknown(path, isinstance(value, dict))))
    return given, strangers


def _is_table(path: str) -> bool:
    return path in TABLES and not (path in BY_PATH and BY_PATH[path].kind in NESTED)


def _unknown(path: str, is_table: bool) -> tuple[str, str]:
    table, _, name = path.rpartition(".")
    if is_table:
        return "there is no such table", nearest(path, TABLES)
    if not table:
        homes = [key.path for key in KEYS if key.name == name]
        fix = f"write it as {' or '.join(homes)}" if homes else "keys stand in tables"
        return "there is no key outside the tables", fix
    inside = [key.name for key in KEYS if key.table == table]
    homes = [key.path for key in KEYS if key.name == name]
    if homes:
        return "there is no such key", f"it stands in [{BY_PATH[homes[0]].table}]"
    return "there is no such key", nearest(name, inside)


def _beside(path: Path, key: Key, value: Value) -> Value:
    if key.kind != "file" or not isinstance(value, str) or value in NO_FILES:
        return value
    return str(path.parent / value)
