"""What a key of a scenario is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "whole", "number", "yes", "file", "rows", "numbers", "tables"]
"""What a value is.

``rows`` is an array of tables and ``tables`` a table of named ones, both with the columns of the
key; ``numbers`` is a table of named numbers.
"""

NESTED: frozenset[Kind] = frozenset({"rows", "numbers", "tables"})

Value: TypeAlias = (
    "str | int | float | bool | Sequence[Mapping[str, Any]] | Mapping[str, Any] | None"
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: everything that is known about it, and nothing else knows more.

    Attributes
    ----------
    table, name
        Where it stands. In the columns of another key ``table`` is that key's full name.
    kind
        What its value is.
    default
        The value if it is left out; None: then it is not set.
    meaning
        One line about it.
    least, most
        Bounds of a number, both included.
    choices
        The values that a text may have; empty: any.
    registry
        The registry in ``names`` that has the values of a text.
    names
        What that has without plug-ins, where nothing else lists it.
    unit
        Of a number.
    columns
        The keys of a nested table.
    """

    table: str
    name: str
    kind: Kind
    default: Value
    meaning: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    registry: str = ""
    names: tuple[str, ...] = ()
    unit: str = ""
    columns: tuple[Key, ...] = ()

    @property
    def path(self) -> str:
        """The full name, as flags and messages have it."""
        return f"{self.table}.{self.name}"

    @property
    def range(self) -> str:
        """The values that it may have, in words."""
        if self.choices:
            return ", ".join(self.choices)
        if self.names:
            return f"{', '.join(self.names)}, or a plug-in"
        if self.least is None and self.most is None:
            return ""
        if self.most is None:
            return f"{_figure(self.least)} or more"
        return f"{_figure(self.least)} to {_figure(self.most)}"


def filled(columns: tuple[Key, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a nested table with the defaults of what it leaves out."""
    defaults = {column.name: column.default for column in columns if column.default is not None}
    return {**defaults, **row}


def _figure(value: float | None) -> str:
    assert value is not None
    for power in (63, 31):
        if value in (-(2**power), 2**power - 1):
            return f"2^{power} - 1" if value > 0 else f"-2^{power}"
    if abs(value) >= 10**9:
        return f"10^{round(math.log10(value))}"
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
