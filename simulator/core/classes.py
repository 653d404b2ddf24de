"""Jobs that ask for the same: to every cluster they are one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.constraints.types import Constraints
from bayplan.scheduler.ordering import gpus_of
from bayplan.scheduler.types import (
    GPU_MILLI,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Request,
    WholeGpus,
)
from bayplan.traces.jobs import JobTable

GPU_MEMORY_MIB = 81_920
"""The GPU's memory, by which a share of memory alone is measured."""


@dataclass(frozen=True, slots=True)
class PodClass:
    """What one pod of a row asks for, and how many of them start together.

    ``gpu_milli`` is of all its GPUs; of an instance its part of a GPU's memory slices.
    ``constraints`` are those of services' replicas; jobs have none.
    """

    cpu_milli: int
    memory_mib: int
    devices: tuple[DeviceRequest, ...]
    gpu_milli: int
    pods: int
    constraints: Constraints | None = None


@dataclass(frozen=True, slots=True, eq=False)
class JobClass:
    """What a job asks for: a class for each of its rows (a gang's roles).

    ``gpu_milli`` and ``n_gpus`` are of all its pods together, ``cpu_milli`` and ``memory_mib``
    too.
    """

    roles: tuple[PodClass, ...]
    n_pods: int
    cpu_milli: int
    memory_mib: int
    gpu_milli: int
    n_gpus: int


def pod_classes(table: JobTable) -> tuple[IntArray, list[PodClass]]:
    """Return the class of each row (n_rows,), and the classes, by first row."""
    columns: list[IntArray] = [
        table.cpu_milli,
        table.memory_mib,
        table.gpu_count,
        table.gpu_milli,
        table.gpu_memory_mib,
        table.pods,
        codes(table.gpu_models),
        codes(table.mig_profile),
    ]
    combined = np.zeros(len(table), np.int64)
    for column in columns:
        combined = _refine(combined, column)
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    by_first = np.argsort(first, kind="stable")
    rank = np.empty(first.size, np.int64)
    rank[by_first] = np.arange(first.size)
    return rank[inverse], [pod_class(table, int(row)) for row in first[by_first]]


def codes(texts: Sequence[str]) -> IntArray:
    """Return a number for each text, by first appearance."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(text, len(known)) for text in texts], np.int64)


def job_class(roles: tuple[PodClass, ...]) -> JobClass:
    """Return the class of a job of some roles."""
    return JobClass(
        roles,
        n_pods=sum(role.pods for role in roles),
        cpu_milli=sum(role.cpu_milli * role.pods for role in roles),
        memory_mib=sum(role.memory_mib * role.pods for role in roles),
        gpu_milli=sum(role.gpu_milli * role.pods for role in roles),
        n_gpus=sum(device.ask.count * role.pods for role in roles for device in role.devices),
    )


def _refine(combined: IntArray, column: IntArray) -> IntArray:
    if not column.size or (column == column[0]).all():
        return combined
    _, inverse = np.unique(column, return_inverse=True)
    both = combined * (int(inverse.max()) + 1) + inverse
    refined: IntArray = np.unique(both, return_inverse=True)[1].astype(np.int64)
    return refined


def pod_class(table: JobTable, row: int) -> PodClass:
    """Return what a pod of a row asks for."""
    count, milli = int(table.gpu_count[row]), int(table.gpu_milli[row])
    memory_mib = int(table.gpu_memory_mib[row])
    ask: WholeGpus | GpuShare | MigInstances
    if table.mig_profile[row]:
        ask = MigInstances(table.mig_profile[row], count)
    elif milli == GPU_MILLI and not memory_mib:
        ask = WholeGpus(count)
    else:
        ask = GpuShare(milli, memory_mib, count)
    models = tuple(m.strip() for m in table.gpu_models[row].split("|") if m.strip())
    devices = (DeviceRequest(ask, models),) if count else ()
    return PodClass(
        int(table.cpu_milli[row]),
        int(table.memory_mib[row]),
        devices,
        gpus_of(Request("", devices=devices), GPU_MEMORY_MIB)[1],
        int(table.pods[row]),
    )
