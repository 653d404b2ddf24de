"""What happened, as columns along the load axis.

After each arrival (failed ones too): arrived % is the GPU demand seen so far, allocated % that of
the placed pods, both over the capacity; fragmentation is the sum over nodes of the milli-GPU that
a typical pod could not use. Column x is the mean over the arrivals at which arrived % rounds to x,
or to a neighbour of x where there are none. Weng et al., USENIX ATC 2023, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.fragmentation import fragments
from bayplan.scheduler.taking import flat_slot, units_of
from bayplan.scheduler.types import GPU_MILLI, Decision, Grant
from bayplan.scheduler.view import View
from bayplan.scheduler.workload import Workload

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Milli-GPU after each arrival: (n_arrivals,).

    ``capacity`` is that of the cluster's GPUs, ``offered`` that of their slots: less by what a
    MIG layout leaves out, more where GPUs are oversubscribed.
    ``allocated`` is what the placed pods asked for, ``idle`` what is free after what they took,
    ``internal_milli`` what at the end each had taken beyond what it asked for.
    """

    capacity: int
    offered: int
    arrived: IntArray
    allocated: IntArray
    idle: IntArray
    fragmented: FloatArray
    internal_milli: int = 0

    @property
    def taken_milli(self) -> int:
        """What the placed pods had taken at the end."""
        return int(self.offered - self.idle[-1]) if self.idle.size else 0

    @property
    def stranded_milli(self) -> int:
        """What at the end was free, and of no use to a typical pod, or cut off by the layout."""
        cut_off = max(0, self.capacity - self.offered)
        lost = float(self.fragmented[-1]) if self.fragmented.size else 0.0
        # Of oversubscribed GPUs, what is lost of the GPUs themselves.
        return cut_off + round(lost * min(1.0, self.capacity / self.offered))


def series(
    empty: Cluster, decisions: Sequence[Decision], demand: IntArray, workload: Workload
) -> Series:
    """Replay the decisions on an empty cluster's arrays and measure after each.

    Parameters
    ----------
    empty
        The cluster before the first arrival.
    demand
        Milli-GPU that each arrival asks for, (n_arrivals,).
    """
    view = empty.view
    states = _States(empty)
    placed = np.array([decision.placement is not None for decision in decisions], np.bool_)
    for decision in decisions:
        if decision.placement is not None:
            states.take(decision)
    change = np.zeros(len(decisions))
    change[placed] = states.fragment_changes(view, workload)
    taken = np.zeros(len(decisions), np.int64)
    taken[placed] = states.taken
    used = np.zeros(len(decisions), np.int64)
    used[placed] = states.used
    start = fragments(view, workload, np.arange(view.n_rows)).sum()
    return Series(
        GPU_MILLI * int(view.gpu_count.sum()),
        int(view.idle_milli.sum()),
        np.cumsum(demand),
        np.cumsum(np.where(placed, demand, 0)),
        int(view.idle_milli.sum()) - np.cumsum(taken),
        start + np.cumsum(change),
        int(np.maximum(used - demand, 0)[placed].sum()),
    )


def columns(measured: Series, load: float) -> dict[str, list[float | None]]:
    """Return the columns 0 to 100 × ``load``, in percent, rounded to two decimals.

    ``fragmented_pct_of_idle`` is the mean of each arrival's own ratio; a full cluster counts 0.
    """
    percent = measured.capacity / 100.0
    arrived = measured.arrived / percent
    ratio = 100.0 * measured.fragmented / np.maximum(measured.idle, 1)
    n_columns = round(100.0 * load) + 1
    at = np.rint(arrived).astype(np.int64)
    return {
        "arrived_pct": [float(x) for x in range(n_columns)],
        "allocated_pct": _means(np.round(measured.allocated / percent, 2), at, n_columns),
        "fragmented_pct_of_capacity": _means(measured.fragmented / percent, at, n_columns),
        "fragmented_pct_of_idle": _means(ratio, at, n_columns),
    }


def _means(values: FloatArray, at: IntArray, n_columns: int) -> list[float | None]:
    # ``at`` never falls, so a column is a slice. ``mean`` adds pairwise and ``round`` rounds half
    # to even after scaling, as the published columns were made: 250 runs agree to the last digit.
    means: list[float | None] = []
    for x in range(n_columns):
        around = values[np.searchsorted(at, x) : np.searchsorted(at, x + 1)]
        if not around.size:
            around = values[np.searchsorted(at, x - 1) : np.searchsorted(at, x + 2)]
        means.append(float(np.round(around.mean(), 2)) if around.size else None)
    return means


class _States:
    """The state of the touched node after each placement, as rows of a made-up cluster.

    So one call of the kernel measures all of them.
    """

    def __init__(self, empty: Cluster) -> None:
        view = empty.view
        self._empty = empty
        self._cpu = view.cpu_free_milli.tolist()
        starts = view.slot_start[: view.n_rows].tolist()
        counts = view.slot_count[: view.n_rows].tolist()
        self._start = starts
        capacity, able = view.slot_capacity.tolist(), view.slot_able.tolist()
        self._free = [capacity[s : s + n] for s, n in zip(starts, counts, strict=True)]
        self._able = [able[s : s + n] for s, n in zip(starts, counts, strict=True)]
        self._used = [[0] * n for n in counts]
        kinds = view.row_kind[: view.n_rows].tolist()
        self._plain = [kind >= 0 and bool(view.kinds.plain[kind]) for kind in kinds]
        self._governed = not view.kinds.all_plain
        self.taken: list[int] = []
        self.used: list[int] = []
        self.rows: list[int] = []
        self.cpu_after: list[int] = []
        self.free_after: list[int] = []
        self.able_after: list[int] = []

    def take(self, decision: Decision) -> None:
        placement = decision.placement
        assert placement is not None
        row = self._empty.row(placement.node)
        self._cpu[row] -= decision.request.cpu_milli
        free = self._free[row]
        taken = used = 0
        for grants in placement.grants:
            for grant in grants:
                taken += grant.milli
                used += min(grant.milli, GPU_MILLI)  # a whole GPU takes all that is handed out
                if self._plain[row]:
                    free[grant.slot.gpu] -= grant.milli
                else:
                    self._take_of_governed(row, grant)
        self.taken.append(taken)
        self.used.append(used)
        self.rows.append(row)
        self.cpu_after.append(self._cpu[row])
        self.free_after += free
        if self._governed:
            self.able_after += self._able[row]

    def _take_of_governed(self, row: int, grant: Grant) -> None:
        view = self._empty.view
        slot = flat_slot(view, row, grant.slot)
        i, kind = slot - self._start[row], int(view.slot_kind[slot])
        self._free[row][i] -= grant.milli
        self._used[row][i] += units_of(view, slot, grant.slot)
        self._able[row][i] = view.kinds.able(kind, self._used[row][i])

    def fragment_changes(self, view: View, workload: Workload) -> FloatArray:
        """Return how much each placement adds to the fragmentation: (n_placed,)."""
        rows = np.array(self.rows, np.int64)
        count = view.slot_count[rows]
        start = np.cumsum(count) - count
        free = np.array(self.free_after, np.int64)
        sums = np.concatenate([[0], np.cumsum(free)])
        # Each state has the kinds of its row's slots: those from the row's first slot on.
        first = np.repeat(view.slot_start[rows] - start, count)
        states = View(
            n_rows=rows.size,
            cpu_free_milli=np.array(self.cpu_after, np.int64),
            idle_milli=sums[start + count] - sums[start],
            row_kind=view.row_kind[rows],
            slot_start=start,
            slot_count=count,
            slot_kind=view.slot_kind[first + np.arange(free.size)],
            slot_free_milli=free,
            slot_able=np.array(self.able_after if self._governed else free, np.int64),
            kinds=view.kinds,
        )
        after = fragments(states, workload, np.arange(rows.size))
        last = fragments(view, workload, np.arange(view.n_rows))
        change = np.empty(rows.size)
        for i, (row, fragment) in enumerate(zip(self.rows, after, strict=True)):
            change[i] = fragment - last[row]
            last[row] = fragment
        return change
