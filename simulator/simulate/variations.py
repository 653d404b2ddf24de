"""The scenarios of a comparison: every combination of what is varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.key import NESTED
from bayplan.simulator.scenario.reading import key_named, parsed, scenario_of
from bayplan.simulator.scenario.ready import with_known_names
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import checked, from_text

MAX_VARIATIONS = 10_000

Pairs = Sequence[tuple[str, str]]
"""Names of keys and their values as texts."""


@dataclass(frozen=True, slots=True)
class Varied:
    """A key and the values that it takes, as texts."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """A scenario of a comparison, and the value of each varied key in it, as text."""

    values: tuple[str, ...]
    scenario: Scenario

    @property
    def group(self) -> str:
        """What it has in common with others: the first value where there are several."""
        return _label(self.values[0]) if len(self.values) > 1 else ""

    @property
    def name(self) -> str:
        """What tells it apart in its group."""
        if not self.values:
            return str(self.scenario["policy.placement"])
        return ", ".join(map(_label, self.values[1:] or self.values))


def _label(value: str) -> str:
    return value or '""'  # as a file has it


def parse_varied(text: str) -> Varied:
    """Read ``sharing=mps,timeslice``; semicolons separate values that have commas.

    Raises
    ------
    InputError
        The key is none, or a value stands there twice, be it in other words.
    """
    name, equals, given = text.partition("=")
    if not equals:
        raise InputError(f"--vary {text!r}: no key=values", fix="write placement=fgd,best-fit")
    values = [value.strip() for value in given.split(";" if ";" in given else ",")]
    if ";" in given and not values[-1]:
        values.pop()  # one value with commas: layout=1g.10gb@0,3g.40gb@4;
    return varied(name.strip(), values, f"--vary {text!r}")


def varied(name: str, values: Sequence[str], told: str) -> Varied:
    """Return a key and its values, each of them once.

    Parameters
    ----------
    name
        What the key is called.
    values
        The values, as texts.
    told
        Where they stand, for errors.

    Raises
    ------
    InputError
        The key is none that can be varied, or a value stands there twice, be it in other words.
    """
    key = key_named(name)
    if key.path == "run.seed":
        raise InputError(f"{told}: seeds have a flag", fix="give --seeds")
    if key.kind in NESTED:
        raise InputError(f"{told}: {key.path} is a table", fix="vary another key")
    said: dict[object, str] = {}
    for value in values:
        means, wrong = checked(key, from_text(key, value))
        this: object = value if wrong else means
        if this in said:
            before = said[this]
            how = "stands there twice" if before == value else f"is the same as {before!r}"
            raise InputError(f"{told}: {value!r} {how}", fix="give it once")
        said[this] = value
    return Varied(key.path, tuple(values))


def variations(
    path: Path | None, settings: Pairs, varied: Sequence[Varied]
) -> tuple[list[Variation], list[InputError]]:
    """Return every combination, the last key's values fastest, and all that is wrong with them.

    A key that says nothing is wrong only if it does so in all of them.

    Parameters
    ----------
    path
        The scenario's file; None: the defaults.
    settings
        What is set over it in all of them.
    varied
        The keys and their values.
    """
    content = {} if path is None else parsed(path)
    return combinations(lambda pairs: scenario_of(content, [*settings, *pairs], path), varied)


def combinations(
    read: Callable[[Pairs], tuple[Scenario, list[InputError]]], varied: Sequence[Varied]
) -> tuple[list[Variation], list[InputError]]:
    """Return every combination of a scenario, as ``variations`` does.

    Parameters
    ----------
    read
        Returns the scenario with keys set to texts, and what is wrong with it.
    varied
        The keys and their values.
    """
    _check(varied)
    made: list[Variation] = []
    problems: dict[str, InputError] = {}
    about_idle: list[dict[str, InputError]] = []
    for values in product(*(each.values for each in varied)):
        pairs = [(each.path, value) for each, value in zip(varied, values, strict=True)]
        scenario, wrong = read(pairs)
        known, unknown = with_known_names(scenario)
        problems.update((str(error), error) for error in [*wrong, *unknown, *conflicts(known)])
        about_idle.append(dict(idle(known)))
        made.append(Variation(values, scenario))
    for name, error in about_idle[0].items():
        if all(name in each for each in about_idle):
            problems[str(error)] = error
    return made, list(problems.values())


def resampling(variation: Variation) -> Variation:
    """Return the variation with ``jobs.resample`` decided where it is ``auto``."""
    return replace(variation, scenario=with_resampling(variation.scenario))


def with_resampling(scenario: Scenario) -> Scenario:
    """Return a scenario of several seeds with ``jobs.resample`` decided where it is ``auto``.

    How many seeds there are says nothing about it: what a seed gives is the same among others.
    """
    if scenario["jobs.resample"] != "auto":
        return scenario
    how = "none" if scenario["jobs.synthetic.count"] else "bootstrap"
    return scenario.of(jobs__resample=how)


def _check(varied: Sequence[Varied]) -> None:
    paths = [each.path for each in varied]
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise InputError(f"--vary: {twice[0]} stands there twice", fix="give all its values once")
    count = 1
    for each in varied:
        count *= len(each.values)
    if count > MAX_VARIATIONS:
        raise InputError(f"--vary: {count:,} combinations", fix="vary less at a time")
