"""GPU islands: the GPUs of one node that NVLink joins.

An island is so many GPUs with consecutive indices on the node, counted from 0. Where the device
plugin picks the GPUs, no index is promised: such a node has an island only if all its GPUs are
one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.types import (
    ANONYMOUS,
    Grant,
    Node,
    Placement,
    Request,
    Topology,
    TopologyLevel,
)

ANY = -1
"""The number of an island where each will do."""

NONE = -2
"""The number of an island of GPUs that are not in one."""

_MIG = "-MIG-"


@dataclass(frozen=True, slots=True)
class InIsland(Topology):
    """A wish for one GPU island, that of a number on its node; one GPU, too, is to be in one."""

    number: int = ANY


class Near(NamedTuple):
    """What a pod wishes of islands: whether that must be, and which island it must be."""

    required: bool
    number: int = ANY


def near_of(topology: Topology | None, count: int) -> Near | None:
    """Return what a wish asks of islands for ``count`` slots; None where it asks for nothing."""
    if topology is None or topology.level is not TopologyLevel.GPU_ISLAND:
        return None
    if isinstance(topology, InIsland):
        return Near(topology.required, topology.number) if count else None
    return Near(topology.required) if count > 1 else None  # one GPU is near itself


def island_size(node: Node) -> int:
    """Return of how many GPUs the islands of a node are; 0 where it has none.

    What the node says comes first, then the catalogue's word for its model; GPUs of an unknown
    model, and MIG instances, are alone.
    """
    count = node.gpu_count
    if not count:
        return 0
    size = min(node.gpu_island or _joined(node.gpu_model), count)
    return 0 if node.anonymous_gpus and size < count else size


@lru_cache(maxsize=1024)
def _joined(model: str) -> int:
    product = find_product(model) if model and _MIG not in model.upper() else None
    return max(1, product.nvlink_island) if product is not None else 1


def island_of(size: int, grants: Iterable[Grant]) -> int:
    """Return the number of the island that some grants on a node are in.

    ``size`` is that of its islands. ``ANY`` without grants, ``NONE`` where they are in several.
    """
    found = {_number(size, grant.slot.gpu) for grant in grants}
    if len(found) > 1:
        return NONE
    return found.pop() if found else ANY


def _number(size: int, gpu: int) -> int:
    if not size:
        return NONE
    return 0 if gpu == ANONYMOUS else gpu // size


def all_of(placement: Placement) -> list[Grant]:
    """Return all grants of a placement."""
    return [grant for grants in placement.grants for grant in grants]


def stays_near(request: Request, placement: Placement, size: int) -> bool:
    """Whether a placement keeps to the island that its request requires.

    ``size`` is that of the node's islands.
    """
    grants = all_of(placement)
    near = near_of(request.topology, len(grants))
    if near is None or not near.required:
        return True
    number = island_of(size, grants)
    return number != NONE and near.number in (ANY, number)
