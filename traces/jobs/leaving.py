"""Rows that are no jobs to run: left out, and told of in one line."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from bayplan.traces.reading import TableFile

LATER_END = "a start and an end after it"
"""What a row needs to have run. Published traces have a few that were logged wrongly."""


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
