"""The rows of a sweep as files: in the order of the grid, whatever the order they were done in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bayplan.simulator.outputs.parquet import packed
from bayplan.simulator.scenario.keys import BY_PATH
from bayplan.simulator.sweep.plan import Plan
from bayplan.simulator.sweep.work import Row
from bayplan.traces.files import write_data

PARQUET = "runs.parquet"
CSV = "runs.csv"


def write_tables(folder: Path, plan: Plan, rows: Mapping[int, Row]) -> None:
    """Write ``runs.parquet`` and ``runs.csv``: same rows, same bytes.

    Parameters
    ----------
    folder
        Where they go.
    plan
        The runs.
    rows
        Those that are done, by their numbers.

    Raises
    ------
    InputError
        They cannot be written.
    """
    table = list(_rows(plan, rows))
    columns = _columns(plan)
    write_data(folder / PARQUET, _parquet(columns, table))
    write_data(folder / CSV, _csv(columns, table).encode())


def _columns(plan: Plan) -> list[tuple[str, str]]:
    """Return the name of each column and the kind of its values."""
    return [
        ("run", "whole"),
        *((key, BY_PATH[key].kind) for key in plan.keys),
        ("seed", "whole"),
        ("error", "text"),
        *((key, "number") for key in plan.grid.metrics),
    ]


def _rows(plan: Plan, rows: Mapping[int, Row]) -> Iterator[list[Any]]:
    for number, point, seed in plan.tasks():
        if (row := rows.get(number)) is not None:
            yield [number, *plan.points[point].values, seed, row.error or None, *row.figures]


def _parquet(columns: list[tuple[str, str]], table: list[list[Any]]) -> bytes:
    import polars as pl

    types = {"whole": pl.Int64, "number": pl.Float64, "yes": pl.Boolean}
    return packed(
        pl.DataFrame(
            [
                # Counts are whole numbers, and a column of metrics is one of floats.
                pl.Series(name, [row[i] for row in table], types.get(kind, pl.String), strict=False)
                for i, (name, kind) in enumerate(columns)
            ]
        )
    )


def _csv(columns: list[tuple[str, str]], table: list[list[Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    writer.writerows([[_text(value) for value in row] for row in table])
    return out.getvalue()


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
