"""Parquet files: read through the same rules as CSV, and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.traces.bulk import texts_of
from bayplan.traces.columns import BadRow, Column, check_columns, empty_values
from bayplan.traces.files import PathLike, display, read_data, write_data
from bayplan.traces.located import Located
from bayplan.traces.reading import check_header

if TYPE_CHECKING:
    import polars as pl

SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True)
class ParquetFile(Located):
    """An opened Parquet file: its name, its columns, and its rows counted from 1 in errors."""

    data: bytes

    def read(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Return the stated columns by name; a missing value is the column's default.

        Parameters
        ----------
        columns
            The columns to read, with their rules.

        Raises
        ------
        InputError
            A required column is missing or of another type, or a row breaks a rule.
        """
        check_header(self, columns)
        present = [column.name for column in columns if column.name in self.header]
        frame = self._frame(present)
        if not len(frame):
            raise self.error("the file has no rows", "add rows")
        try:
            values = {
                column.name: self._values(frame[column.name], column)
                if column.name in present
                else empty_values(column, len(frame))
                for column in columns
            }
            check_columns(columns, values)
        except BadRow as bad:
            raise self.bad_row(bad) from None
        return values

    def _frame(self, present: Sequence[str]) -> pl.DataFrame:
        import polars as pl

        try:
            return pl.read_parquet(self.data, columns=list(present))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(self.name, error) from None

    def _values(self, series: pl.Series, column: Column) -> Any:
        import polars as pl

        kinds = {
            "int64": series.dtype.is_integer() or series.dtype == pl.Boolean,
            "float64": series.dtype.is_numeric(),
            "str": series.dtype in (pl.String, pl.Categorical, pl.Enum),
        }
        if not kinds[column.dtype] and series.dtype != pl.Null:  # Null: nothing in any row
            problem = f"{column.name} holds {series.dtype}; it is a column of {column.dtype}"
            raise self.error(problem, f"store it as {column.dtype}")
        if column.required and series.null_count():
            record = int(series.is_null().arg_max() or 0)
            raise BadRow(record, f"{column.name} is empty", f"write a {column.name}")
        if column.dtype == "str":
            return tuple(texts_of(series.cast(pl.String).fill_null(""), column, {}))
        kind = pl.Int64 if column.dtype == "int64" else pl.Float64
        wide = series.cast(kind, strict=False)
        if wide.null_count() > series.null_count():
            record = int((wide.is_null() & series.is_not_null()).arg_max() or 0)
            problem = f"{column.name} is {series[record]}, too large for a 64-bit integer"
            raise BadRow(record, problem, f"write {column.maximum} or less")
        array: Any = wide.fill_null(column.default).to_numpy().astype(column.dtype)
        if column.dtype == "float64" and np.isinf(array).any():
            record = int(np.isinf(array).argmax())
            problem = f"{column.name} is {array[record]}, not a number"
            raise BadRow(record, problem, f"write a number of {column.unit}")
        return array


def open_parquet(path: PathLike) -> ParquetFile:
    """Open a Parquet file and read the names of its columns.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        The file cannot be read, or is no Parquet file.
    """
    import polars as pl

    name, data = display(path), read_data(path)
    try:
        header = tuple(pl.read_parquet_schema(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(name, error) from None
    return ParquetFile(name, header, data)


def write_parquet(columns: Sequence[Column], values: Mapping[str, Any], path: PathLike) -> None:
    """Write columns as a Parquet file, whole or not at all.

    Parameters
    ----------
    columns
        The columns to write, in order; a float that is not a number is a missing value.
    values
        Their values by name.
    path
        The file.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    import io

    import polars as pl

    series = []
    for column in columns:
        kind = {"int64": pl.Int64, "float64": pl.Float64, "str": pl.String}[column.dtype]
        each = pl.Series(column.name, values[column.name], dtype=kind)
        series.append(each.fill_nan(None) if column.dtype == "float64" else each)
    out = io.BytesIO()
    pl.DataFrame(series).write_parquet(out, compression="zstd", statistics=False)
    write_data(path, out.getvalue())


def _damaged(name: str, error: Exception) -> InputError:
    said = " ".join(str(error).split())[:120]
    return InputError(f"this is not a Parquet file ({said})", file=name, fix="write it anew")
