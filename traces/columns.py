"""What a column of a table is, and the one check of a table against its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SHOWN_CHARACTERS = 40
SHOWN_COLUMNS = 16


class BadRow(ValueError):
    """A row of a table breaks a rule; a reader turns it into an error that names file and line.

    Parameters
    ----------
    record
        Index of the row in the table, counted from 0.
    problem
        What is wrong, with the value and the rule.
    fix
        What to do about it.
    also
        Index of a second row that the problem names as ``{also}``, such as a duplicate's twin.
    """

    def __init__(self, record: int, problem: str, fix: str, *, also: int | None = None) -> None:
        shown = problem if also is None else problem.format(also=also)
        super().__init__(f"row {record} (counted from 0): {shown}; {fix}")
        self.record = record
        self.problem = problem
        self.fix = fix
        self.also = also


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: how it is called, what is in it, and what a value may be.

    Integers and times have bounds so that sums over a million rows stay inside 64 bits. A default
    of not-a-number stands for "unknown" and is written as an empty cell. A ``rare`` column
    is written only where a row has more than its default, which is empty or 0.
    """

    name: str
    dtype: Literal["int64", "float64", "str"]
    unit: str
    meaning: str
    required: bool = False
    default: int | float | str = 0
    minimum: int | None = None
    maximum: int | None = None
    unique: bool = False
    rare: bool = False

    @property
    def default_cell(self) -> str:
        """The default as it is written in a file; empty for "unknown" and for empty text."""
        return "" if self.default != self.default else str(self.default)


def shown(text: str) -> str:
    """Quote a text for a one-line message: escapes resolved, long ones cut."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    return repr(cut)


def listed(names: Iterable[str]) -> str:
    """List column names in one line, at most ``SHOWN_COLUMNS`` of them."""
    every = [name if name.isidentifier() and len(name) < 40 else shown(name) for name in names]
    more = len(every) - SHOWN_COLUMNS
    return ", ".join(every[:SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")


def empty_values(column: Column, rows: int) -> Any:
    """Return the column's default, ``rows`` times.

    Parameters
    ----------
    column
        The column to fill.
    rows
        How many values.

    Returns
    -------
    A ``(rows,)`` array of the column's dtype, or a tuple of ``rows`` strings.
    """
    if column.dtype == "str":
        return (str(column.default),) * rows
    return np.full(rows, column.default, dtype=column.dtype)


def filled(columns: Sequence[Column], given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring values given by name into the columns' dtypes and add the defaults.

    Parameters
    ----------
    columns
        The columns of the table.
    given
        Values by column name, each of the same length.

    Returns
    -------
    Every column by name: ``(n,)`` arrays, and tuples of ``n`` strings.

    Raises
    ------
    TypeError
        A column is unknown, a required one is missing, or an integer column is given as floats.
    """
    if unknown := set(given) - {column.name for column in columns}:
        raise TypeError(f"no such columns: {listed(sorted(unknown))}")
    if missing := [c.name for c in columns if c.required and c.name not in given]:
        raise TypeError(f"missing columns: {listed(missing)}")
    rows = len(next(iter(given.values())))
    return {
        column.name: _typed(column, given[column.name])
        if column.name in given
        else empty_values(column, rows)
        for column in columns
    }


def check_columns(columns: Sequence[Column], values: Mapping[str, Any]) -> None:
    """Check the values of a table column by column.

    Parameters
    ----------
    columns
        The rules.
    values
        Every column by name: ``(n,)`` arrays of the stated dtype, and tuples of ``n`` strings.

    Raises
    ------
    TypeError
        A column is not of its dtype.
    ValueError
        The columns are not of one length.
    BadRow
        A value is out of bounds, a required text is empty, or a unique one is there twice.
    """
    lengths = {column.name: len(values[column.name]) for column in columns}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of different lengths: {lengths}")
    for column in columns:
        if column.dtype == "str":
            _check_texts(column, values[column.name])
        else:
            _check_numbers(column, values[column.name])


def _typed(column: Column, value: Any) -> Any:
    if column.dtype == "str":
        return tuple(map(str, value))
    array = np.asarray(value)
    if column.dtype == "int64" and array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{column.name} holds {array.dtype}; it is a column of integers")
    return array.astype(column.dtype)


def _check_texts(column: Column, texts: tuple[str, ...]) -> None:
    if column.required and "" in texts:
        raise BadRow(texts.index(""), f"{column.name} is empty", f"write a {column.name}")
    if column.unique and len(set(texts)) < len(texts):
        first: dict[str, int] = {}
        for record, text in enumerate(texts):
            if (twin := first.setdefault(text, record)) != record:
                # Braces in the text are doubled: the problem is a format string for ``also``.
                name = shown(text).replace("{", "{{").replace("}", "}}")
                problem = f"{column.name} {name} is already in row {{also}}"
                raise BadRow(record, problem, f"give every row its own {column.name}", also=twin)


def _check_numbers(column: Column, array: IntArray | FloatArray) -> None:
    if array.dtype != np.dtype(column.dtype) or array.ndim != 1:
        raise TypeError(f"{column.name} is {array.dtype} with {array.ndim} axes")
    if column.dtype == "float64" and not np.isnan(column.default) and np.isnan(array).any():
        record = int(np.isnan(array).argmax())
        raise BadRow(record, f"{column.name} is not a number", f"write {column.unit}")
    if column.minimum is not None and (low := array < column.minimum).any():
        record = int(low.argmax())
        problem = f"{column.name} is {array[record]}, below {column.minimum}"
        raise BadRow(record, problem, f"write {column.minimum} or more")
    if column.maximum is not None and (high := array > column.maximum).any():
        record = int(high.argmax())
        problem = f"{column.name} is {array[record]}, above {column.maximum}"
        raise BadRow(record, problem, f"write {column.maximum} or less")
