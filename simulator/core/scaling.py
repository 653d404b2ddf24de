"""How much faster a job goes on more GPUs: measured points, or Amdahl's law."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bayplan.scheduler.errors import InputError

Points = tuple[tuple[int, float], ...]
"""Pairs of GPUs and speed, GPUs ascending; the unit of speed is anybody's."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Speeds over numbers of GPUs, by job type.

    Attributes
    ----------
    points
        Job type → what was measured, such as samples a second. Between two points the speed is on
        the line between them, below the first one in proportion to the GPUs, beyond the last one
        that of the last. It may fall: more GPUs are slower where the network is the limit.
    serial
        Of the other job types, the part of the time on one GPU that more GPUs do not shorten:
        n of them are 1 / (serial + (1 - serial) / n) times as fast (Amdahl, Validity of the single
        processor approach, AFIPS 1967). 0 is n times.

    Raises
    ------
    InputError
        A number of GPUs is there twice or below 1, a speed is not above 0, or the part is none.
    """

    points: Mapping[str, Points] = field(default_factory=dict)
    serial: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.serial <= 1.0:
            raise InputError(f"the serial part is {self.serial}", fix="give 0 to 1")
        for job_type, points in self.points.items():
            gpus = [each[0] for each in points]
            if not gpus or gpus[0] < 1 or any(a >= b for a, b in pairwise(gpus)):
                raise InputError(
                    f"the GPUs of {job_type!r} are {gpus}", fix="give each number once, ascending"
                )
            if bad := [each for _, each in points if not 0.0 < each < math.inf]:
                raise InputError(f"a speed of {job_type!r} is {bad[0]}", fix="give more than 0")

    def speed(self, job_type: str, gpus: int) -> float:
        """Return the speed on so many GPUs (1 or more); only ratios of one type mean anything."""
        points = self.points.get(job_type)
        if points is None:
            return 1.0 / (self.serial + (1.0 - self.serial) / gpus)
        known, speeds = zip(*points, strict=True)
        if gpus < known[0]:
            below: float = speeds[0] * gpus / known[0]
            return below
        return float(np.interp(gpus, known, speeds))
