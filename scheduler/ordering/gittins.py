"""The Gittins index of attained GPU-seconds, for a known distribution of job sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayplan.kernels.order import gittins_indices
from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering._base import by_keys
from bayplan.scheduler.ordering.pending import Pending


@dataclass(frozen=True, slots=True, eq=False)
class Gittins2d:
    """The highest chance of finishing per GPU-second spent first.

    ``sizes_gpu_s`` : GPU-seconds that jobs took in the past, ascending, each as likely for a
    job that waits. A job that attained more than all of them has index 0 and is last.

    Source: 2D-Gittins index of Gu et al.: Tiresias, NSDI 2019, section 3.3 (the maximum over
    delta of the chance to finish within delta over the expected service within delta), exact;
    Gittins: Bandit processes, JRSS B 1979.
    """

    sizes_gpu_s: FloatArray

    @classmethod
    def from_history(cls, sizes_gpu_s: Iterable[float]) -> Gittins2d:
        """Return the policy for the GPU-seconds of finished jobs, in any order.

        Raises
        ------
        ValueError
            A size is negative or not a number.
        """
        sizes = np.sort(np.array(list(sizes_gpu_s), np.float64))
        if not np.all(np.isfinite(sizes)) or np.any(sizes < 0):
            raise ValueError("GPU-seconds of finished jobs must be finite and not negative")
        return cls(sizes)

    def indices(self, pending: Pending) -> FloatArray:
        """Return the index of each row, per GPU-second: the higher, the earlier."""
        falling = np.argsort(-pending.attained_gpu_s, kind="stable")
        sorted_indices = np.empty(pending.size, np.float64)
        gittins_indices(self.sizes_gpu_s, pending.attained_gpu_s[falling], sorted_indices)
        out = np.empty(pending.size, np.float64)
        out[falling] = sorted_indices
        return out

    def key(self, pending: Pending) -> FloatArray:
        """Return the key (n_jobs,) that the order goes by."""
        return -self.indices(pending)

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows by falling index, then by submission and uid."""
        return by_keys(pending, self.key(pending))
