"""The one CSV reading layer: every reader goes through it and fails in the same words."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.traces import bulk
from bayplan.traces.cells import converted
from bayplan.traces.columns import (
    BadRow,
    Column,
    check_columns,
    empty_values,
    listed,
    shown,
)
from bayplan.traces.files import PathLike, decoded, display, read_text

CHUNK_ROWS = 1024
"""Rows converted at a time: measured twice as fast as 16384, because the cells stay in cache."""

MISSPELLED = 0.85
"""A column nobody knows that is this similar to an absent one is a slip, not an extra."""


class TableFile(Protocol):
    """A file whose columns are known by name, and the errors that name it and its rows."""

    @property
    def name(self) -> str:
        """The file as the person named it."""

    @property
    def header(self) -> tuple[str, ...]:
        """The names of its columns."""

    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        """Return the error that names the file and, given a record, its row."""

    def bad_row(self, bad: BadRow) -> InputError:
        """Return the error for a row that breaks a rule."""

    def read(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Return the stated columns, as ``read_columns`` does."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file whose header was read: its name, its text and its column names.

    With another ``separator`` than the comma nothing is quoted. ``shift`` is how many lines further
    down its rows stand in the file: -1 where the header was not in it, more in a part of it.
    """

    name: str
    text: str
    header: tuple[str, ...]
    separator: str = ","
    shift: int = 0

    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        """Return the error that names the file and, given a record, its line.

        Parameters
        ----------
        problem
            What is wrong.
        fix
            What to do about it.
        record
            Index of the row below the header, counted from 0; None for the whole file.
        """
        row = None if record is None else self.line_of(record)
        return InputError(problem, file=self.name, row=row, fix=fix)

    def bad_row(self, bad: BadRow) -> InputError:
        """Return the error for a row that breaks a rule."""
        problem = bad.problem
        if bad.also is not None:
            problem = problem.format(also=self.line_of(bad.also))
        return self.error(problem, bad.fix, record=bad.record)

    def read(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Return the stated columns, as ``read_columns`` does."""
        return read_columns(self, columns)

    def line_of(self, record: int) -> int:
        """Return the line that a record starts on; the header is line 1, as in an editor."""
        line, _ = next(islice(_numbered(self.name, self.text, self.separator), record + 1, None))
        return line + self.shift


def open_csv(
    path: PathLike,
    *,
    data: bytes | None = None,
    header_of: Callable[[Sequence[str]], Sequence[str] | None] = lambda _: None,
    separator_of: Callable[[str], str] = lambda _: ",",
) -> CsvFile:
    """Read a CSV file and its header.

    Parameters
    ----------
    path
        The file, plain or gzip.
    data
        Its bytes, where they are read already.
    header_of
        Tells the names of the columns by the cells of the first row, of files that have no
        header; None where that row is one.
    separator_of
        Tells what separates the cells, by the first line.

    Raises
    ------
    InputError
        The file cannot be read, is empty, or has a header that names a column twice.
    """
    name = display(path)
    text = read_text(path) if data is None else decoded(path, data)
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    separator = separator_of(next(_lines(text), ""))
    first = next(_numbered(name, text, separator), None)
    if first is None:
        raise InputError("the file is empty", file=name, fix="write a header and rows")
    if known := header_of(first[1]):
        return CsvFile(name, ",".join(known) + "\n" + text, tuple(known), shift=-1)
    header = tuple(cell.strip() for cell in first[1])
    for index, column in enumerate(header):
        if column and column in header[:index]:
            raise InputError(
                f"column {shown(column)} is there twice", file=name, row=1, fix="keep one of them"
            )
    return CsvFile(name, text, header, separator)


def in_parts(file: CsvFile, characters: int = bulk.CHUNK_CHARACTERS) -> Iterator[CsvFile]:
    """Yield a file in parts that end at line ends, so that a large one is never there as cells.

    Parameters
    ----------
    file
        The file; one with quotation marks is one part.
    characters
        About how long a part is.
    """
    if len(file.text) <= characters or '"' in file.text:
        yield file
        return
    start = file.text.find("\n") + 1
    head, lines = file.text[:start], 0
    while start < len(file.text):
        end = file.text.find("\n", start + characters) + 1 or len(file.text)
        part = file.text[start:end]
        if not part.isspace():
            yield replace(file, text=head + part, shift=file.shift + lines)
        lines += part.count("\n")
        start = end


def read_columns(file: CsvFile, columns: Sequence[Column]) -> dict[str, Any]:
    """Read the stated columns of a file; other columns are left alone.

    Parameters
    ----------
    file
        The file.
    columns
        The columns to read, with their rules.

    Returns
    -------
    Every column by name: ``(n,)`` arrays of its dtype, and tuples of ``n`` strings. Columns that
    the file does not have are filled with their default.

    Raises
    ------
    InputError
        A required column is missing, or a row breaks a rule; the message names the line.
    """
    check_header(file, columns)
    present = [(each, file.header.index(each.name)) for each in columns if each.name in file.header]
    large = present and len(file.text) >= bulk.BULK_CHARACTERS
    parts = _in_bulk(file, [each for each, _ in present]) if large else None
    if parts is None:
        parts, rows = _converted(file, present)
    else:
        rows = sum(map(len, next(iter(parts.values()))))
    if not rows:
        raise file.error("the file has a header but no rows", "add rows")
    values = _joined(columns, parts, rows)
    try:
        check_columns(columns, values)
    except BadRow as bad:
        raise file.bad_row(bad) from None
    return values


def _in_bulk(file: CsvFile, columns: Sequence[Column]) -> dict[str, list[Any]] | None:
    return bulk.parsed(file.text, file.header, columns, file.separator)


def _converted(
    file: CsvFile, present: Sequence[tuple[Column, int]]
) -> tuple[dict[str, list[Any]], int]:
    """Return pieces of the columns by name, read row by row, and the number of rows."""
    parts: dict[str, list[Any]] = {column.name: [] for column, _ in present}
    rows = 0
    for chunk in _chunks(file):
        _check_widths(file, chunk, rows)
        by_column = list(zip(*chunk, strict=True))
        for column, index in present:
            try:
                parts[column.name].append(converted(column, by_column[index]))
            except BadRow as bad:
                raise file.error(bad.problem, bad.fix, record=rows + bad.record) from None
        rows += len(chunk)
    return parts, rows


def _joined(columns: Sequence[Column], parts: dict[str, list[Any]], rows: int) -> dict[str, Any]:
    """Join the pieces of every column; they are given up one by one, as a large file has many."""
    values: dict[str, Any] = {}
    for column in columns:
        pieces = parts.pop(column.name, None)
        if pieces is None:
            values[column.name] = empty_values(column, rows)
        elif column.dtype == "str":
            values[column.name] = tuple(chain.from_iterable(pieces))
        else:
            values[column.name] = np.concatenate(pieces)
    return values


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends, one by one: the header costs no copy of a large file."""
    start = 0
    while end := text.find("\n", start) + 1:
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _reader(text: str, separator: str) -> Any:
    if separator == ",":
        return csv.reader(_lines(text), strict=True)
    return csv.reader(_lines(text), strict=True, delimiter=separator, quoting=csv.QUOTE_NONE)


def _numbered(name: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of the header and every record; blank lines are no records."""
    reader = _reader(text, separator)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problem, fix = f"this is not CSV ({error})", "check its quotation marks"
            if "new-line character" in str(error):
                problem, fix = "a carriage return stands in a cell", "quote the cell or remove it"
            raise InputError(problem, file=name, row=line, fix=fix) from None
        if cells is None:
            return
        if cells:
            yield line, cells


def _chunks(file: CsvFile) -> Iterator[list[list[str]]]:
    """Yield the records below the header, many at a time."""
    records = filter(None, _reader(file.text, file.separator))
    try:
        next(records)
        while chunk := list(islice(records, CHUNK_ROWS)):
            yield chunk
    except csv.Error:
        for _ in _numbered(file.name, file.text, file.separator):
            pass  # raises, with the line that the broken record starts on
        raise


def check_header(file: TableFile, columns: Sequence[Column]) -> None:
    """Check that a file has the required columns, and none that is a slip of the pen.

    Parameters
    ----------
    file
        The file.
    columns
        The columns of its format.

    Raises
    ------
    InputError
        A column is missing or misspelled.
    """
    known = [column.name for column in columns]
    absent = [name for name in known if name not in file.header]
    extra = [name for name in file.header if name not in known]
    for column in columns:
        if column.required and column.name in absent:
            near = difflib.get_close_matches(column.name, extra, n=1)
            fix = f"rename {shown(near[0])} to it?" if near else "add it"
            problem = f"there is no column {column.name!r}, only {listed(file.header)}"
            raise file.error(problem, fix)
    for name in extra:
        # A misspelled optional column must not silently become its default.
        near = difflib.get_close_matches(name, absent, n=1, cutoff=MISSPELLED)
        if near:
            problem = f"there is no column {shown(name)} in this format"
            raise file.error(problem, f"did you mean {near[0]!r}? else rename it")


def _check_widths(file: CsvFile, chunk: list[list[str]], before: int) -> None:
    width = len(file.header)
    if set(map(len, chunk)) == {width}:
        return
    for index, cells in enumerate(chunk):
        if len(cells) != width:
            problem = f"the row has {len(cells)} cells, the header has {width}"
            fix = "quote cells that hold commas" if len(cells) > width else "add the missing cells"
            raise file.error(problem, fix, record=before + index)
