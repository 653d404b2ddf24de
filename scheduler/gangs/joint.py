"""What members of several kinds need together, against what domains have: a bound on gangs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayplan.kernels.gang import sum_by_domain
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.members import Kind
from bayplan.scheduler.shape import Shape

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine


class Joint:
    """Necessary conditions on members of several kinds in one domain.

    First, where members of one kind ask in every respect for at least what those of another do,
    they could be replaced by these: both together are no more than a domain holds of the lesser
    kind. Second, what all ask for of GPU compute, CPU and memory adds up to no more than
    what is free on the rows that hold any of them.
    """

    def __init__(
        self,
        engine: Engine,
        frame: Frame,
        kinds: Sequence[Kind],
        held: Sequence[IntArray],
        n_domains: int,
    ) -> None:
        self._covers = np.array(
            [[_covers(kind, lesser) for kind in kinds] for lesser in kinds], np.int64
        ).reshape(len(kinds), len(kinds))
        self._least = np.array([_least(engine, kind) for kind in kinds], np.int64).reshape(-1, 3)
        view = engine.cluster.view
        usable = np.zeros(frame.rows.size, np.bool_)
        for each in held:
            usable |= each > 0
        self._free = np.zeros((3, n_domains), np.int64)
        amounts = view.idle_milli, view.cpu_free_milli, view.memory_free_mib
        for i, free in enumerate(amounts):
            there = free[: usable.size] * usable
            if not frame.domains.size:
                self._free[i, 0] = there.sum()
            else:
                sums = summed(there, frame.domains)
                self._free[i, : sums.size] = sums

    def at_least(self, wanted: IntArray) -> IntArray:
        """Return of how many of each kind (n_kinds,) there must be room for ``wanted``."""
        at_least: IntArray = self._covers @ wanted
        return at_least

    def suffices(self, wanted: IntArray) -> BoolArray:
        """Return which domains (n_domains,) have as much as ``wanted`` (n_kinds,) take."""
        enough: BoolArray = np.all(self._free >= (wanted @ self._least)[:, None], axis=0)
        return enough


def summed(held: IntArray, domains: IntArray) -> IntArray:
    """Return sums by domain, (n_domains,)."""
    out = np.zeros(max(1, int(domains.max(initial=-1)) + 1), np.int64)
    sum_by_domain(held, domains, out)
    return out


def _covers(kind: Kind, lesser: Kind) -> bool:
    """Whether a member of ``lesser`` fits wherever one of ``kind`` does, and takes no more."""
    if kind == lesser:
        return True
    if len(kind) != 1 or len(lesser) != 1:
        return False
    (large,), (small,) = kind, lesser
    # What one GPU of several is, and what a single one is, differ only for shares.
    alike = large.want == small.want or (large.want.whole and small.want.whole)
    same = alike and large.want.which == small.want.which and large.resources == small.resources
    return (
        (same or (not small.count and not small.resources))
        and not small.refusal
        and small.near_required in (None, large.near_required)
        and large.labels == small.labels
        and large.count >= small.count
        and large.cpu >= small.cpu
        and large.memory >= small.memory
    )


def _least(engine: Engine, kind: Kind) -> tuple[int, int, int]:
    """Return the least milli-GPU, CPU and memory that a member takes, whichever way it goes."""
    return (
        min(shape.count * _milli(engine, shape) for shape in kind),
        min(shape.cpu for shape in kind),
        min(shape.memory for shape in kind),
    )


def _milli(engine: Engine, shape: Shape) -> int:
    needs = engine.columns.needs(shape).by_kind
    return min([need.milli for need in needs if not need.code], default=0)
