"""What pods give back at their expected ends, as arrays that are kept up to date by row.

How often a row may hold a request after each end follows from running sums: of CPU, of memory, and
of milli-GPU by slot. It is hopeful: never less than what a trial finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import BoolArray, FloatArray, IntArray, IntTable
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.explaining.lacks import Lacks, slots_by_row
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason
from bayplan.scheduler.view import View

_KEY = object()
"""Its id is the place among the view's memos."""


@dataclass(frozen=True, slots=True)
class Releases:
    """Expected ends, the earliest first; ties by row, then by uid.

    ``at_s``, ``row`` (n,) of each; ``amounts`` (n, 2) CPU and memory. ``taken`` (m, 3) are (end,
    slot, milli). ``loose`` (n_rows,): rows with claims, which give back what is not known here.
    ``place`` (n,) are places in ``by_row``, the uids of the pods of each row that end.
    """

    at_s: FloatArray
    row: IntArray
    place: IntArray
    amounts: IntTable
    taken: IntTable
    loose: BoolArray
    by_row: tuple[tuple[str, ...], ...]

    def uid(self, end: int) -> str:
        """Return whose end it is."""
        return self.by_row[self.row.item(end)][self.place.item(end)]


class _Rows:
    """The ends on each row by time and uid: times (k,), amounts (k, 2), taken (m, 3), uids."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.times: list[FloatArray] = []
        self.amounts: list[IntTable] = []
        self.taken: list[IntTable] = []
        self.uids: list[tuple[str, ...]] = []
        self._since = -1
        self._changed = np.zeros(size, np.int64)

    def bring_up(self, cluster: Cluster) -> None:
        """Read the rows again that changed since the last time."""
        view, log = cluster.view, cluster.log
        n = -1
        if self._since >= 0:
            n = log.rows_since(self._since, view, self._changed)
        rows = list(range(view.n_rows)) if n < 0 else self._changed[:n].tolist()
        self._since = log.number
        for _ in range(len(self.times), view.n_rows):
            self.times.append(np.zeros(0))
            self.amounts.append(np.zeros((0, 2), np.int64))
            self.taken.append(np.zeros((0, 3), np.int64))
            self.uids.append(())
        for row in rows:
            if row < view.n_rows:  # a row that was only tried is there no more
                self._read(cluster, row)

    def _read(self, cluster: Cluster, row: int) -> None:
        pods, tenancies = cluster.pods, cluster.tenancies
        found = []
        for uid in cluster.pods_on(row):
            end_s = pods[uid].expected_end_s
            if end_s is not None:
                found.append((end_s, uid))
        found.sort()
        self.times[row] = np.array([end_s for end_s, _ in found], np.float64)
        self.uids[row] = tuple([uid for _, uid in found])
        own = [tenancies[uid] for _, uid in found]
        amounts = [(each.cpu, each.memory) for each in own]
        self.amounts[row] = np.array(amounts, np.int64).reshape(len(own), 2)
        taken = [(i, slot, n) for i, each in enumerate(own) for slot, n, _, _ in each.taken]
        self.taken[row] = np.array(taken, np.int64).reshape(len(taken), 3)


def releases_on(cluster: Cluster, useful: BoolArray, most: int) -> Releases:
    """Return the first ``most`` expected ends on useful rows (n_rows,)."""
    view = cluster.view
    known = view.memos.get(id(_KEY))
    if not isinstance(known, _Rows) or known.size != view.alive.size:
        known = view.memos[id(_KEY)] = _Rows(view.alive.size)
    known.bring_up(cluster)
    rows = np.flatnonzero(useful)
    loose = np.zeros(view.n_rows, np.bool_)
    loose[[claim.tenancy.row for claim in cluster.claims.values()]] = True
    if not rows.size:
        nothing = np.zeros(0, np.int64)
        empty = np.zeros((0, 2), np.int64), np.zeros((0, 3), np.int64)
        return Releases(np.zeros(0), nothing, nothing, *empty, loose, ())
    listed = rows.tolist()
    sizes = np.array([known.times[row].size for row in listed], np.int64)
    first = np.cumsum(sizes) - sizes
    times = np.concatenate([known.times[row] for row in listed])
    order = np.argsort(times, kind="stable")[:most]
    rank = np.full(times.size, -1, np.int64)
    rank[order] = np.arange(order.size)
    of_row = np.repeat(rows, sizes)[order]
    place = (np.arange(times.size) - np.repeat(first, sizes))[order]
    taken = np.concatenate([known.taken[row] for row in listed])
    counts = [len(known.taken[row]) for row in listed]
    end = rank[taken[:, 0] + np.repeat(first, counts)]
    taken = np.column_stack((end, taken[:, 1:]))[end >= 0]
    amounts = np.concatenate([known.amounts[row] for row in listed])[order]
    return Releases(times[order], of_row, place, amounts, taken, loose, tuple(known.uids))


def held_after(view: View, ends: Releases, lacks: Lacks, most: int) -> IntArray:
    """Return how often its row may hold a shape right after each end, (n,), at most ``most``.

    0 on rows that lack more than what is in use.
    """
    shape, row = lacks.shape, ends.row
    order = np.argsort(row, kind="stable")
    sums = np.zeros((row.size, 3), np.int64)
    sums[:, :2] = ends.amounts
    if shape.count:
        sums[:, 2] = _units(view, ends, lacks)
    sums[order] = _running(row[order], sums[order])
    having = slots_held(view, lacks)[row] + sums[:, 2]
    held = np.full(row.size, most, np.int64)
    if shape.cpu:
        held = np.minimum(held, (view.cpu_free_milli[row] + sums[:, 0]) // shape.cpu)
    if shape.memory:
        held = np.minimum(held, (view.memory_free_mib[row] + sums[:, 1]) // shape.memory)
    if shape.count:
        held = np.where(ends.loose[row], held, np.minimum(held, having // shape.count))
    return np.where(may_hold(lacks)[row], np.maximum(held, 0), 0)


def held_now(view: View, lacks: Lacks, most: int) -> IntArray:
    """Return how often each row may hold a shape now, (n_rows,), at most ``most``."""
    n, shape = view.n_rows, lacks.shape
    held = np.full(n, most, np.int64)
    if shape.cpu:
        held = np.minimum(held, view.cpu_free_milli[:n] // shape.cpu)
    if shape.memory:
        held = np.minimum(held, view.memory_free_mib[:n] // shape.memory)
    if shape.count:
        held = np.minimum(held, slots_held(view, lacks) // shape.count)
    return np.where(may_hold(lacks), np.maximum(held, 0), 0)


def may_hold(lacks: Lacks) -> BoolArray:
    """Return the rows that hold a shape, or may once others come or leave, (n_rows,)."""
    lasting = (lacks.codes < FIRST_SHORTAGE) & (lacks.codes != Reason.POD_AFFINITY)
    return np.asarray(~lasting | (lacks.codes == Reason.FITS), np.bool_)


def slots_held(view: View, lacks: Lacks) -> IntArray:
    """Return how many devices of a shape the slots of each row hold by their milli-GPU."""
    having = np.zeros(view.n_rows, np.int64)
    if lacks.shape.count:
        slots, rows = slots_by_row(view)
        free = np.maximum(view.slot_free_milli[slots], 0)
        np.add.at(having, rows, free // _milli(lacks)[view.slot_kind[slots]])
    return having


def _milli(lacks: Lacks) -> IntArray:
    return np.array([need.milli for need in lacks.needs], np.int64)


def _units(view: View, ends: Releases, lacks: Lacks) -> IntArray:
    """Return how many more devices find room in slots by each end, (n,)."""
    end, slot, milli = ends.taken.T
    order = np.lexsort((end, slot))
    end, slot, milli = end[order], slot[order], milli[order]
    need = _milli(lacks)[view.slot_kind[slot]]
    after = view.slot_free_milli[slot] + _running(slot, milli[:, None])[:, 0]
    before = after - milli
    units = np.zeros(ends.row.size, np.int64)
    np.add.at(units, end, np.maximum(after, 0) // need - np.maximum(before, 0) // need)
    return units


def _running(groups: IntArray, amounts: IntTable) -> IntTable:
    """Return running sums (n, k) within groups of equal neighbours."""
    if not groups.size:
        return amounts
    sums = np.cumsum(amounts, axis=0)
    begins = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    sizes = np.diff(np.append(begins, groups.size))
    before = sums[begins] - amounts[begins]
    return np.asarray(sums - np.repeat(before, sizes, axis=0), np.int64)
