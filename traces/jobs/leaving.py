"""What published logs leave empty, and rows that are no jobs to run: left out, and told of."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bayplan.traces.columns import Column
from bayplan.traces.reading import TableFile, check_header

LATER_END = "a start and an end after it"
"""What a row needs to have run. Published traces have a few that were logged wrongly."""


def read_logged(
    file: TableFile, columns: Sequence[Column], needed: Collection[str]
) -> dict[str, Any]:
    """Return the columns of a log, in which a cell may be empty though its column must be there.

    Parameters
    ----------
    file
        The file.
    columns
        The columns to read; the required ones must be there.
    needed
        Those of which no cell may be empty. Others are then empty, 0, or what they default to.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    check_header(file, columns)
    return file.read(
        [
            each
            if each.name in needed
            else replace(each, required=False, default="" if each.dtype == "str" else each.default)
            for each in columns
        ]
    )


def kept_rows(file: TableFile, keep: npt.NDArray[np.bool_], why: str) -> list[int]:
    """Return the rows that stay, and warn of how many do not.

    Parameters
    ----------
    file
        The file.
    keep : (n,), which rows stay
    why
        What is wrong with the others, after "without".

    Raises
    ------
    InputError
        None stays.
    """
    rows: list[int] = np.flatnonzero(keep).tolist()
    out = len(keep) - len(rows)
    if not rows:
        raise file.error(f"no row is a job that ran: all {out} are without {why}")
    if out:
        text = f"{file.name}: left out {out:,} of {len(keep):,} rows, without {why}"
        warnings.warn(text, stacklevel=2)
    return rows
