"""When each running job is expected to finish, and which is next."""

from __future__ import annotations

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.timing import set_times, take_due


class Calendar:
    """The predicted ends of ``n_jobs`` jobs; ties go by number.

    ``arrays`` are for ``kernels.advance``, which changes them as ``set`` does.
    """

    def __init__(self, n_jobs: int) -> None:
        self._times = np.full(n_jobs, np.inf)
        heap_ints = np.zeros((2, n_jobs), np.int64)
        self._heap, self._place = heap_ints
        self._place[:] = -1
        self._size = np.zeros(1, np.int64)
        self.arrays = self._times, heap_ints, self._size
        self._due = np.zeros(n_jobs, np.int64)

    @property
    def next_s(self) -> float:
        """The earliest of the times, infinite when there is none."""
        return self._times.item(self._heap.item(0)) if self._size.item(0) else np.inf

    def set(self, jobs: IntArray, times_s: FloatArray) -> None:
        """Expect jobs (n,) at new times (n,); infinite: not at all."""
        set_times(jobs, times_s, self._times, self._heap, self._place, self._size)

    def forget(self, job: int) -> None:
        """Expect a job no longer."""
        if self._place.item(job) >= 0:
            self.set(np.array([job]), _NEVER)

    def take(self, until_s: float) -> list[int]:
        """Take out the jobs that are due by a time, the earliest first."""
        n = take_due(float(until_s), self._times, self._heap, self._place, self._size, self._due)
        if n == 1:
            return [self._due.item(0)]
        due: list[int] = self._due[:n].tolist()
        return due


_NEVER = np.array([np.inf])
