"""What a grid comes to: every combination as a scenario, and the files that these read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import product
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.keys import BY_PATH, FILE_KEYS, NO_FILES
from bayplan.simulator.scenario.reading import read_scenario
from bayplan.simulator.scenario.ready import Files, read_files, refuse, with_known_names
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.variations import with_resampling
from bayplan.simulator.sweep.grid import Grid, Single
from bayplan.traces.files import display

MISSING = "missing"


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One combination.

    ``values`` are what it has of each varied key, None where that is not set; ``problem`` says why
    it cannot be run, empty where it can.
    """

    values: tuple[Single | None, ...]
    scenario: Scenario
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The runs of a grid: each point under each seed, in that order.

    Attributes
    ----------
    grid
        What it was made from.
    keys
        The varied keys, by their full names.
    points
        The combinations: the last axis' values fastest, then the points by themselves.
    files
        Everything that the scenarios read.
    inputs
        The digest of each file, by its path from the grid's folder.
    """

    grid: Grid
    keys: tuple[str, ...]
    points: tuple[Point, ...]
    files: Files
    inputs: Mapping[str, str]

    @property
    def size(self) -> int:
        """How many runs there are."""
        return len(self.points) * len(self.grid.seeds)

    def tasks(self) -> Iterator[tuple[int, int, int]]:
        """Yield the number of each run, counted from 1, its point and its seed."""
        pairs = product(range(len(self.points)), self.grid.seeds)
        for number, (point, seed) in enumerate(pairs, 1):
            yield number, point, seed


def planned(grid: Grid) -> tuple[Plan, list[InputError]]:
    """Return the runs of a grid, and everything that is wrong with all of them.

    What is wrong with some combinations only is no problem of the grid: it is their ``problem``.

    Parameters
    ----------
    grid
        A grid that is right by itself.

    Raises
    ------
    InputError
        The scenario cannot be read.
    """
    axes = grid.axes or {}
    keys = tuple(dict.fromkeys([*axes, *(key for point in grid.points for key in point)]))
    making = _Making(grid, keys)
    points = [making.point(given) for given in _combinations(grid)]
    problems = [*making.problems.values(), *_twice(grid, keys, points)]
    if not problems and all(point.problem for point in points):
        problems = [InputError(text) for text in dict.fromkeys(p.problem for p in points)]
    return Plan(grid, keys, tuple(points), making.files, making.inputs()), problems


def _combinations(grid: Grid) -> Iterator[Mapping[str, Single]]:
    axes = grid.axes or {}
    if axes or not grid.points:
        for values in product(*axes.values()):
            yield dict(zip(axes, values, strict=True))
    yield from grid.points


class _Making:
    """The points that were made so far, what they read, and what is wrong with all of them."""

    def __init__(self, grid: Grid, keys: Sequence[str]) -> None:
        self._grid = grid
        self._keys = keys
        self._read: dict[str, None] = {}
        self._idle: dict[str, InputError] | None = None
        self._named: dict[str, InputError] = {}
        self.files = Files()

    @property
    def problems(self) -> dict[str, InputError]:
        """What is wrong, by its text."""
        return self._named | {str(error): error for error in (self._idle or {}).values()}

    def point(self, given: Mapping[str, Single]) -> Point:
        scenario = self._scenario(given)
        known, _ = with_known_names(scenario)
        wrong = list(conflicts(known)) or read_files(known, self.files)
        says_nothing = dict(idle(known))
        self._idle = (
            says_nothing
            if self._idle is None
            else {path: error for path, error in self._idle.items() if path in says_nothing}
        )
        self._read.update(
            (scenario[key], None) for key in FILE_KEYS if scenario[key] not in NO_FILES
        )
        for services in self.files.services.values():
            self._read.update(dict.fromkeys(services.read))
        values = tuple(self._shown(key, given, scenario) for key in self._keys)
        return Point(values, with_resampling(scenario), said(wrong))

    def inputs(self) -> dict[str, str]:
        """Return the digest of every file that matters, the grid first."""
        scenario = self._grid.scenario
        first = [self._grid.file] if scenario is None else [self._grid.file, scenario]
        paths = [*first, *map(Path, sorted(self._read))]
        return {self._beside(path): _digest(path) for path in paths}

    def _scenario(self, given: Mapping[str, Single]) -> Scenario:
        pairs = [(key, self._text(key, value)) for key, value in given.items()]
        scenario, wrong = read_scenario(self._grid.scenario, pairs)
        _, unknown = with_known_names(scenario)
        file = display(self._grid.file)
        for error in (*wrong, *unknown):
            text = str(error)
            ours = any(text.startswith(f"{key}: ") for key in given)
            named = InputError(text, file=file) if ours else error
            self._named.setdefault(str(named), named)
        return scenario

    def _text(self, key: str, value: Single) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if BY_PATH[key].kind == "file" and value not in NO_FILES:
            return str(self._grid.file.parent / str(value))
        return str(value)

    def _shown(self, key: str, given: Mapping[str, Single], scenario: Scenario) -> Single | None:
        if key in given:
            return given[key]
        value: Single | None = scenario[key]
        if BY_PATH[key].kind == "file" and value not in NO_FILES:
            return self._beside(Path(str(value)))
        return value

    def _beside(self, path: Path) -> str:
        return os.path.relpath(path, self._grid.file.parent)


def _twice(grid: Grid, keys: Sequence[str], points: Sequence[Point]) -> Iterator[InputError]:
    """Yield an error about each combination that another one is too."""
    first = len(points) - len(grid.points)
    seen: set[tuple[object, ...]] = set()
    for i, point in enumerate(points):
        if point.values in seen:
            yield InputError(
                f"points[{i - first + 1}]: another combination is the same",
                file=display(grid.file),
                fix="leave it out",
            )
        seen.add(point.values)


def said(problems: Sequence[InputError]) -> str:
    """Return problems in a line, empty where there are none."""
    try:
        refuse(problems)
    except InputError as error:
        return str(error)
    return ""


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return MISSING  # who reads it says what is wrong with it
