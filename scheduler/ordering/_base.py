"""What an ordering policy promises, and the ties that all of them share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.ordering.pending import Pending


class OrderingPolicy(Protocol):
    """Says which job is served first. It has no state: the same columns give the same order."""

    def order(self, pending: Pending, now_s: float) -> IntArray:
        """Return all rows of ``pending``, first served first.

        It must not depend on the order of the rows: ties are broken by their columns alone.
        """


@runtime_checkable
class KeyedOrder(Protocol):
    """An ordering policy that goes by one key, then by submission and uid.

    While a job waits its key stays, so that a queue can be kept in order instead of being sorted
    whenever somebody is served. Only what the job did itself (it ran, it was stopped) changes it.
    """

    def key(self, pending: Pending) -> IntArray | FloatArray | None:
        """Return the key (n_jobs,), ascending, NaN last; None where waiting alone changes it."""


def by_keys(pending: Pending, *keys: IntArray | FloatArray) -> IntArray:
    """Return the rows by ascending keys, the first key first; NaN is last.

    Ties go to the job that was submitted earlier, then to the lesser uid.
    """
    ties = by_arrival(pending)
    order = ties
    for key in reversed(keys):
        order = order[np.argsort(key[order], kind="stable")]
    return order


def by_arrival(pending: Pending) -> IntArray:
    """Return the rows by the time of submission, then by uid."""
    return np.lexsort((pending.key, pending.submit_s))
