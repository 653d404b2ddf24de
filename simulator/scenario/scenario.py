"""A scenario: the value of every key, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.key import Value
from bayplan.simulator.scenario.keys import KEYS


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """The values of all keys by their full name, defaults included.

    ``file`` is the scenario's file as the person named it, empty without one; ``set_here`` are
    the keys whose values were given on the command line, which messages do not blame on the file.
    ``wrong`` are the keys whose given values cannot be; defaults stand in for them.
    """

    values: Mapping[str, Value] = field(
        default_factory=lambda: {key.path: key.default for key in KEYS}
    )
    file: str = ""
    set_here: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()

    def __getitem__(self, path: str) -> Any:
        return self.values[path]

    def of(self, **values: Value) -> Self:
        """Return the scenario with other values; ``__`` stands for the dots of a key's name."""
        changed = {name.replace("__", "."): value for name, value in values.items()}
        return replace(self, values={**self.values, **changed})

    def error(self, path: str, problem: str, fix: str) -> InputError:
        """Return the error that names the key, and the file where the value stands there."""
        blamed = self.file if self.file and path not in self.set_here else None
        return InputError(f"{path}: {problem}", file=blamed, fix=fix)

    def table(self, name: str) -> dict[str, Any]:
        """Return the values of a table by the names of its keys."""
        return {key.name: self.values[key.path] for key in KEYS if key.table == name}
