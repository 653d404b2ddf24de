"""Smallest job first."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True)
class SmallestFirst:
    """The least GPUs first, a share of one by its milli.

    A baseline of packing studies: small jobs fill the gaps, large ones may starve.
    """

    def key(self, pending: Pending) -> IntArray:
        """Return the key (n_jobs,) that the order goes by."""
        return pending.gpu_milli

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by milli-GPU asked, then by submission and uid."""
        return by_keys(pending, self.key(pending))
