"""From rows of the tables to what the engine takes: requests and nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bayplan.scheduler.types import (
    GPU_MILLI,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from bayplan.traces.schema import NodeTable, PodTable

MODEL_LABEL = "nvidia.com/gpu.product"
PLACE_LABELS = (
    ("bayplan.io/block", "block"),
    ("bayplan.io/rack", "rack"),
    ("nvidia.com/gpu.clique", "nvlink_domain"),
    ("topology.kubernetes.io/zone", "zone"),
)
"""Node labels and the columns that they come from, sorted by label."""

Shape = tuple[int, int, int, str, str]
Devices = tuple[DeviceRequest, ...]


def requests_from(pods: PodTable) -> list[Request]:
    """Turn pods into requests, in the order of the table.

    Pods of one GPU shape share one ``devices`` object, because the engine hashes it for every
    decision. ``uid`` is the pod's name; a known duration is the estimated run time.

    Parameters
    ----------
    pods
        The pods.
    """
    devices = _devices(pods)
    columns = zip(
        pods.name,
        pods.cpu_milli.tolist(),
        pods.memory_mib.tolist(),
        devices,
        pods.priority.tolist(),
        pods.gang,
        pods.queue,
        pods.duration_s.tolist(),
        strict=True,
    )
    return [
        Request(
            uid=name,
            cpu_milli=cpu_milli,
            memory_mib=memory_mib,
            devices=ask,
            priority=priority,
            gang=gang,
            queue=queue,
            run_time_s=None if math.isnan(duration_s) else duration_s,
        )
        for name, cpu_milli, memory_mib, ask, priority, gang, queue, duration_s in columns
    ]


def nodes_from(table: NodeTable) -> list[Node]:
    """Turn the node table into nodes, in the order of the table.

    GPU model, zone, rack, block and NVLink domain become labels where they are known.

    Parameters
    ----------
    table
        The nodes.
    """
    return [
        Node(
            name=table.name[row],
            cpu_milli=int(table.cpu_milli[row]),
            memory_mib=int(table.memory_mib[row]),
            gpu_count=int(table.gpu_count[row]),
            gpu_model=table.gpu_model[row],
            gpu_memory_mib=int(table.gpu_memory_mib[row]),
            labels=_labels(table, row),
            gpu_island=int(table.gpu_island[row]),
        )
        for row in range(len(table))
    ]


def node_table(nodes: Sequence[Node]) -> NodeTable:
    """Turn nodes into the node table, in their order: what ``nodes_from`` takes.

    Of labels those of places are kept; how GPUs are shared is in no table.

    Parameters
    ----------
    nodes
        The nodes.
    """
    labels = [dict(node.labels) for node in nodes]
    columns = ("name", "cpu_milli", "memory_mib", "gpu_count", "gpu_model", "gpu_memory_mib")
    places = {column: [each.get(label, "") for each in labels] for label, column in PLACE_LABELS}
    return NodeTable.of(
        **{column: [getattr(node, column) for node in nodes] for column in columns},
        **places,
        gpu_island=[node.gpu_island for node in nodes],
    )


def models_of(text: str) -> tuple[str, ...]:
    """Split ``A|B`` into its models, as written; empty means any.

    Order and repeats mean nothing to a decision, but the published target workload tells
    ``A|B`` from ``A|B|B``.

    Parameters
    ----------
    text
        The ``gpu_models`` cell.
    """
    return tuple(model.strip() for model in text.split("|") if model.strip())


def _devices(pods: PodTable) -> list[Devices]:
    by_shape: dict[Shape, Devices] = {}
    result = []
    for shape in zip(
        pods.gpu_count.tolist(),
        pods.gpu_milli.tolist(),
        pods.gpu_memory_mib.tolist(),
        pods.gpu_models,
        pods.mig_profile,
        strict=True,
    ):
        if shape not in by_shape:
            by_shape[shape] = _shape_devices(shape)
        result.append(by_shape[shape])
    return result


def _shape_devices(shape: Shape) -> Devices:
    count, milli, memory_mib, models, profile = shape
    if count == 0:
        return ()
    ask: WholeGpus | GpuShare | MigInstances
    if profile:
        ask = MigInstances(profile, count)
    elif milli == GPU_MILLI and not memory_mib:
        ask = WholeGpus(count)
    else:
        ask = GpuShare(milli, memory_mib, count)
    return (DeviceRequest(ask, models_of(models)),)


def _labels(table: NodeTable, row: int) -> tuple[tuple[str, str], ...]:
    values = [(label, getattr(table, column)[row]) for label, column in PLACE_LABELS]
    values.append((MODEL_LABEL, table.gpu_model[row]))
    return tuple(sorted((label, value) for label, value in values if value))
