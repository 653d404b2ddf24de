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
from bayplan.scheduler.types import GPU_MILLI, Decision
from bayplan.scheduler.view import View
from bayplan.scheduler.workload import Workload

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Milli-GPU after each arrival: (n_arrivals,); ``capacity`` is the cluster's."""

    capacity: int
    arrived: IntArray
    allocated: IntArray
    fragmented: FloatArray


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
    start = fragments(view, workload, np.arange(view.n_rows)).sum()
    return Series(
        int(view.idle_milli.sum()),
        np.cumsum(demand),
        np.cumsum(np.where(placed, demand, 0)),
        start + np.cumsum(change),
    )


def columns(measured: Series, load: float) -> dict[str, list[float | None]]:
    """Return the columns 0 to 100 × ``load``, in percent, rounded to two decimals.

    ``fragmented_pct_of_idle`` is the mean of each arrival's own ratio; a full cluster counts 0.
    """
    percent = measured.capacity / 100.0
    arrived = measured.arrived / percent
    idle = measured.capacity - measured.allocated
    ratio = 100.0 * measured.fragmented / np.where(idle > 0, idle, 1)
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
        self._gpus = [[GPU_MILLI] * int(view.gpu_count[row]) for row in range(view.n_rows)]
        self.rows: list[int] = []
        self.cpu_after: list[int] = []
        self.gpus_after: list[int] = []
        self.n_gpus: list[int] = []

    def take(self, decision: Decision) -> None:
        placement = decision.placement
        assert placement is not None
        row = self._empty.row(placement.node)
        self._cpu[row] -= decision.request.cpu_milli
        gpus = self._gpus[row]
        for grants in placement.grants:
            for grant in grants:
                gpus[grant.slot.gpu] -= grant.milli
        self.rows.append(row)
        self.cpu_after.append(self._cpu[row])
        self.gpus_after += gpus
        self.n_gpus.append(len(gpus))

    def fragment_changes(self, view: View, workload: Workload) -> FloatArray:
        """Return how much each placement adds to the fragmentation: (n_placed,)."""
        rows = np.array(self.rows, np.int64)
        count = np.array(self.n_gpus, np.int64)
        start = np.cumsum(count) - count
        free = np.array(self.gpus_after, np.int64)
        sums = np.concatenate([[0], np.cumsum(free)])
        states = View(
            n_rows=rows.size,
            cpu_free_milli=np.array(self.cpu_after, np.int64),
            idle_milli=sums[start + count] - sums[start],
            model=view.model[rows],
            gpu_start=start,
            gpu_count=count,
            gpu_free_milli=free,
            model_names=view.model_names,
        )
        after = fragments(states, workload, np.arange(rows.size))
        last = fragments(view, workload, np.arange(view.n_rows))
        change = np.empty(rows.size)
        for i, (row, fragment) in enumerate(zip(self.rows, after, strict=True)):
            change[i] = fragment - last[row]
            last[row] = fragment
        return change
