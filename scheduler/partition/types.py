"""What crosses the doors of the partition planner: instances, GPUs, changes, plans. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.hardware.types import Product


@dataclass(frozen=True, slots=True, order=True)
class Instance:
    """A MIG instance of a profile (``1g.10gb``); ``start`` counts placement units."""

    start: int
    profile_name: str


Layout = tuple[Instance, ...]
"""The instances of one GPU, by start."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """A GPU with its instances, in any order.

    ``used`` ones run something: no plan touches them. ``idle`` ones may be destroyed.
    """

    product: Product
    used: tuple[Instance, ...] = ()
    idle: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Create:
    """Make an instance on the GPU at an index of the planned list."""

    gpu_index: int
    instance: Instance


@dataclass(frozen=True, slots=True)
class Destroy:
    """Remove an idle instance from the GPU at an index of the planned list."""

    gpu_index: int
    instance: Instance


Change = Create | Destroy


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in an order in which each is legal, and the demand that they leave unmet.

    ``changes`` go by GPU index; on a GPU, first what is destroyed, then what is created, each by
    start. ``unmet`` are (profile, count) pairs with a positive count, by name.
    """

    changes: tuple[Change, ...] = ()
    unmet: tuple[tuple[str, int], ...] = ()
