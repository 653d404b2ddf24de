"""The arrays of a cluster: what kernels and policies read. Only ``Cluster`` writes them.

Node arrays have one entry a row; a row whose node left is free for the next node (``alive``
False). Slot arrays are flat: the slots of row r are ``slot_start[r]`` to ``slot_start[r] +
slot_count[r]``. A slot is a GPU, or one instance of a MIG layout. All arrays are longer than what
is used (``n_rows``, ``n_slots``): they grow by doubling. Units: millicores, MiB, milli-GPU, counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.arrays import BoolArray, CodeArray, FloatArray, IntArray, IntTable
from bayplan.scheduler.images import ImageTable
from bayplan.scheduler.kindtable import KindTable

__all__ = ["BoolArray", "CodeArray", "FloatArray", "IntArray", "IntTable", "View"]

NO_KIND = -1

FitArrays = tuple[
    BoolArray, BoolArray, IntArray, IntArray, IntArray, IntArray, IntTable, IntTable,
    IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray,
]  # fmt: skip
ChangeArrays = tuple[
    IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray
]  # fmt: skip


def _ints() -> IntArray:
    return np.zeros(0, np.int64)


def _bools() -> BoolArray:
    return np.zeros(0, np.bool_)


@dataclass(slots=True)
class View:
    """Struct of arrays. See the module's docstring for shapes.

    ``version`` is the number of the row's latest change; ``name_key`` a 64-bit hash of the
    node's name; ``row_kind`` the kind of the row's slots, -1 where they differ or are none;
    ``gpu_count`` its GPUs, ``island`` how many of them make an island, 0 where there is none;
    ``idle_milli`` the sum of what is free of its slots; ``class_pods``
    (n_rows, n_classes) counts the running pods by GPU class (0: share of one GPU, k: k GPUs);
    ``resources`` (n_rows, n_resources) follow ``resource_names``. ``has_mixed``: some row has, or
    had, slots of different kinds.

    ``slot_kind`` is an index into ``kinds``; ``slot_gpu`` the index of the slot's GPU on its node,
    ``slot_first`` and ``slot_size`` its place there (size 0: all of it); ``slot_capacity`` its
    milli-GPU; ``slot_used`` the MIG bits or the number of clients that are on it; ``slot_able``
    how many more of what still find a place (``mig.tables``), by ``slot_table``, -1 where
    nothing limits its clients.

    ``images`` says on which rows container images are.

    ``for_fit`` and ``for_change`` are the arrays that these two kernels take, in their order: kept,
    because every decision passes them.

    ``memos`` is where policies keep what they worked out of the rows and could work out again,
    by the id of the object that it is for. A copy starts without.
    """

    n_rows: int = 0
    n_slots: int = 0
    has_mixed: bool = False
    alive: BoolArray = field(default_factory=_bools)
    schedulable: BoolArray = field(default_factory=_bools)
    cpu_milli: IntArray = field(default_factory=_ints)
    cpu_free_milli: IntArray = field(default_factory=_ints)
    memory_mib: IntArray = field(default_factory=_ints)
    memory_free_mib: IntArray = field(default_factory=_ints)
    row_kind: IntArray = field(default_factory=_ints)
    gpu_count: IntArray = field(default_factory=_ints)
    island: IntArray = field(default_factory=_ints)
    slot_start: IntArray = field(default_factory=_ints)
    slot_count: IntArray = field(default_factory=_ints)
    idle_milli: IntArray = field(default_factory=_ints)
    version: IntArray = field(default_factory=_ints)
    name_key: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    class_pods: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    resources: IntTable = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    resources_free: IntTable = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    slot_kind: IntArray = field(default_factory=_ints)
    slot_gpu: IntArray = field(default_factory=_ints)
    slot_first: IntArray = field(default_factory=_ints)
    slot_size: IntArray = field(default_factory=_ints)
    slot_capacity: IntArray = field(default_factory=_ints)
    slot_free_milli: IntArray = field(default_factory=_ints)
    slot_free_mib: IntArray = field(default_factory=_ints)
    slot_used: IntArray = field(default_factory=_ints)
    slot_able: IntArray = field(default_factory=_ints)
    slot_table: IntArray = field(default_factory=_ints)
    kinds: KindTable = field(default_factory=KindTable)
    resource_names: list[str] = field(default_factory=list)
    images: ImageTable = field(default_factory=ImageTable)
    memos: dict[int, object] = field(default_factory=dict)
    for_fit: FitArrays = field(init=False)
    for_change: ChangeArrays = field(init=False)

    def __post_init__(self) -> None:
        self._keep_arrays()

    def _keep_arrays(self) -> None:
        slots = self.slot_free_milli, self.slot_free_mib
        self.for_fit = (
            self.alive,
            self.schedulable,
            self.cpu_milli,
            self.cpu_free_milli,
            self.memory_mib,
            self.memory_free_mib,
            self.resources,
            self.resources_free,
            self.row_kind,
            self.slot_start,
            self.slot_count,
            self.slot_kind,
            *slots,
            self.slot_able,
        )
        self.for_change = (
            self.cpu_free_milli,
            self.memory_free_mib,
            self.idle_milli,
            *slots,
            self.slot_used,
            self.slot_able,
            self.slot_table,
        )

    def copy(self) -> View:
        """Return a view with arrays of its own."""
        return replace(
            self,
            **{name: getattr(self, name).copy() for name in _NODE_ARRAYS + _SLOT_ARRAYS},
            kinds=self.kinds.copy(),
            resource_names=list(self.resource_names),
            images=self.images.copy(),
            memos={},
        )

    def reserve_rows(self, rows: int) -> None:
        """Make room for at least ``rows`` rows."""
        if rows > self.alive.size:
            for name in _NODE_ARRAYS:
                setattr(self, name, _longer(getattr(self, name), max(rows, 2 * self.alive.size)))
            self._keep_arrays()

    def reserve_slots(self, slots: int) -> None:
        """Make room for at least ``slots`` slots."""
        if slots > self.slot_kind.size:
            size = max(slots, 2 * self.slot_kind.size)
            for name in _SLOT_ARRAYS:
                setattr(self, name, _longer(getattr(self, name), size))
            self._keep_arrays()

    def reserve_classes(self, largest: int) -> None:
        """Widen the table of GPU classes for pods with up to ``largest`` GPUs."""
        self.class_pods = _wider(self.class_pods, largest + 1)

    def resource_index(self, name: str) -> int:
        """Return the column of a countable resource, adding it when it is new."""
        if name not in self.resource_names:
            self.resource_names.append(name)
            self.resources = _wider(self.resources, len(self.resource_names))
            self.resources_free = _wider(self.resources_free, len(self.resource_names))
            self._keep_arrays()
        return self.resource_names.index(name)


_NODE_ARRAYS = (
    "alive",
    "schedulable",
    "cpu_milli",
    "cpu_free_milli",
    "memory_mib",
    "memory_free_mib",
    "row_kind",
    "gpu_count",
    "island",
    "slot_start",
    "slot_count",
    "idle_milli",
    "version",
    "name_key",
    "class_pods",
    "resources",
    "resources_free",
)
_SLOT_ARRAYS = (
    "slot_kind",
    "slot_gpu",
    "slot_first",
    "slot_size",
    "slot_capacity",
    "slot_free_milli",
    "slot_free_mib",
    "slot_used",
    "slot_able",
    "slot_table",
)


def _longer(array: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros((size, *array.shape[1:]), array.dtype)
    grown[: array.shape[0]] = array
    return grown


def _wider(table: NDArray[Any], width: int) -> NDArray[Any]:
    grown = np.zeros((table.shape[0], width), table.dtype)
    grown[:, : table.shape[1]] = table
    return grown
