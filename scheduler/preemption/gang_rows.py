"""Where a gang goes at the least cost: rows by what each further member costs there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayplan.kernels.fit import MILLI, MOST, NIBBLE
from bayplan.kernels.victims import LOST, PODS, RANK, VIOLATIONS
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason

_FIRST_LOOK = (0, 0, 1)
_TIMES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_SPARE = 4
"""A row in so many is taken beyond what is needed: what rows cost together may differ."""


def cheapest_rows(
    engine: Engine, question: Question, shape: Shape, rows: BoolArray, n: int
) -> BoolArray:
    """Return the rows (n_rows,) on which ``n`` members cost the least victims, and some more.

    Each row is searched for 1, 2, 3, … members at once. The least highest rank for which all
    rows together hold the members comes first, then rows by pods and by work lost a member.
    """
    times, options = _options(engine, question, shape, rows, n)
    picked = np.zeros_like(rows)
    if not options.size:
        return picked
    found = options[:, :, PODS] >= 0
    within, _ = _limited(times, options, found, n)
    held = np.where(within, times[None, :], 0)
    pods = np.where(within, options[:, :, PODS] / times, np.inf)
    lost = np.where(within, options[:, :, LOST] / times, np.inf)
    # Of each row the option with the fewest pods a member; with more members among equals.
    best = np.lexsort((-held, lost, pods), axis=1)[:, 0]
    each = np.arange(len(best))
    order = np.lexsort((each, lost[each, best], pods[each, best]))
    order = order[held[order, best[order]] > 0]
    total = np.cumsum(held[order, best[order]])
    enough = int(np.searchsorted(total, n)) + 1
    candidates = np.flatnonzero(rows & _short(engine, shape))
    picked[candidates[order[: enough + enough // _SPARE + 1]]] = True
    return picked


def capacity(engine: Engine, question: Question, shape: Shape, rows: BoolArray, n: int) -> IntArray:
    """Return how many members each row holds (n_rows,) once all that may leave have left."""
    times, options = _options(engine, question, shape, rows, n)
    out = np.zeros(rows.size, np.int64)
    if options.size:
        held = np.where(options[:, :, PODS] >= 0, times[None, :], 0).max(axis=1)
        out[np.flatnonzero(rows & _short(engine, shape))] = held
    return out


def _short(engine: Engine, shape: Shape) -> BoolArray:
    codes = engine.columns.codes(engine.column_of(shape))
    short: BoolArray = (codes >= FIRST_SHORTAGE) | (codes == Reason.FITS)
    return short


def _options(
    engine: Engine, question: Question, shape: Shape, rows: BoolArray, n: int
) -> tuple[IntArray, IntArray]:
    """Return numbers of members (m,), and what each row costs for each (k, m, 4)."""
    candidates = np.flatnonzero(rows & _short(engine, shape))
    needs = engine.columns.needs(engine.column_of(shape))
    found: list[IntArray] = []
    left = np.ones(candidates.size, np.bool_)
    times: list[int] = []
    for k in [k for k in _TIMES if k <= max(1, n)]:
        values = np.zeros((candidates.size, 4), np.int64)
        values[:, PODS] = -1
        if left.any():
            some, _ = question.search(
                engine.cluster, _several(shape, k), _stacked(needs, shape), candidates[left],
                _FIRST_LOOK,
            )  # fmt: skip
            values[left] = some
        left = values[:, PODS] >= 0
        if not left.any() and times:
            break
        found.append(values)
        times.append(k)
    return np.array(times, np.int64), np.stack(found, axis=1)


def _several(shape: Shape, k: int) -> Shape:
    return replace(
        shape,
        cpu=k * shape.cpu,
        memory=k * shape.memory,
        count=k * shape.count,
        resources=tuple([(name, k * amount) for name, amount in shape.resources]),
    )


def _stacked(needs: Needs, shape: Shape) -> Needs:
    """Let one slot hold several members, each with its share."""
    if shape.want.whole:
        return needs
    table = needs.table.copy()
    table[MOST] = np.where(table[MILLI] > 0, NIBBLE, table[MOST])
    return needs._replace(table=table)


def _limited(times: IntArray, options: IntArray, found: BoolArray, n: int) -> tuple[BoolArray, int]:
    """Return which options are within the least (violations, rank) that holds all members."""
    violations, rank = options[:, :, VIOLATIONS], options[:, :, RANK]
    # Rows of a table sort much slower than numbers: ranks by their place among the ranks.
    known, place = np.unique(rank[found], return_inverse=True)
    keys = np.unique(violations[found] * max(1, known.size) + place.ravel())
    levels = np.column_stack(
        [keys // max(1, known.size), known[keys % max(1, known.size)]] if keys.size else [keys] * 2
    )
    low, high = 0, len(levels) - 1
    within = found
    while low < high:
        middle = (low + high) // 2
        most, highest = levels[middle].tolist()
        inside = found & ((violations < most) | ((violations == most) & (rank <= highest)))
        if np.where(inside, times[None, :], 0).max(axis=1).sum() >= n:
            high = middle
        else:
            low = middle + 1
    if len(levels):
        most, highest = levels[high].tolist()
        within = found & ((violations < most) | ((violations == most) & (rank <= highest)))
    return within, high
