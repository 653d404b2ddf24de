"""What an owner (a pod or a claim) takes of a node: the cluster's ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bayplan.scheduler.types import Grant

NO_CLASS = -1
SHARE_CLASS = 0


class Tenancy(NamedTuple):
    """Room taken on a node.

    ``taken`` are (slot, milli, MiB, units) of each slot; ``slots``, the slots alone, are flat
    numbers. Units are MIG bits, or 1 for a seat. ``resources`` are (column, amount) pairs.
    ``gpu_class``: 0 a share of one GPU, k a pod with k GPUs, -1 none. A tuple, because it is made
    for every pod: 0.3 us instead of 0.9.
    """

    row: int
    cpu: int = 0
    memory: int = 0
    resources: tuple[tuple[int, int], ...] = ()
    slots: tuple[int, ...] = ()
    taken: tuple[tuple[int, int, int, int], ...] = ()
    gpu_class: int = NO_CLASS


def gpu_class(n_gpus: int, *, share: bool) -> int:
    """Return the GPU class of a pod: 0 a share of one GPU, k GPUs, -1 none."""
    if not n_gpus:
        return NO_CLASS
    return SHARE_CLASS if share and n_gpus == 1 else n_gpus


@dataclass(frozen=True, slots=True)
class Claim:
    """An allocation that several pods share; it ends with the last of them.

    ``chosen`` says which of its first user's wishes it is, as in a ``Placement``.
    """

    node: str
    grants: tuple[Grant, ...]
    chosen: int
    tenancy: Tenancy
    users: frozenset[str]
