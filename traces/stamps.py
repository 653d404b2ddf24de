"""Time stamps in trace files: dates and times of day, many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bayplan.scheduler.errors import InputError
from bayplan.traces.columns import FloatArray, IntArray, shown

EXAMPLE = "2017-10-09 07:01:55"
_WIDTH = len(EXAMPLE)
_MAX_WIDTH = _WIDTH + len(".123456789+08:00")
_PARTS = tuple(slice(start, start + (2 if start else 4)) for start in (0, 5, 8, 11, 14, 17))
"""Where year, month, day, hour, minute and second stand."""

_OFFSET = len("+08:00")
_GAP = EXAMPLE.index(" ")
_ZERO, _NINE = ord("0"), ord("9")

Letters = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Reports(Protocol):
    """What makes errors that name a row, as files do."""

    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        """Return the error that names the file and, given a record, its row."""


def seconds_of(
    file: Reports,
    column: str,
    texts: Sequence[str],
    *,
    example: str = EXAMPLE,
    unknown: frozenset[str] = frozenset(),
) -> FloatArray:
    """Return the seconds since 1970 of time stamps.

    A stamp is a date and a time of day with a space or a ``T`` between, then perhaps a fraction of
    a second, then perhaps ``Z`` or an offset such as ``+08:00``. Without an offset it is taken as
    it stands: all of a file are then of one clock.

    Parameters
    ----------
    file
        The file that they stand in.
    column
        What they are called there.
    texts : (n,)
    example
        What one should look like, for the message.
    unknown
        Texts that stand for no time.

    Returns
    -------
    ``(n,)``; not-a-number where a text is one of ``unknown``.

    Raises
    ------
    InputError
        A text is no time; the message names the row.
    """
    seconds = np.full(len(texts), np.nan)
    # What stands for no time is shorter than a time.
    known = (
        np.fromiter((text not in unknown for text in texts), np.bool_, len(texts))
        if unknown and texts and min(map(len, texts)) < _WIDTH
        else np.ones(len(texts), dtype=np.bool_)
    )
    rows = np.flatnonzero(known)
    if not rows.size:
        return seconds
    kept = texts if rows.size == len(texts) else [texts[row] for row in rows.tolist()]
    letters = _letters(kept)
    if letters is None:
        good = np.array([_is_stamp(text) for text in kept])
    else:
        good, found = _parsed(letters)
        seconds[rows] = found
    if not good.all():
        record = int(rows[int(good.argmin())])
        problem = f"{column} is {shown(texts[record])}, not a time"
        raise file.error(problem, f"write it as {example}", record=record)
    return seconds


def _is_stamp(text: str) -> bool:
    letters = _letters([text])
    return letters is not None and bool(_parsed(letters)[0][0])


def _letters(texts: Sequence[str]) -> Letters | None:
    """Return the characters as ``(n, width)``, zeros behind; None where no stamp is so."""
    if max(map(len, texts)) > _MAX_WIDTH:
        return None
    try:
        raw = np.array(texts, dtype=f"S{max(_WIDTH, max(map(len, texts)))}")
    except UnicodeEncodeError:
        return None
    letters = raw.view(np.uint8).reshape(len(texts), -1)
    # NUL characters at an end are no padding.
    return letters if np.count_nonzero(letters) == sum(map(len, texts)) else None


def _parsed(letters: Letters) -> tuple[Mask, FloatArray]:
    """Return which rows are stamps, and the seconds of those: both ``(n,)``."""
    # One row a place in the stamp: what follows then goes through memory in order.
    places = np.ascontiguousarray(letters[:, :_WIDTH].T)
    good = np.ones(len(letters), dtype=np.bool_)
    for place, mark in enumerate(EXAMPLE.encode()):
        if mark in b"0123456789":
            places[place] -= _ZERO  # others wrap around to more than 9
            good &= places[place] <= 9
        else:
            fits = places[place] == mark
            good &= fits | (places[place] == ord("T")) if place == _GAP else fits
    year, month, day, *clock = (_number(places[part]) for part in _PARTS)
    hours, minutes, seconds = clock
    good &= (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hours <= 23) & (minutes <= 59) & (seconds <= 59)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = first.astype("datetime64[D]") + (day - 1)
    good &= days.astype("datetime64[M]") == first  # no 30th of February
    total = days.astype(np.int64) * 86400.0 + (hours * 3600 + minutes * 60 + seconds)
    if letters.shape[1] > _WIDTH:
        fine, more = _tails(letters[:, _WIDTH:])
        good &= fine
        total = total + more
    return good, total


def _number(digits: Letters) -> IntArray:
    """Return the numbers that rows of digits, most significant first, stand for."""
    number: IntArray = digits[0].astype(np.int64)
    for each in digits[1:]:
        number = number * 10 + each
    return number


def _tails(tails: Letters) -> tuple[Mask, FloatArray]:
    """Return which rows end in a fraction and an offset, or less, and what these add to them."""
    good = np.zeros(len(tails), dtype=np.bool_)
    added = np.zeros(len(tails))
    lengths = np.count_nonzero(tails, axis=1)
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        good[rows], added[rows] = _alike(tails[rows, :length])
    return good, added


def _alike(tails: Letters) -> tuple[Mask, FloatArray]:
    """As ``_tails``, of tails that are equally long."""
    length = tails.shape[1]
    for offset in (0, _OFFSET):
        digits = length - offset - 1
        if 1 <= digits <= 9 and _are_fractions(tails[:, : digits + 1]):
            ends, codes = _distinct(tails[:, digits + 1 :])
            of_end = np.array([_tail(end) for end in ends], dtype=np.float64)[codes]
            part = (tails[:, 1 : digits + 1].astype(np.float64) - _ZERO) @ (
                10.0 ** np.arange(digits - 1, -1, -1)
            )
            return ~np.isnan(of_end), part / 10.0**digits + np.nan_to_num(of_end)
    ends, codes = _distinct(tails)
    all_of_it = np.array([_tail(end) for end in ends], dtype=np.float64)[codes]
    return ~np.isnan(all_of_it), np.nan_to_num(all_of_it)


def _are_fractions(letters: Letters) -> bool:
    return bool((letters[:, 0] == ord(".")).all() and _are_digits(letters[:, 1:]).all())


def _distinct(letters: Letters) -> tuple[list[str], IntArray]:
    """Return the different rows of characters as texts, and which of them each row is."""
    if not letters.shape[1]:
        return [""], np.zeros(len(letters), dtype=np.int64)
    if (letters == letters[0]).all():  # one offset for all is the usual
        only = letters[0].tobytes().decode("ascii", "replace")
        return [only], np.zeros(len(letters), dtype=np.int64)
    raw = np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").ravel()
    texts, codes = np.unique(raw, return_inverse=True)
    return [text.decode("ascii", "replace") for text in texts.tolist()], codes


def _tail(text: str) -> float:
    """Return what a fraction and an offset add, in seconds; not-a-number for anything else."""
    added = 0.0
    if text.startswith("."):
        digits = len(text) - len(text[1:].lstrip("0123456789")) - 1
        if not 1 <= digits <= 9:
            return math.nan
        added, text = float(text[: digits + 1]), text[digits + 1 :]
    if text in ("", "Z"):
        return added
    sign, clock = text[0], text[1:].replace(":", "")
    if sign not in "+-" or len(clock) != 4 or not (clock.isascii() and clock.isdigit()):
        return math.nan
    offset = int(clock[:2]) * 3600 + int(clock[2:]) * 60
    return added - offset if sign == "+" else added + offset


def _are_digits(letters: Letters) -> Mask:
    return (letters >= _ZERO) & (letters <= _NINE)
