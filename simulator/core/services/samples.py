"""A service over time: sums between samples, of which two become one when there are too many."""

from __future__ import annotations

from typing import NamedTuple

MOST = 2_000
"""Samples of a service: at twice as many, each two become one."""


class Sums(NamedTuple):
    """What has come together since the beginning, at a time."""

    time_s: float
    offered: float
    served: float
    dropped: float
    in_time: float
    latency_s: float
    capacity: float


class Sample(NamedTuple):
    """Sums and levels at a time."""

    sums: Sums
    waiting: float
    replicas: int
    serving: int


class Samples:
    """Samples a step apart, from a time on; sums tell what was between whichever of them stay."""

    def __init__(self, first: Sums, step_s: float, most: int = MOST) -> None:
        self.first, self.step_s = first, step_s
        self._most = most
        self.next_s = first.time_s + step_s
        self.taken: list[Sample] = []

    def take(self, sample: Sample) -> None:
        """Take the one that is due."""
        self.taken.append(sample)
        if len(self.taken) >= 2 * self._most:
            self.taken = self.taken[1::2]
            self.step_s *= 2.0
        self.next_s = sample.sums.time_s + self.step_s

    def end(self, sample: Sample) -> None:
        """Take the last one, if time has passed since the one before."""
        before = self.taken[-1].sums if self.taken else self.first
        if sample.sums.time_s > before.time_s:
            self.taken.append(sample)
