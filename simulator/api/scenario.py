"""A scenario as an object: from a file, from tables, key by key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario import scenario as core
from bayplan.simulator.scenario.keys import BUILTIN, KEYS
from bayplan.simulator.scenario.reading import key_named, parsed, scenario_of
from bayplan.simulator.scenario.ready import refuse, try_ready, with_known_names, wrong_with
from bayplan.simulator.scenario.writing import as_toml, value_text
from bayplan.traces.files import PathLike, write_text

Given: TypeAlias = "Scenario | PathLike | Mapping[str, Any] | None"
"""A scenario, its file, its tables, or None: all defaults."""


class Scenario:
    """A cluster, jobs and policies. It does not change: ``set`` returns another one.

    Parameters
    ----------
    given
        A TOML file, or tables by their names; None: the built-in trace under the default policies.
        Paths in a file are relative to it, others to where you are.

    Raises
    ------
    InputError
        The file cannot be read, or is no TOML. What else is wrong, ``check`` says.
    """

    def __init__(self, given: PathLike | Mapping[str, Any] | None = None) -> None:
        self._path = Path(given) if isinstance(given, str | os.PathLike) else None
        if self._path is not None:
            self._content: Mapping[str, Any] = parsed(self._path)
        else:
            self._content = dict(given) if isinstance(given, Mapping) else {}
        self._settings: tuple[tuple[str, str], ...] = ()
        self._read()

    @classmethod
    def from_file(cls, path: PathLike) -> Self:
        """Return the scenario that a TOML file holds.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        InputError
            It cannot be read, or is no TOML.
        """
        return cls(path)

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Self:
        """Return the scenario of tables such as ``{"policy": {"placement": "fgd"}}``.

        Parameters
        ----------
        tables
            Keys and values by table, as a file has them.
        """
        return cls(tables)

    def set(self, key: str, value: object) -> Self:
        """Return the scenario with another value.

        Parameters
        ----------
        key
            A key, such as ``policy.placement``; ``placement`` where one key has the name.
        value
            Its value, or a text as on the command line.

        Raises
        ------
        InputError
            There is no such key, or it cannot have that value.
        """
        made = type(self).__new__(type(self))
        made._path, made._content = self._path, self._content
        path = key_named(key).path
        earlier = (pair for pair in self._settings if pair[0] != path)
        made._settings = (*earlier, (path, as_text(key, value)))
        made._read()
        if path in made._scenario.wrong:
            refuse([error for error in made._problems if str(error).startswith(path)])
        return made

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key, by any of its names."""
        return self._scenario[key_named(key).path]

    def check(self) -> list[str]:
        """Return everything that is wrong, a line each: nothing if it can be run. It reads files.

        Jobs that no node could ever hold are not wrong: a run rejects them and goes on.
        """
        known, _ = with_known_names(self._scenario)
        _, about_files = try_ready(known)
        return [str(each) for each in (*self._problems, *wrong_with(self._scenario), *about_files)]

    def to_toml(self) -> str:
        """Return a text that states every key that is set, defaults included.

        Paths in it are relative to where you are; ``save`` makes them relative to the file.
        """
        return as_toml(self._scenario)

    def save(self, path: PathLike) -> None:
        """Write it into a file, whole or not at all.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        InputError
            It cannot be written.
        """
        paths = {key.path: self._scenario[key.path] for key in KEYS if key.kind == "file"}
        beside = {
            name: os.path.relpath(file, Path(path).parent)
            for name, file in paths.items()
            if file not in ("", BUILTIN)
        }
        moved = {name.replace(".", "__"): file for name, file in beside.items()}
        write_text(path, as_toml(self._scenario.of(**moved)))

    def with_settings(
        self, settings: tuple[tuple[str, str], ...]
    ) -> tuple[core.Scenario, list[InputError]]:
        """Return what it is with keys set to texts, and what is wrong with that.

        Parameters
        ----------
        settings
            Names of keys and texts.
        """
        return scenario_of(self._content, [*self._settings, *settings], self._path)

    def usable(self) -> core.Scenario:
        """Return what simulations take.

        Raises
        ------
        InputError
            The first thing that is wrong with keys, and how many more there are.
        """
        refuse(self._problems or wrong_with(self._scenario))
        return self._scenario

    def _read(self) -> None:
        self._scenario, self._problems = self.with_settings(())

    def __repr__(self) -> str:
        parts = [] if self._path is None else [repr(str(self._path))]
        parts += [repr(dict(self._content))] if self._path is None and self._content else []
        made = f"bayplan.Scenario({', '.join(parts)})"
        return made + "".join(f".set({key!r}, {text!r})" for key, text in self._settings)


def scenario_from(given: Given) -> Scenario:
    """Return a scenario of whatever says what it is.

    Parameters
    ----------
    given
        A scenario, a file, tables, or None.
    """
    return given if isinstance(given, Scenario) else Scenario(given)


def as_text(key: str, value: object) -> str:
    """Return a value as the command line has it.

    Parameters
    ----------
    key
        Its key, for the error.
    value
        The value.

    Raises
    ------
    InputError
        No key has values of this type.
    """
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case os.PathLike():
            return str(os.fspath(value))
        case int() | float():
            return repr(value)
        case Mapping() | list() | tuple():
            return value_text(value)
        case _:
            fix = "give a text, a number, True or False, or tables"
            raise InputError(f"{key}: {value!r} is of a type that no key has", fix=fix)
