"""Integrals over time, and samples of the cluster as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields

import numpy as np

from bayplan.simulator.core.results import Series


class Meter:
    """What is handed out and used, integrated exactly between changes.

    ``milli``, ``busy``, ``taken`` are the levels now: milli-GPU handed out, GPUs with a tenant,
    tenants. Call ``upto`` before any of them changes. ``gpus`` are there, which ``resize`` changes;
    that counts from ``first_s``, the first arrival.
    """

    def __init__(self, first_s: float) -> None:
        self.milli = self.busy = self.taken = 0
        self.gpus = 0
        self.first_s = self._since_s = first_s
        self._there_gpu_s = 0.0
        self.allocated_gpu_s = self.busy_gpu_s = self.tenant_gpu_s = 0.0
        self._at_s = -math.inf

    def upto(self, now_s: float) -> None:
        """Add what was used since the last time."""
        span = now_s - self._at_s
        if span > 0.0:
            if self.taken or self.milli:
                self.allocated_gpu_s += self.milli * span / 1000.0
                self.busy_gpu_s += self.busy * span
                self.tenant_gpu_s += self.taken * span
            self._at_s = now_s

    def resize(self, now_s: float, gpus: int) -> None:
        """Let so many more GPUs be there from now on."""
        if now_s > self._since_s:
            self._there_gpu_s, self._since_s = self.there_gpu_s(now_s), now_s
        self.gpus += gpus

    def there_gpu_s(self, now_s: float) -> float:
        """Return the GPU-seconds that there were until now."""
        return self._there_gpu_s + self.gpus * max(0.0, now_s - self._since_s)


COUNTS = ("waiting", "running", "allocated_milli", "busy_gpus", "tenants", "gpus")
Row = tuple[float, int, int, int, float, int, int, int, float, float]


class Sampler:
    """A series of samples, which thins itself out: at most twice ``most``, evenly spaced.

    When there are twice as many as wanted every second one is dropped and the step doubled, so
    that a run of unknown length has a series of about the length that was asked for.
    """

    def __init__(self, first_s: float, step_s: float, most: int) -> None:
        self.next_s = first_s
        self.step_s = step_s
        self._most = most
        self._rows: list[Row] = []

    def take(self, sample: Callable[[float], Row]) -> None:
        """Take the sample that is due."""
        self._rows.append(sample(self.next_s))
        if len(self._rows) >= 2 * self._most:
            self._rows = self._rows[::2]
            self.step_s *= 2.0
            self.next_s = self._rows[-1][0]
        self.next_s += self.step_s

    def series(self) -> Series:
        """Return the samples as columns."""
        table = np.array(self._rows, np.float64).reshape(-1, len(fields(Series)))
        columns = dict(zip([field.name for field in fields(Series)], table.T, strict=True))
        whole = {name: columns[name].astype(np.int64) for name in COUNTS}
        return Series(**{**columns, **whole})  # type: ignore[arg-type]  # whole are the counts
