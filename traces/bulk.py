"""Large CSV files: plain ones go through polars, and anything odd is left to the plain reader.

What this returns, the plain reader would return too; where it might not, or where a cell is at
fault, this returns nothing, and the plain reader says what is wrong, by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayplan.traces.columns import Column

if TYPE_CHECKING:
    import polars as pl

BULK_CHARACTERS = 1 << 20
"""Smaller files are read before polars is imported."""

CHUNK_CHARACTERS = 1 << 23
"""Characters handed over at a time, so that a large file is never there twice."""


def parsed(
    text: str, header: Sequence[str], columns: Sequence[Column], separator: str = ","
) -> dict[str, list[Any]] | None:
    """Convert the stated columns of a plain CSV text, fast.

    Plain is: no quotation marks, no carriage returns but before line feeds, no blank lines, and
    every row as wide as the header.

    Parameters
    ----------
    text
        All of the file, header included.
    header
        Its column names.
    columns
        The columns to convert; all of them are in the header.
    separator
        What separates cells; with another one than the comma, quotation marks are plain text.

    Returns
    -------
    Pieces of every column by name, as ``cells.converted`` returns them; None where the text is not
    plain or a cell cannot be converted.
    """
    if len(header) < 2 or text.startswith(("\n", "\r")):
        return None
    if separator == "," and '"' in text:
        return None
    if "\r" in text and "\r" in (text := text.replace("\r\n", "\n")):
        return None
    places = sorted((header.index(column.name), column) for column in columns)
    shared: dict[str, dict[str, str]] = {column.name: {} for column in columns}
    pieces: dict[str, list[Any]] = {column.name: [] for column in columns}
    for chunk in _chunks(text):
        frame = _frame(chunk, len(header), places, separator)
        if frame is None:
            return None
        for index, column in places:
            values = _values(frame[f"c{index}"], column, shared[column.name])
            if values is None:
                return None
            pieces[column.name].append(values)
    return pieces


def _chunks(text: str) -> Iterator[str]:
    """Yield the rows below the header in pieces that end at line ends."""
    last = len(text)
    while text.endswith("\n\n", 0, last):
        last -= 1  # blank lines below the last row
    start = text.find("\n") + 1 or last
    while start < last:
        end = min(start + CHUNK_CHARACTERS, last)
        if end < last:
            end = text.rfind("\n", start, end) + 1 or text.find("\n", start) + 1 or last
        yield text[start:end]
        start = end


def _frame(
    chunk: str, width: int, places: Sequence[tuple[int, Column]], separator: str
) -> pl.DataFrame | None:
    import polars as pl

    types = {"int64": pl.Int64, "float64": pl.Float64, "str": pl.String}
    schema: dict[str, Any] = {f"c{index}": pl.String for index in range(width)}
    schema |= {f"c{index}": types[column.dtype] for index, column in places}
    rows = chunk.count("\n") + (not chunk.endswith("\n"))
    if chunk.count(separator) != rows * (width - 1):
        return None
    try:
        frame = pl.read_csv(
            chunk.encode(),
            has_header=False,
            separator=separator,
            schema=schema,
            quote_char=None,
        )
    except (pl.exceptions.PolarsError, UnicodeEncodeError):
        return None
    # A row that is too wide is an error above, because all columns are read; none is too narrow
    # when the commas add up.
    return frame if len(frame) == rows else None


def _values(series: pl.Series, column: Column, shared: dict[str, str]) -> Any:
    if column.dtype == "str":
        return texts_of(series.fill_null(""), column, shared)
    if series.null_count():
        if column.required:
            return None
        series = series.fill_null(column.default)
    array = series.to_numpy()
    if column.dtype == "float64":
        return None if np.isinf(array).any() else array.copy()
    return array.copy()


def texts_of(series: pl.Series, column: Column, shared: dict[str, str]) -> list[str]:
    """Return the texts of a column; equal ones of a column that repeats itself are one object.

    Parameters
    ----------
    series
        Texts, none of them missing.
    column
        The column that they belong to; empty texts become its default.
    shared
        The texts met so far, by themselves; new ones are added.
    """
    import polars as pl

    default = str(column.default) if column.default else ""
    distinct = series if column.unique else series.unique(maintain_order=True)
    if len(distinct) * 2 > len(series):
        return [text or default for text in series.to_list()]
    words = [shared.setdefault(text, text) or default for text in distinct.to_list()]
    codes = series.replace_strict(distinct, range(len(words)), return_dtype=pl.UInt32)
    return list(map(words.__getitem__, codes.to_list()))
