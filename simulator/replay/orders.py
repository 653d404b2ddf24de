"""Orders given as CSV: one column ``seedNN`` for each seed, 0-based rows of the pod or node file.

Columns may be of different length: empty cells at the end of a column do not count.
"""

from __future__ import annotations

import csv
import io

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.simulator.replay.settings import IntArray, is_count
from bayplan.traces.columns import shown
from bayplan.traces.files import PathLike, display, read_text


def read_orders(path: PathLike, n_rows: int, *, complete: bool) -> dict[int, IntArray]:
    """Read the orders of all seeds in a file.

    Parameters
    ----------
    n_rows
        How many rows the ordered file has.
    complete
        Whether an order must name every row exactly once, as a node order must.

    Raises
    ------
    InputError
        No ``seedNN`` column, a cell that is no row of the file, a gap, an incomplete order.
    """
    text = io.StringIO(read_text(path), newline=None)  # all kinds of line ends
    try:
        lines = list(csv.reader(text, strict=True))
    except csv.Error as error:
        raise InputError(f"this is not CSV ({error})", file=display(path), fix=_FIX) from None
    if not lines or not lines[0]:
        raise InputError("the file has no header", file=display(path), fix=_FIX)
    orders: dict[int, IntArray] = {}
    for column, name in enumerate(lines[0]):
        seed = _seed(path, name)
        if seed in orders:
            raise InputError(
                f"seed {seed} has two columns", file=display(path), row=1, fix="keep one of them"
            )
        cells = [line[column] if column < len(line) else "" for line in lines[1:]]
        orders[seed] = _order(path, name.strip(), cells, n_rows, complete)
    return orders


_FIX = "give one column seedNN for each seed, such as seed42, with 0-based row numbers"


def _seed(path: PathLike, name: str) -> int:
    number = name.strip().removeprefix("seed")
    if not name.strip().startswith("seed") or not is_count(number):
        raise InputError(f"column {shown(name)} is no seed", file=display(path), row=1, fix=_FIX)
    return int(number)


def _order(path: PathLike, name: str, cells: list[str], n_rows: int, complete: bool) -> IntArray:
    while cells and not cells[-1].strip():
        cells.pop()
    for i, cell in enumerate(cells):
        if not is_count(cell.strip()) or int(cell) >= n_rows:
            raise InputError(
                f"column {name}: {shown(cell)} is no row of a file with {n_rows} rows",
                file=display(path),
                row=i + 2,
                fix=f"rows are numbers from 0 to {n_rows - 1}",
            )
    order = np.array([int(cell) for cell in cells], np.int64)
    if not order.size:
        raise InputError(f"column {name} is empty", file=display(path), fix=_FIX)
    if complete and (order.size != n_rows or np.unique(order).size != n_rows):
        raise InputError(
            f"column {name} names {np.unique(order).size} of {n_rows} rows in {order.size} cells",
            file=display(path),
            fix="name every row exactly once",
        )
    return order
