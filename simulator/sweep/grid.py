"""A grid: what a sweep runs, as a TOML file says it, with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from bayplan.scheduler.errors import InputError
from bayplan.simulator.metrics import METRICS, metric
from bayplan.simulator.replay.settings import parse_seeds
from bayplan.simulator.scenario.key import NESTED, Key
from bayplan.simulator.scenario.reading import key_named, leaves, parsed
from bayplan.simulator.scenario.values import checked, nearest
from bayplan.traces.files import display

Single: TypeAlias = str | int | float | bool
"""A value that a grid gives to a key."""

TABLES = ("scenario", "seeds", "metrics", "axes", "points")
SEEDS = "1-5"
MAX_RUNS = 100_000


@dataclass(frozen=True, slots=True)
class Grid:
    """What a grid file says.

    Attributes
    ----------
    file
        The file.
    scenario
        The scenario that everything else changes; None: the defaults.
    axes
        Keys by their full names, and the values that each takes: all combinations are run.
    points
        Further combinations, each by itself.
    seeds
        Under which each is run.
    metrics
        What is kept of each run.
    """

    file: Path
    scenario: Path | None = None
    axes: Mapping[str, tuple[Single, ...]] | None = None
    points: tuple[Mapping[str, Single], ...] = ()
    seeds: tuple[int, ...] = ()
    metrics: tuple[str, ...] = ()


def read_grid(path: Path) -> tuple[Grid, list[InputError]]:
    """Read a grid, and return it with everything that is wrong with it by itself.

    Parameters
    ----------
    path
        The TOML file.

    Raises
    ------
    InputError
        The file cannot be read, or is no TOML.
    """
    reading = _Reading(path)
    content = parsed(path)
    for name in content.keys() - set(TABLES):
        reading.wrong(name, "there is no such key", nearest(name, TABLES))
    grid = Grid(
        path,
        reading.scenario(content.get("scenario")),
        reading.axes(content.get("axes", {})),
        reading.points(content.get("points", [])),
        reading.seeds(content.get("seeds", SEEDS)),
        reading.metrics(content.get("metrics")),
    )
    if not reading.problems and (runs := _size(grid)) > MAX_RUNS:
        reading.wrong("axes", f"{runs:,} runs", f"vary less at a time: {MAX_RUNS:,} at most")
    return grid, reading.problems


def _size(grid: Grid) -> int:
    runs = 1 if grid.axes or not grid.points else 0
    for values in (grid.axes or {}).values():
        runs *= len(values)
    return (runs + len(grid.points)) * len(grid.seeds)


class _Reading:
    """The parts of a file, and what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[InputError] = []

    def wrong(self, at: str, problem: str, fix: str) -> None:
        self.problems.append(InputError(f"{at}: {problem}", file=display(self._path), fix=fix))

    def scenario(self, given: object) -> Path | None:
        if given is None:
            return None
        if isinstance(given, str) and given and given.isprintable():
            return self._path.parent / given
        self.wrong("scenario", f"{given!r} is not a path in quotes", "name a scenario file")
        return None

    def seeds(self, given: object) -> tuple[int, ...]:
        match given:
            case str():
                text = given
            case list() if given and all(_is_whole(each) for each in given):
                text = ",".join(map(str, given))
            case int() if _is_whole(given):
                text = str(given)
            case _:
                self.wrong("seeds", f"{given!r} are no seeds", 'write "1-5" or [1, 2, 7]')
                return ()
        try:
            return tuple(parse_seeds(text, "seeds"))
        except InputError as error:
            self.problems.append(InputError(str(error), file=display(self._path)))
            return ()

    def metrics(self, given: object) -> tuple[str, ...]:
        if given is None:
            return tuple(each.key for each in METRICS)
        if not isinstance(given, list) or not given or not all(isinstance(x, str) for x in given):
            self.wrong("metrics", "this is no list of names", 'write ["jct_mean_s"]')
            return ()
        for key in given:
            try:
                metric(key)
            except InputError as error:
                self.problems.append(InputError(f"metrics: {error}", file=display(self._path)))
        return tuple(dict.fromkeys(given))

    def axes(self, given: object) -> dict[str, tuple[Single, ...]]:
        found: dict[str, tuple[Single, ...]] = {}
        for key, values in self._keys("axes", given):
            at = f"axes.{key.path}"
            if not isinstance(values, list) or not values:
                self.wrong(at, "this is no list of values", "write it like [1, 2]")
                continue
            kept = self._values(key, values, at)
            if key.path in found:
                self.wrong(at, "it stands there twice", "give all its values once")
            found[key.path] = kept
        return found

    def points(self, given: object) -> tuple[dict[str, Single], ...]:
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            self.wrong("points", "this is no array of tables", "write [[points]] and keys below it")
            return ()
        return tuple(self._point(f"points[{i}]", each) for i, each in enumerate(given, 1))

    def _point(self, at: str, given: Mapping[str, Any]) -> dict[str, Single]:
        found: dict[str, Single] = {}
        for key, value in self._keys(at, given):
            for kept in self._values(key, [value], f"{at}.{key.path}"):
                found[key.path] = kept
        if not given:
            self.wrong(at, "it is empty", "give it a key, or leave it out")
        return found

    def _keys(self, at: str, given: object) -> list[tuple[Key, Any]]:
        if not isinstance(given, dict):
            self.wrong(at, "this is no table", f"write [{at}] and keys below it")
            return []
        keys = []
        for name, value in leaves(given):
            try:
                key = key_named(name)
            except InputError as error:
                self.problems.append(InputError(f"{at}: {error}", file=display(self._path)))
                continue
            if key.path == "run.seed":
                self.wrong(f"{at}.{name}", "seeds have a key of their own", "write seeds = [1, 2]")
            elif key.kind in NESTED:
                self.wrong(f"{at}.{name}", "this key is a table", "set it in the scenario")
            else:
                keys.append((key, value))
        return keys

    def _values(self, key: Key, given: Sequence[Any], at: str) -> tuple[Single, ...]:
        """Return the values that a key can have, each once."""
        found: dict[tuple[type, object], Single] = {}
        for value in given:
            means, wrong = checked(key, value, at)
            self.problems += [
                InputError(f"{w.path}: {w.problem}", file=display(self._path), fix=w.fix)
                for w in wrong
            ]
            if wrong:
                continue
            assert isinstance(means, Single)
            if (type(means), means) in found:
                self.wrong(at, f"{value!r} stands there twice", "give it once")
            found[type(means), means] = means
        return tuple(found.values())


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
