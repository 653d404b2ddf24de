"""A person's calibration file: parameters of the speed models, and job classes.

TOML, or JSON where the name ends in ``.json``::

    [settings]
    switch_cost = 0.08

    [jobs.ranker]
    like = "medium"      # what it does not say, it takes from this class
    busy = 0.7
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed import JOB_CLASSES, Demand, SpeedSettings
from bayplan.scheduler.speed.settings import nearest
from bayplan.traces.files import PathLike, display, read_text

LIKE = "like"
_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_NAME = re.compile(r"[^\s,:+]+")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Parameters and job classes: the defaults, with a person's own in their place."""

    settings: SpeedSettings
    jobs: Mapping[str, Demand]


DEFAULTS = Calibration(SpeedSettings(), JOB_CLASSES)


def read_calibration(path: PathLike) -> Calibration:
    """Read a calibration file over the defaults.

    Parameters
    ----------
    path
        TOML, or JSON where the name ends in ``.json``.

    Raises
    ------
    InputError
        The file cannot be read, or holds what is unknown, of a wrong type or out of range; one
        line with the nearest name.
    """
    content = _parsed(path)
    try:
        _check_keys(content, ("settings", "jobs"), "")
        return Calibration(
            _settings(_table(content, "settings", "")), _jobs(_table(content, "jobs", ""))
        )
    except InputError as error:
        raise InputError(str(error), file=display(path)) from None


def _parsed(path: PathLike) -> dict[str, Any]:
    text, problem, row = read_text(path), "", None
    try:
        if display(path).lower().endswith(".json"):
            content = json.loads(text, object_pairs_hook=_without_repeats)
        else:
            content = tomllib.loads(text)
    except json.JSONDecodeError as error:
        problem, row = f"no JSON: {error.msg}", error.lineno
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        problem, row = f"no TOML: {_LINE.sub('', str(error))}", int(found[1]) if found else None
    except (ValueError, RecursionError) as error:
        problem = f"cannot be read: {error}"
    else:
        if isinstance(content, dict):
            return content
        problem = "the file holds no table of settings and jobs"
    raise InputError(problem, file=display(path), row=row, fix="correct the file")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} stands there twice")
    return content


def _settings(given: dict[str, Any]) -> SpeedSettings:
    _check_keys(given, [field.name for field in fields(SpeedSettings)], "settings")
    try:
        return SpeedSettings(**given)
    except InputError as error:
        raise InputError(f"settings: {error}") from None


def _jobs(given: dict[str, Any]) -> dict[str, Demand]:
    jobs = dict(JOB_CLASSES)
    for name in given:
        where, table = f"jobs.{name}", _table(given, name, "jobs")
        if not _NAME.fullmatch(name):
            raise InputError(f"jobs: no name for a job: {name!r}", fix="use letters, digits and -")
        _check_keys(table, [LIKE, *(field.name for field in fields(Demand))], where)
        # A class that is there stays the base of its own table; a table may build on earlier ones.
        base = table.pop(LIKE, name if name in jobs else None)
        if base is not None and (not isinstance(base, str) or base not in jobs):
            fix = nearest(base, jobs) if isinstance(base, str) else "name a job class"
            raise InputError(f"{where}: no job class {base!r} before it", fix=fix)
        try:
            jobs[name] = replace(Demand() if base is None else jobs[base], **table)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return jobs


def _table(content: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        at = f"{where}.{name}" if where else name
        raise InputError(f"{at} is {table!r}, not a table", fix=f"write [{at}] and keys below it")
    return dict(table)


def _check_keys(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in given:
        if key not in known:
            at = f"{where}: " if where else ""
            raise InputError(f"{at}no key {key!r}", fix=nearest(key, dict.fromkeys(known)))
