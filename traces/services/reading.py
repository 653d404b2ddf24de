"""Services files: latency classes and services, in TOML. All that is wrong is told at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bayplan.scheduler.errors import InputError, InputErrors
from bayplan.traces.cluster_keys import GroupKey
from bayplan.traces.clusters import toml_tables, wrong_with
from bayplan.traces.columns import BadRow, shown
from bayplan.traces.files import PathLike, display, read_text
from bayplan.traces.jobs import JobTable
from bayplan.traces.series import binned, read_series
from bayplan.traces.services.keys import (
    CHOICES,
    CLASS_KEYS,
    KEYS,
    LOAD_KEYS,
    REQUIRED,
    SCALING_KEYS,
    SHAPE_KEYS,
)
from bayplan.traces.services.loads import constant, diurnal, from_rates
from bayplan.traces.services.types import Alternative, Latency, Load, Scaling, Service, ServiceFile

_ALTERNATIVES = "alternatives"
_TABLES = ("classes", "services")
_OF_SCALERS: dict[str, tuple[str, ...]] = {
    "season_s": ("seasonal",),
    "lead_s": ("seasonal", "holt"),
}
"""Keys of forecasts, and the scalers that look at them."""
_OF_LOADS: dict[str, tuple[str, ...]] = {
    "scale": ("requests",),
    "bin_s": ("requests", "peak_per_s"),
    "peak_h": ("peak_per_s",),
    "peak_per_s": ("peak_per_s",),
}
"""Keys of a load, and the kinds of loads, by their main keys, beside which they say something."""


def read_services(path: PathLike) -> ServiceFile:
    """Read a services file. Request series that it names are beside it, unless named in full.

    Parameters
    ----------
    path
        The file: TOML with a table ``[classes.NAME]`` for each latency class, and a table
        ``[[services]]`` for each service.

    Raises
    ------
    InputError
        The file cannot be read or is no TOML.
    InputErrors
        Its tables break rules: all of them are listed.
    """
    name = display(path)
    tables = toml_tables(name, read_text(path))
    problems = [
        f"there is no table {shown(key)} in a services file; {_table_fix(key)}"
        for key in tables
        if key not in _TABLES
    ]
    classes, wrong = _classes(tables.get("classes", {}))
    problems += wrong
    given = tables.get("services", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise InputErrors(name, [*problems, "services is no list of tables; write [[services]]"])
    if not given:
        problems.append("there are no services; add a table [[services]]")
    known = classes if not wrong else None
    each = [_Table(number, table, Path(path).parent) for number, table in enumerate(given, 1)]
    problems += [problem for table in each for problem in table.problems(known)]
    problems += _twins(given)
    if problems:
        raise InputErrors(name, problems)
    services = []
    for table in each:
        try:
            services.append(table.service(classes))
        except InputError as error:
            problems.append(f"{table.where}: {error}")
    if problems:
        raise InputErrors(name, problems)
    read = [str(table.requests) for table in each if table.requests is not None]
    return ServiceFile(tuple(services), tuple(dict.fromkeys(read)))


def _classes(given: object) -> tuple[dict[str, Latency], list[str]]:
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        return {}, ["classes is no table of tables; write [classes.NAME]"]
    found: dict[str, Latency] = {}
    problems: list[str] = []
    for name, table in given.items():
        wrong = [f"[classes.{name}]: {problem}" for problem in _wrong(CLASS_KEYS, table)]
        problems += wrong
        if not wrong:
            found[name] = Latency(name, **_taken(CLASS_KEYS, table))
    return found, problems


@dataclass(frozen=True, slots=True)
class _Table:
    """One ``[[services]]`` table; its values are only used once it has no problems."""

    number: int
    table: Mapping[str, Any]
    folder: Path

    @property
    def where(self) -> str:
        return f"[[services]] {self.number}"

    @property
    def requests(self) -> Path | None:
        name = self.table.get("requests")
        return self.folder / name if isinstance(name, str) and name else None

    def problems(self, classes: Mapping[str, Latency] | None) -> list[str]:
        """Return all that is wrong with it; None: what classes there are is not known."""
        own = {key: value for key, value in self.table.items() if key != _ALTERNATIVES}
        found = _wrong(KEYS, own)
        if not found:
            found += [*self._class_problems(classes), *self._load_problems()]
            found += [*self._size_problems(), *_shape_problems(own)]
        listed = self.table.get(_ALTERNATIVES, [])
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            found.append("alternatives is no list of tables; write [[services.alternatives]]")
            listed = []
        for number, table in enumerate(listed, start=1):
            wrong = _wrong(SHAPE_KEYS, table) or _shape_problems(table)
            found += [f"alternative {number}: {problem}" for problem in wrong]
        return [f"{self.where}: {problem}" for problem in found]

    def _class_problems(self, classes: Mapping[str, Latency] | None) -> Iterator[str]:
        name = self.table["class"]
        if classes is not None and name not in classes:
            fix = _nearest(name, classes) if classes else f"add a table [classes.{name}]"
            yield f"there is no class {shown(name)}; {fix}"

    def _load_problems(self) -> Iterator[str]:
        table = self.table
        if ("requests" in table) == ("rate_per_s" in table):
            yield "its load is not stated once; give either requests or rate_per_s"
            return
        kind = "requests" if "requests" in table else "rate_per_s"
        kind = "peak_per_s" if kind != "requests" and "peak_per_s" in table else kind
        for key, kinds in _OF_LOADS.items():
            if key in table and kind not in kinds:
                yield f"{key} says nothing beside {kind}; remove it"
        if table.get("peak_per_s", math.inf) < table.get("rate_per_s", 0.0):
            yield "peak_per_s is below rate_per_s; raise it"
        if table.get("until_s", math.inf) <= table.get("from_s", 0.0):
            yield "until_s is not after from_s; raise it"

    def _size_problems(self) -> Iterator[str]:
        table = self.table
        least = table.get("least", 1)
        if least > table["most"]:
            yield f"least is {least}, above most {table['most']}; lower it, or raise that"
        if "wait_s" in table and not table.get(_ALTERNATIVES):
            yield "wait_s says nothing without alternatives; remove it"
        if "max_skew" in table and "spread" not in table:
            yield "max_skew says nothing without spread; remove it"
        scaler = table.get("scaler", "reactive")
        for key, scalers in _OF_SCALERS.items():
            if key in table and scaler not in scalers:
                yield f"{key} says nothing under scaler {shown(scaler)}; remove it"
        if "cooldown_s" in table and least:
            yield f"cooldown_s says nothing where least is {least}; remove it, or write least = 0"

    def service(self, classes: Mapping[str, Latency]) -> Service:
        """Return what it says.

        Raises
        ------
        InputError
            The request series cannot be read.
        """
        table = self.table
        names = {field.name for field in fields(Service)}
        plain = {key.name: key.kind for key in KEYS if key.name in names}
        taken = {name: kind(table[name]) for name, kind in plain.items() if name in table}
        return Service(
            latency=classes[table["class"]],
            load=self._load(),
            alternatives=(_shape(table), *map(_shape, table.get(_ALTERNATIVES, []))),
            scaling=Scaling(**_taken(SCALING_KEYS, table)),
            **taken,
        )

    def _load(self) -> Load:
        load = {"scale": 1.0, "from_s": 0.0, "until_s": math.inf, "bin_s": 60.0, "peak_h": 14.0}
        load |= _taken([key for key in LOAD_KEYS if key.kind is float], self.table)
        span = load["from_s"], load["until_s"]
        if self.requests is not None:
            series = read_series(self.requests)
            if not len(series):
                raise InputError("requests: there are none in it", fix="name another file")
            return from_rates(binned(series, load["bin_s"]), load["scale"], *span)
        if "peak_per_s" in load:
            return diurnal(
                load["rate_per_s"], load["peak_per_s"], load["peak_h"], load["bin_s"], *span
            )
        return constant(load["rate_per_s"], *span)


def _shape(table: Mapping[str, Any]) -> Alternative:
    shape = _taken(SHAPE_KEYS, table)
    shape.setdefault("service_s", 1.0 / shape["per_s"])
    if shape.get("gpu_count") == 0:
        shape["gpu_milli"] = 0
    return Alternative(**shape)


def _shape_problems(table: Mapping[str, Any]) -> list[str]:
    """Return what a job table would say against a replica."""
    of_gpus = ("gpu_milli", "gpu_memory_mib", "gpu_models", "mig_profile")
    if table.get("gpu_count") == 0:
        return [f"{key} is given with gpu_count 0; remove it" for key in of_gpus if key in table]
    amounts = {
        key.name: [table[key.name]]
        for key in SHAPE_KEYS
        if key.name in table and key.name not in ("per_s", "service_s", "startup_s")
    }
    try:
        JobTable.of(name=["x"], work_s=[0.0], **{"gpu_count": [1], **amounts})
    except BadRow as bad:
        return [f"{bad.problem}; {bad.fix}"]
    return []


def _taken(keys: Sequence[GroupKey], table: Mapping[str, Any]) -> dict[str, Any]:
    return {key.name: key.kind(table[key.name]) for key in keys if key.name in table}


def _wrong(keys: Sequence[GroupKey], table: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with keys and values of a table, each by itself."""
    names = [key.name for key in keys]
    found = [
        f"there is no key {shown(given)}; {_nearest(given, names)}"
        for given in table
        if given not in names
    ]
    for key in keys:
        if key.name not in table:
            if key.default == REQUIRED:
                found.append(f"{key.name} is missing; add it")
            continue
        value = table[key.name]
        found += wrong_with(key, value, key.minimum)
        choices = CHOICES.get(key.name)
        if choices and isinstance(value, str) and value not in choices:
            found.append(f"{key.name} is {shown(value)}; {_nearest(value, choices)}")
    return found


def _table_fix(given: str) -> str:
    near = difflib.get_close_matches(given, _TABLES, n=1)
    return f"did you mean {near[0]!r}?" if near else "remove it"


def _nearest(given: str, names: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(given, list(names), n=1)
    return f"did you mean {near[0]!r}?" if near else f"it may be {', '.join(names)}"


def _twins(tables: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen: dict[object, int] = {}
    for number, table in enumerate(tables, start=1):
        name = table.get("name")
        if isinstance(name, str) and name in seen:
            yield (
                f"[[services]] {number}: {shown(name)} is already [[services]] {seen[name]};"
                " rename one of them"
            )
        if isinstance(name, str):
            seen.setdefault(name, number)
