"""From the text of one column's cells to its values, fast; slow only to find the cell at fault."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from bayplan.traces.columns import BadRow, Column, FloatArray, IntArray, shown

INTEGER = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
EXACT_FLOAT = 2.0**53
INT64_DIGITS = 19


def converted(column: Column, cells: Sequence[str]) -> Any:
    """Convert the cells of one column.

    An empty cell is the column's default, or an error where the column is required. Blanks
    around a number are dropped.

    Parameters
    ----------
    column
        What the cells should hold.
    cells
        The cells as text, ``n`` of them.

    Returns
    -------
    A ``(n,)`` array of the column's dtype, or ``n`` strings.

    Raises
    ------
    BadRow
        A cell is not what the column holds.
    """
    if column.dtype == "str":
        if column.default and "" in cells:
            return [cell or str(column.default) for cell in cells]
        return cells
    if column.dtype == "int64":
        return _integers(column, cells)
    return _floats(column, cells)


def _integers(column: Column, cells: Sequence[str]) -> IntArray:
    if not column.required and "" in cells:
        cells = [cell or column.default_cell for cell in cells]
    text = "".join(cells)
    # int() alone would also take "1_000", other scripts' digits and blanks.
    if text.isascii() and text.isdigit():
        try:
            return np.fromiter(map(int, cells), dtype=np.int64, count=len(cells))
        except (ValueError, OverflowError):
            pass  # an empty or too large cell: the slow way finds it
    slow = [_integer(column, record, cell.strip()) for record, cell in enumerate(cells)]
    return np.array(slow, dtype=np.int64)


def _integer(column: Column, record: int, cell: str) -> int:
    if INTEGER.fullmatch(cell):
        # Python refuses to convert thousands of digits, so the length is looked at first.
        if len(cell.lstrip("+-0")) > INT64_DIGITS or not -(2**63) <= (value := int(cell)) < 2**63:
            problem = f"{column.name} is {shown(cell)}, too large for a 64-bit integer"
            raise BadRow(record, problem, _at_most(column))
        return value
    if not cell and not column.required:
        return int(column.default)
    if DECIMAL.fullmatch(cell):
        value_read = float(cell)
        if value_read.is_integer() and abs(value_read) < EXACT_FLOAT:
            problem = f"{column.name} is {shown(cell)}, not in plain digits"
            raise BadRow(record, problem, f"write {int(value_read)}")
        problem = f"{column.name} is {shown(cell)}, not a whole number"
        raise BadRow(record, problem, f"round it to whole {column.unit}".rstrip())
    raise _not_a_number(column, record, cell, f"write a whole number{_of(column)}")


def _floats(column: Column, cells: Sequence[str]) -> FloatArray:
    if not column.required and "" in cells:
        fill = column.default_cell or "nan"
        cells = [cell or fill for cell in cells]
    text = "".join(cells)
    # float() alone would also take "1_000", "infinity" and other scripts' digits.
    if text.isascii() and "_" not in text:
        try:
            array = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
        except ValueError:
            pass
        else:
            if not np.isinf(array).any():
                return array
    slow = [_float(column, record, cell.strip()) for record, cell in enumerate(cells)]
    return np.array(slow, dtype=np.float64)


def _float(column: Column, record: int, cell: str) -> float:
    if DECIMAL.fullmatch(cell):
        value = float(cell)
        if math.isinf(value):
            problem = f"{column.name} is {shown(cell)}, too large"
            raise BadRow(record, problem, _at_most(column))
        return value
    if cell.lower() == "nan":
        return math.nan
    if not cell and not column.required:
        return float(column.default)
    raise _not_a_number(column, record, cell, f"write a number{_of(column)}")


def _not_a_number(column: Column, record: int, cell: str, fix: str) -> BadRow:
    problem = f"is {shown(cell)}, not a number" if cell else "is empty"
    return BadRow(record, f"{column.name} {problem}", fix)


def _at_most(column: Column) -> str:
    return f"write {column.maximum} or less"


def _of(column: Column) -> str:
    return f" of {column.unit}" if column.unit else ""
