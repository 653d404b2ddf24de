"""Bayplan's own CSV files: the columns of the pod table and of the node table, as they are."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bayplan.traces.columns import BadRow, Column
from bayplan.traces.files import PathLike, write_text
from bayplan.traces.reading import CsvFile, read_columns
from bayplan.traces.schema import (
    NODE_COLUMNS,
    POD_COLUMNS,
    NodeTable,
    PodTable,
    columns_of,
)


def pods_from_csv(file: CsvFile) -> PodTable:
    """Read the pod table from an opened CSV file.

    Parameters
    ----------
    file
        A file with the columns of ``POD_COLUMNS``; optional ones may be left out.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    try:
        return PodTable(**read_columns(file, POD_COLUMNS))
    except BadRow as bad:
        raise file.bad_row(bad) from None


def nodes_from_csv(file: CsvFile) -> NodeTable:
    """Read the node table from an opened CSV file.

    Parameters
    ----------
    file
        A file with the columns of ``NODE_COLUMNS``; optional ones may be left out.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    return NodeTable(**read_columns(file, NODE_COLUMNS))


def write_pods(pods: PodTable, path: PathLike) -> None:
    """Write the pod table so that reading it gives the same table back, bit by bit.

    Parameters
    ----------
    pods
        The table.
    path
        The file, written whole or not at all; packed by gzip when the name ends in ``.gz``.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    write_text(path, csv_text(pods))


def write_nodes(nodes: NodeTable, path: PathLike) -> None:
    """Write the node table so that reading it gives the same table back, bit by bit.

    Parameters
    ----------
    nodes
        The table.
    path
        The file, written whole or not at all; packed by gzip when the name ends in ``.gz``.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    write_text(path, csv_text(nodes))


def csv_text(table: PodTable | NodeTable) -> str:
    """Return a table as the text of its CSV file; a rare column only where a row has it.

    Parameters
    ----------
    table
        The table.
    """
    values = columns_of(table)
    columns = [
        column
        for column in (POD_COLUMNS if isinstance(table, PodTable) else NODE_COLUMNS)
        if not column.rare or any(values[column.name])
    ]
    return text_of(columns, values)


def text_of(columns: Sequence[Column], values: Mapping[str, Any]) -> str:
    """Return columns as the text of a CSV file that reads back bit by bit.

    Parameters
    ----------
    columns
        The columns to write, in order.
    values
        Their values by name.
    """
    cells = [_cells(column, values[column.name]) for column in columns]
    texts = [values[column.name] for column in columns if column.dtype == "str"]
    # csv may leave a carriage return without quotes, and a reader takes it for a line's end.
    returns = any("\r" in "".join(column) for column in texts)
    out = io.StringIO(newline="")
    dialect = csv.unix_dialect if returns else csv.excel  # all cells quoted, or those that need it
    writer = csv.writer(out, dialect, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue()


def _cells(column: Column, values: Any) -> Sequence[int | str]:
    if column.dtype == "float64":
        return [_decimal(value) for value in values.tolist()]
    return values if column.dtype == "str" else values.tolist()  # type: ignore[no-any-return]


def _decimal(value: float) -> str:
    """Write a float in the fewest characters that read back as the same float."""
    return "" if math.isnan(value) else repr(value).removesuffix(".0")
