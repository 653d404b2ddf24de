"""The arrays of a cluster: what kernels and policies read. Only ``Cluster`` writes them.

Node arrays have one entry a row; a row whose node left is free for the next node (``alive``
False). GPU arrays are flat: the GPUs of row r are ``gpu_start[r]`` to ``gpu_start[r] +
gpu_count[r]``. All arrays are longer than what is used (``n_rows``, ``n_gpus``): they grow by
doubling. Units: millicores, MiB, milli-GPU, counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]
CodeArray: TypeAlias = NDArray[np.int8]

NO_MODEL = -1


def _ints() -> IntArray:
    return np.zeros(0, np.int64)


def _bools() -> BoolArray:
    return np.zeros(0, np.bool_)


@dataclass(slots=True)
class View:
    """Struct of arrays. See the module's docstring for shapes.

    ``version`` is the number of the row's latest change; ``name_key`` a 64-bit hash of the
    node's name; ``model`` an index into ``model_names`` (-1: no GPUs); ``class_pods``
    (n_rows, n_classes) counts the running pods by GPU class (0: share of one GPU, k: k GPUs);
    ``resources`` (n_rows, n_resources) follow ``resource_names``.
    ``memos`` is where policies keep what they worked out of the rows and could work out again,
    by the id of the object that it is for. A copy starts without.
    """

    n_rows: int = 0
    n_gpus: int = 0
    alive: BoolArray = field(default_factory=_bools)
    schedulable: BoolArray = field(default_factory=_bools)
    anonymous: BoolArray = field(default_factory=_bools)
    cpu_milli: IntArray = field(default_factory=_ints)
    cpu_free_milli: IntArray = field(default_factory=_ints)
    memory_mib: IntArray = field(default_factory=_ints)
    memory_free_mib: IntArray = field(default_factory=_ints)
    model: IntArray = field(default_factory=_ints)
    gpu_start: IntArray = field(default_factory=_ints)
    gpu_count: IntArray = field(default_factory=_ints)
    gpu_memory_mib: IntArray = field(default_factory=_ints)
    idle_milli: IntArray = field(default_factory=_ints)
    version: IntArray = field(default_factory=_ints)
    name_key: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    class_pods: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    resources: IntArray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    resources_free: IntArray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    gpu_free_milli: IntArray = field(default_factory=_ints)
    gpu_free_mib: IntArray = field(default_factory=_ints)
    model_names: list[str] = field(default_factory=list)
    resource_names: list[str] = field(default_factory=list)
    memos: dict[int, object] = field(default_factory=dict)

    def copy(self) -> View:
        """Return a view with arrays of its own."""
        return replace(
            self,
            **{name: getattr(self, name).copy() for name in _NODE_ARRAYS + _GPU_ARRAYS},
            model_names=list(self.model_names),
            resource_names=list(self.resource_names),
            memos={},
        )

    def reserve_rows(self, rows: int) -> None:
        """Make room for at least ``rows`` rows."""
        if rows > self.alive.size:
            for name in _NODE_ARRAYS:
                setattr(self, name, _longer(getattr(self, name), max(rows, 2 * self.alive.size)))

    def reserve_gpus(self, gpus: int) -> None:
        """Make room for at least ``gpus`` GPUs."""
        if gpus > self.gpu_free_milli.size:
            size = max(gpus, 2 * self.gpu_free_milli.size)
            for name in _GPU_ARRAYS:
                setattr(self, name, _longer(getattr(self, name), size))

    def reserve_classes(self, largest: int) -> None:
        """Widen the table of GPU classes for pods with up to ``largest`` GPUs."""
        self.class_pods = _wider(self.class_pods, largest + 1)

    def model_index(self, name: str) -> int:
        """Return the index of a GPU model, adding it when it is new."""
        if name not in self.model_names:
            self.model_names.append(name)
        return self.model_names.index(name)

    def resource_index(self, name: str) -> int:
        """Return the column of a countable resource, adding it when it is new."""
        if name not in self.resource_names:
            self.resource_names.append(name)
            self.resources = _wider(self.resources, len(self.resource_names))
            self.resources_free = _wider(self.resources_free, len(self.resource_names))
        return self.resource_names.index(name)


_NODE_ARRAYS = (
    "alive",
    "schedulable",
    "anonymous",
    "cpu_milli",
    "cpu_free_milli",
    "memory_mib",
    "memory_free_mib",
    "model",
    "gpu_start",
    "gpu_count",
    "gpu_memory_mib",
    "idle_milli",
    "version",
    "name_key",
    "class_pods",
    "resources",
    "resources_free",
)
_GPU_ARRAYS = ("gpu_free_milli", "gpu_free_mib")


def _longer(array: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros((size, *array.shape[1:]), array.dtype)
    grown[: array.shape[0]] = array
    return grown


def _wider(table: NDArray[Any], width: int) -> NDArray[Any]:
    grown = np.zeros((table.shape[0], width), table.dtype)
    grown[:, : table.shape[1]] = table
    return grown
