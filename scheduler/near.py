"""Deciding for pods that wish their GPUs in one island: which rows fit, and which GPUs they take.

Few requests have such a wish: nothing here runs for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayplan.kernels.fit import NIBBLE
from bayplan.scheduler.arrays import CodeArray, FloatArray, IntArray, IntTable
from bayplan.scheduler.islands import ANY
from bayplan.scheduler.needs import Need, Needs, as_table
from bayplan.scheduler.policies._base import Ask
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.tenancy import SHARE_CLASS
from bayplan.scheduler.types import Reason
from bayplan.scheduler.view import View

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine


def refuse_apart(
    view: View,
    shape: Shape,
    needs: Needs,
    rows: IntArray,
    codes: CodeArray,
    scores: FloatArray,
    fitting: IntArray,
) -> int:
    """Refuse rows whose islands do not hold a shape; return how many of ``rows`` fit.

    Arrays as in ``kernels.fit.refit``, which has just written them.
    """
    from bayplan.kernels.island import refit_islands  # few requests need it

    assert shape.near is not None
    n: int = refit_islands(
        rows,
        shape.near.number,
        shape.count,
        needs.table,
        view.island,
        view.slot_start,
        view.slot_count,
        view.slot_gpu,
        view.slot_kind,
        view.slot_free_milli,
        view.slot_free_mib,
        view.slot_able,
        codes,
        scores,
        fitting,
    )
    return n


def choose_near(engine: Engine, shape: Shape, ask: Ask, out: IntArray) -> list[int]:
    """Return the indices (on the node) of the slots that a shape takes of the row of ``ask``.

    They are in one island: of those with room the one with the fewest GPUs that would do (best
    fit, so that large islands stay whole), the lowest number among equals; in it, the policy
    chooses. Without such an island, which only a mere preference comes to see, it chooses on all
    of the node. ``out`` (448,) is written to.
    """
    assert shape.near is not None
    view, only = engine.cluster.view, shape.near.number
    best: tuple[int, int, int] | None = None
    for number, first, n_slots in islands_on(view, ask.row):
        having = sum(room_on(view, ask, first, n_slots)) if only in (ANY, number) else 0
        if having >= shape.count and (best is None or having < best[0]):
            best = having, first, n_slots
    first = 0
    if best is not None:
        _, first, n_slots = best
        ask = ask._replace(start=ask.start + first, n_slots=n_slots)
    if best is not None and shape.gpu_class == SHARE_CLASS:
        best_fit_gpus(view, ask, out)  # policies may know the best GPU of the whole node only
    else:
        engine.policy.choose(view, engine.column_of(shape), ask, out)
    return [first + index for index in out[: ask.n_wanted].tolist()]


def islands_on(view: View, row: int) -> list[tuple[int, int, int]]:
    """Return (number, index of the first slot, number of slots) of the islands of a row."""
    size = view.island.item(row)
    if not size:
        return []
    start = view.slot_start.item(row)
    gpus = view.slot_gpu[start : start + view.slot_count.item(row)]
    numbers, first, n_slots = np.unique(gpus // size, return_index=True, return_counts=True)
    return list(zip(numbers.tolist(), first.tolist(), n_slots.tolist(), strict=True))


def room_on(view: View, ask: Ask, first: int, n_slots: int) -> list[int]:
    """Return how many of what is wanted each of some slots of a row holds: ``n_slots`` numbers."""
    own = slice(ask.start + first, ask.start + first + n_slots)
    free, free_mib = view.slot_free_milli[own].tolist(), view.slot_free_mib[own].tolist()
    kinds, able = view.slot_kind[own].tolist(), view.slot_able[own].tolist()
    room = []
    for i, kind in enumerate(kinds):
        need = ask.needs.by_kind[kind]
        if need.code != Reason.FITS or free[i] < need.milli or free_mib[i] < need.mib:
            room.append(0)
            continue
        most = min(need.most, free[i] // need.milli) if need.most > 1 else need.most
        room.append(min(able[i] >> need.shift & NIBBLE, most))
    return room


def most_islands(view: View) -> int:
    """Return how many islands a row has at most; 1 where none has any."""
    rows = np.flatnonzero(view.island[: view.n_rows])
    counts = -(-view.gpu_count[rows] // view.island[rows])
    return int(counts.max(initial=1))


def islands_of(shape: Shape, view: View) -> list[int]:
    """Return the numbers of islands that a shape may be in; ``ANY`` alone where none must be."""
    near = shape.near_required
    if near is None:
        return [ANY]
    number = near.number
    return [number] if number != ANY else list(range(most_islands(view)))


def only_island(view: View, needs: Needs, number: int) -> tuple[IntArray, IntTable]:
    """Return the kinds of slots and the needs by kind, as if each row had one island only.

    Kernels that know nothing of islands take them in the place of ``slot_kind`` and
    ``needs.table``: slots outside of the island are of a kind that never serves.
    """
    n = view.n_rows
    counts = np.where(view.alive[:n], view.slot_count[:n], 0)
    rows = np.repeat(np.arange(n), counts)
    before = np.cumsum(counts) - counts
    slots = np.arange(rows.size) + (view.slot_start[:n] - before)[rows]
    size = view.island[rows]
    outside = (size == 0) | (view.slot_gpu[slots] // np.maximum(size, 1) != number)
    kinds = view.slot_kind.copy()
    kinds[slots[outside]] = needs.table.shape[1]
    never = as_table([Need(Reason.GPU_COUNT)], [0])
    return kinds, np.ascontiguousarray(np.hstack([needs.table, never]))
