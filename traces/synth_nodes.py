"""The nodes of the synthetic cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.traces.schema import NodeTable

GIB = 1024
NODES_PER_RACK = 8
RACKS_PER_BLOCK = 5
BLOCKS_PER_ZONE = 4


@dataclass(frozen=True, slots=True)
class NodeClass:
    """One kind of node: its GPUs, what stands around them, and its fraction of the cluster."""

    model: str
    gpu_memory_mib: int
    gpus: int
    cores: int
    memory_gib: int
    fraction: float


NODE_CLASSES: tuple[NodeClass, ...] = (
    NodeClass("H100-80GB", 81_559, 8, 112, 1024, 0.10),
    NodeClass("A100-80GB", 81_920, 8, 96, 1024, 0.20),
    NodeClass("A100-40GB", 40_960, 4, 48, 512, 0.13),
    NodeClass("L40S", 46_068, 4, 64, 512, 0.17),
    NodeClass("A10", 23_028, 2, 32, 256, 0.14),
    NodeClass("A10", 23_028, 1, 16, 128, 0.08),
    NodeClass("T4", 15_360, 4, 64, 384, 0.06),
    NodeClass("T4", 15_360, 2, 48, 192, 0.12),
)
"""Large training nodes, middle nodes, and small inference nodes with more cores per GPU."""


def class_sizes(nodes: int) -> list[int]:
    """Return the number of nodes of each class: fractions rounded by largest remainder.

    Parameters
    ----------
    nodes
        Nodes in the cluster.
    """
    exact = np.array([each.fraction for each in NODE_CLASSES]) * nodes
    sizes = np.floor(exact).astype(np.int64)
    # Rounded, so that equal remainders tie by position and not by the last bit of a float.
    by_remainder = np.argsort(-np.round(exact - sizes, 9), kind="stable")
    sizes[by_remainder[: nodes - int(sizes.sum())]] += 1
    return [int(size) for size in sizes]


def make_nodes(nodes: int) -> NodeTable:
    """Make the cluster; nothing in it is random.

    Racks hold nodes of one neighbourhood of the list, so mostly of one model.

    Parameters
    ----------
    nodes
        How many nodes.
    """
    sizes = zip(NODE_CLASSES, class_sizes(nodes), strict=True)
    kinds = [each for each, size in sizes for _ in range(size)]
    racks = [row // NODES_PER_RACK for row in range(nodes)]
    blocks = [rack // RACKS_PER_BLOCK for rack in racks]
    width = max(4, len(str(nodes - 1)))
    return NodeTable.of(
        name=[f"node-{row:0{width}d}" for row in range(nodes)],
        cpu_milli=[each.cores * 1000 for each in kinds],
        memory_mib=[each.memory_gib * GIB for each in kinds],
        gpu_count=[each.gpus for each in kinds],
        gpu_model=[each.model for each in kinds],
        gpu_memory_mib=[each.gpu_memory_mib for each in kinds],
        zone=[f"zone-{block // BLOCKS_PER_ZONE}" for block in blocks],
        rack=[f"rack-{rack:02d}" for rack in racks],
        block=[f"block-{block}" for block in blocks],
    )
