"""What each node lacks for one way to satisfy a request: arrays over all rows, and the nearest row.

The distance of a node is the sum of the missing parts: of CPU, of memory, of each other resource
and of the GPUs, missing ÷ asked. Of the GPUs it is the number of missing ones; where one share
or one instance is asked for, the part that the best GPU lacks, and all of it where there is
enough of the GPU but no seat or place. Nodes that only lack what is in use come first, then those
whose failed check comes late in the order of ``Reason``; ties go to the lowest row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import BoolArray, CodeArray, FloatArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining.types import Lack, Miss
from bayplan.scheduler.mig.tables import SEAT_SHIFT
from bayplan.scheduler.needs import Need
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason
from bayplan.scheduler.view import View

NO_NODE = -1
_CODE, _MILLI, _MIB, _SHIFT, _MOST = range(5)
_NIBBLE = 15
_REASONS = list(Reason)


@dataclass(frozen=True, slots=True)
class Lacks:
    """Why rows cannot hold a shape, and how far they are from it.

    ``codes`` (n_rows,) are ``Reason``, -1 without a node; ``distance`` (n_rows,) as the module
    says; ``having`` (n_rows,) how many slots a row has that would do; ``order`` the rows with a
    node that does not fit, the nearest first.
    """

    wish: int
    shape: Shape
    needs: tuple[Need, ...]
    codes: CodeArray
    having: IntArray
    distance: FloatArray
    order: IntArray

    @property
    def short(self) -> IntArray:
        """The rows that lack only what is in use, the nearest first."""
        return self.order[self.codes[self.order] >= FIRST_SHORTAGE]


def lacks_of(
    engine: Engine,
    wish: int,
    shape: Shape,
    nodes: BoolArray | None,
    constrained: CodeArray | None = None,
) -> Lacks:
    """Return what each row lacks for a shape; rows outside ``nodes`` are ``EXCLUDED``.

    ``constrained`` (n_rows,) are the codes by the pod's constraints alone.
    """
    view = engine.cluster.view
    codes = engine.columns.codes(shape).copy()
    needs = engine.columns.needs(shape)
    if shape.refusal:
        codes = np.where((codes == 0) | (codes > shape.refusal), np.int8(shape.refusal), codes)
        codes[~view.alive[: view.n_rows]] = NO_NODE
    if constrained is not None:
        codes = _first(codes, constrained)
    if nodes is not None:
        codes[(codes != NO_NODE) & ~nodes] = Reason.EXCLUDED
    having, of_gpus = _gpus(view, shape, needs.table)
    distance = of_gpus + _host(view, shape)
    rank = np.where(codes >= FIRST_SHORTAGE, 0, int(FIRST_SHORTAGE) - codes.astype(np.int64))
    rows = np.flatnonzero((codes != NO_NODE) & (codes != Reason.FITS))
    order = rows[np.lexsort((rows, distance[rows], rank[rows]))]
    return Lacks(wish, shape, needs.by_kind, codes, having, distance, order)


def _first(codes: CodeArray, others: CodeArray) -> CodeArray:
    """Return the first of two reasons in the order of ``Reason``; ``FITS`` is none, -1 stays."""
    least = np.minimum(codes, others)
    return np.where(least == Reason.FITS, np.maximum(codes, others), least)


def _host(view: View, shape: Shape) -> FloatArray:
    n = view.n_rows
    total = _part(shape.cpu, view.cpu_free_milli[:n])
    total += _part(shape.memory, view.memory_free_mib[:n])
    for name, amount in shape.resources:
        known = name in view.resource_names
        free = view.resources_free[:n, view.resource_names.index(name)] if known else np.zeros(n)
        total += _part(amount, free)
    return total


def _part(asked: int, free: IntArray | FloatArray) -> FloatArray:
    """Return the missing part of what is asked."""
    if not asked:
        return np.zeros(free.size)
    return np.asarray(np.clip(asked - free, 0, asked) / asked, np.float64)


def _gpus(view: View, shape: Shape, table: IntArray) -> tuple[IntArray, FloatArray]:
    """Return how many slots of each row would do, and the missing part of the GPUs."""
    n = view.n_rows
    having, part = np.zeros(n, np.int64), np.zeros(n)
    if not shape.count:
        return having, part
    slots, rows = slots_by_row(view)
    kind = view.slot_kind[slots]
    milli, mib = table[_MILLI, kind], table[_MIB, kind]
    free, free_mib = view.slot_free_milli[slots], view.slot_free_mib[slots]
    serves = table[_CODE, kind] == Reason.FITS
    most = np.where(table[_MOST, kind] > 1, np.minimum(table[_MOST, kind], free // milli), 1)
    most = np.where(serves & (free >= milli) & (free_mib >= mib), most, 0)
    left = (view.slot_able[slots] >> table[_SHIFT, kind]) & _NIBBLE
    np.add.at(having, rows, np.minimum(left, most))
    part = np.clip(shape.count - having, 0, shape.count) / shape.count
    if shape.count == 1 and not shape.want.whole:
        lack = np.maximum(_ratio(milli, free), _ratio(mib, free_mib))
        lack = np.where(serves & (lack > 0), lack, np.where(serves & (left > 0), 0.0, 1.0))
        part = np.ones(n)
        np.minimum.at(part, rows, lack)
    return having, part


def _ratio(asked: IntArray, free: IntArray) -> FloatArray:
    lack = np.clip(asked - free, 0, np.maximum(asked, 0))
    return np.asarray(lack / np.maximum(asked, 1), np.float64)


def slots_by_row(view: View) -> tuple[IntArray, IntArray]:
    """Return the flat numbers of all slots of nodes, by row, and the row of each."""
    n = view.n_rows
    counts = np.where(view.alive[:n], view.slot_count[:n], 0)
    rows = np.repeat(np.arange(n), counts)
    before = np.cumsum(counts) - counts
    return np.arange(rows.size) + (view.slot_start[:n] - before)[rows], rows


def nearest_miss(engine: Engine, lacks: tuple[Lacks, ...]) -> Miss | None:
    """Return the row that lacks least, over all ways; ties go to the first way."""
    with_rows = [each for each in lacks if each.order.size]
    if not with_rows:
        return None
    best = min(with_rows, key=_key)
    return miss_at(engine, best, int(best.order[0]))


def _key(lacks: Lacks) -> tuple[int, float, int]:
    row = int(lacks.order[0])
    code = int(lacks.codes[row])
    rank = 0 if code >= FIRST_SHORTAGE else int(FIRST_SHORTAGE) - code
    return rank, float(lacks.distance[row]), lacks.wish


def miss_at(engine: Engine, lacks: Lacks, row: int) -> Miss:
    """Return in numbers what a row lacks."""
    view, shape = engine.cluster.view, lacks.shape
    amounts = [
        ("CPU", shape.cpu, view.cpu_free_milli.item(row)),
        ("memory", shape.memory, view.memory_free_mib.item(row)),
    ]
    for name, asked in shape.resources:
        known = view.resource_names
        free = view.resources_free.item(row, known.index(name)) if name in known else 0
        amounts.append((name, asked, free))
    found = [Lack(what, asked, max(free, 0)) for what, asked, free in amounts if free < asked]
    enough = [what for what, asked, free in amounts if asked and free >= asked]
    reason = _REASONS[int(lacks.codes[row])]
    if shape.count:
        if lacks.having.item(row) >= shape.count:
            enough.insert(0, "GPU")
        elif (lack := _gpu_lack(view, lacks, row)) and reason >= FIRST_SHORTAGE:
            found.insert(0, lack)
    node = engine.cluster.node_at(row)
    gpus = node.gpu_count, node.gpu_model
    return Miss(node.name, lacks.wish, reason, tuple(found), tuple(enough), *gpus)


def _gpu_lack(view: View, lacks: Lacks, row: int) -> Lack | None:
    shape = lacks.shape
    start = view.slot_start.item(row)
    serving = [
        slot
        for slot in range(start, start + view.slot_count.item(row))
        if not lacks.needs[view.slot_kind.item(slot)].code
    ]
    if not serving:
        return None
    if shape.count > 1 or shape.want.whole:
        return Lack("GPU", shape.count, lacks.having.item(row))
    return min((_slot_lack(view, lacks, slot) for slot in serving), key=lambda pair: pair[0])[1]


def _slot_lack(view: View, lacks: Lacks, slot: int) -> tuple[float, Lack]:
    need = lacks.needs[view.slot_kind.item(slot)]
    gpu = view.slot_gpu.item(slot)
    free, mib = view.slot_free_milli.item(slot), view.slot_free_mib.item(slot)
    of_milli = max(need.milli - free, 0) / need.milli
    of_mib = max(need.mib - mib, 0) / max(need.mib, 1)
    if of_milli >= of_mib and of_milli:
        return of_milli, Lack("milli", need.milli, max(free, 0), gpu)
    if of_mib:
        return of_mib, Lack("GPU memory", need.mib, max(mib, 0), gpu)
    what = "client" if need.shift == SEAT_SHIFT else "MIG place"
    return 1.0, Lack(what, 1, 0, gpu)
