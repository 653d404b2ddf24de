"""Muri's simulator: its traces, its progress model, and its orders SRTF and SRSF."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.types import Node
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.traces.jobs import JobTable, read_jobs

CALIBRATION = 1.015
"""What the simulator multiplies all iteration times with."""

OVERHEAD_S = {
    "vgg16": (7, 7, 8, 9, 9, 10),
    "vgg19": (7, 7, 8, 9, 10, 10),
    "resnet18": (4, 5, 5, 7, 7, 7),
    "shufflenet_v2_x1_0": (4, 4, 5, 5, 7, 8),
    "a2c": (38, 39, 39, 46, 46, 46),
    "dqn": (5, 5, 6, 6, 8, 8),
}
"""Seconds by model, on 1, 2, 4, 8, 16 and 32 GPUs; 10 for the others."""


class Figures(NamedTuple):
    """What the paper's repository has of a schedule, seconds."""

    avg_jct: float
    makespan: float
    p99_jct: float


def read_trace(path: Path) -> JobTable:
    """Return a trace as jobs, named so that ties go by their order in the file."""
    jobs = read_jobs(path, "muri")
    names = tuple(f"{row:06d}" for row in range(len(jobs)))
    return replace(jobs, name=names, work_s=jobs.work_s * CALIBRATION)


class ChargedAtEveryEvent:
    """Muri's progress model: each event costs every running job its overhead.

    At each event a running job gets the time since the last one, less the overhead of its model
    and size; an end is predicted without overhead, and comes even if work is left by then.
    """

    every_pass = True
    tolerance = 1e-9

    def __init__(self, table: JobTable) -> None:
        gpus = table.gpu_count * table.pods
        self._overhead_s = np.array(
            [
                OVERHEAD_S.get(model, (10,) * 6)[min(int(math.log2(n)), 5)]
                for model, n in zip(table.job_type, gpus.tolist(), strict=True)
            ],
            np.float64,
        )

    def start_cost_s(self, book: Book, job: int) -> float:
        """Start at once."""
        return 0.0

    def begin(self, book: Book, job: int, now_s: float) -> None:
        """Start at once: events charge for it."""
        book.since_s[job] = now_s

    def settle(self, book: Book, jobs: IntArray, now_s: float) -> None:
        """Charge the overhead, and count the rest as work."""
        ran = np.maximum(now_s - book.since_s[jobs] - self._overhead_s[jobs], 0.0)
        book.done_s[jobs] += ran
        book.since_s[jobs] = now_s

    def change(self, book: Book, jobs: IntArray, rates: FloatArray, now_s: float) -> FloatArray:
        """Predict the end of what is left, without overhead."""
        left: FloatArray = now_s + (book.work_s[jobs] - book.done_s[jobs])
        return left

    def stop(self, book: Book, job: int, now_s: float) -> None:
        """Lose nothing: all work up to the event is settled."""

    def complete(self, book: Book, job: int, now_s: float) -> None:
        """Call the work done."""
        book.done_s[job] = book.work_s[job]


def figures_of(jct_s: FloatArray, finish_s: FloatArray) -> Figures:
    """Return the three figures of a schedule; p99 is the job at index ``int(0.99 n)``."""
    p99 = np.sort(jct_s).item(int(0.99 * jct_s.size))
    return Figures(float(jct_s.mean()), float(finish_s.max()), p99)


def simulate(ordering: str, jobs: JobTable, *, log: bool = False) -> Outcome:
    """Simulate one of the orders that Muri's simulator has, by our name, on 8 nodes of 8 GPUs."""
    return Simulation(
        [Node(f"node{k}", gpu_count=8) for k in range(8)],
        jobs,
        Settings(placement="first-fit", ordering=ordering, preemption="repack", log=log),
        Parts(progress=ChargedAtEveryEvent(jobs)),
    ).run()


def figures_of_outcome(outcome: Outcome, jobs: JobTable) -> Figures:
    """Return the three figures of a simulation."""
    finish_s = outcome.jobs.finish_s
    return figures_of(finish_s - jobs.arrival_s, finish_s)
