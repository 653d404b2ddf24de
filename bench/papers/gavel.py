"""Gavel's simulator at low load: rounds on V100, P100 and K80, V100 first, in order of arrival.

What its repository prints in EXPERIMENTS.md are runs of AlloX. At these loads AlloX puts every job
on a V100 as soon as it plans, which is what "V100 first FIFO" does; so that is what is run here.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.types import Node
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.passes import Serve
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.speeds import Speeds
from bayplan.traces.jobs import JobTable, read_jobs

ROUND_S = 360.0
RECOMPUTE_S = 1_920.0
"""The least time between two allocations."""

MODELS = {"v100": "V100-16G", "p100": "P100", "k80": "K80"}
"""Their names of GPU models, the fastest first, and ours."""


class Figures(NamedTuple):
    """What the repository prints of a run: seconds, and GPU time in use over all GPU time."""

    avg_jct_s: float
    utilization: float


class Stream(NamedTuple):
    """Jobs whose work is seconds on V100, with their steps and steps a second there: (n,)."""

    jobs: JobTable
    steps: FloatArray
    steps_per_s: FloatArray


def read_stream(path: Path, lambda_s: float) -> Stream:
    """Return a stream of jobs that come ``lambda_s`` apart in the mean.

    The speed on V100 is that of the stream itself: the table of speeds is rounded to six decimals.
    """
    jobs = read_jobs(path, "gavel", interarrival_s=lambda_s)
    with path.open(newline="") as file:
        steps = np.array([float(row["total_steps"]) for row in csv.DictReader(file)])
    return Stream(jobs, steps, steps / jobs.work_s)


def read_speeds(path: Path) -> Speeds:
    """Return how fast jobs on one GPU are, relative to V100."""
    steps_per_s: dict[tuple[str, str], float] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if (
                row["worker_type"] in MODELS
                and row["scale_factor"] == "1"
                and not row["colocated_job_type"]
            ):
                steps_per_s[row["job_type"], row["worker_type"]] = float(row["job_steps_per_s"])
    return Speeds(
        by_type={
            (kind, MODELS[model]): speed / steps_per_s[kind, "v100"]
            for (kind, model), speed in steps_per_s.items()
        }
    )


def nodes_of(cluster: str) -> list[Node]:
    """Return the nodes, of one GPU each, of a cluster such as ``v100:36|p100:36|k80:36``."""
    counts = {model: int(count) for model, count in (p.split(":") for p in cluster.split("|"))}
    return [
        Node(f"{model}-{k}", gpu_count=1, gpu_model=MODELS[model])
        for model in MODELS
        for k in range(counts.get(model, 0))
    ]


class GavelRounds:
    """Gavel's rounds: progress, trigger and pass in one, as all three look at the slices.

    In a round each job runs a slice: as many whole steps as fit into ``ROUND_S``, or those that
    are left. The round is over when the last slice is. Jobs that came meanwhile join then; they
    are placed at the first round that may make a new allocation: one is due when a job came or
    ended since the last, and that was ``RECOMPUTE_S`` ago (or at time 0). Without a slice to wait
    for, the next round begins when the next job comes.

    Attributes
    ----------
    round_end_s
        The end of the last slice of this round.
    busy_gpu_s
        GPU time in use as Gavel counts it: each slice from the end of the round before.
    """

    every_pass = True
    settled = True
    tolerance = 0.0

    def __init__(self, steps: FloatArray, steps_per_s: FloatArray) -> None:
        self._steps_per_s = steps_per_s
        self._left = steps.copy()
        self._slice = np.zeros(steps.size)
        self._end_s = np.zeros(steps.size)
        self._allocate = Serve(strict=True)
        self._changed = False
        self._allocated_s = 0.0
        self.round_end_s = 0.0
        self.busy_gpu_s = 0.0

    # --- progress -------------------------------------------------------------------------

    def start_cost_s(self, book: Book, job: int) -> float:
        """Start at once."""
        return 0.0

    def begin(self, book: Book, job: int, now_s: float) -> None:
        """Start at once: there is no cost."""
        book.since_s[job] = now_s

    def settle(self, book: Book, jobs: IntArray, now_s: float) -> None:
        """Count the slices that are over, and of the others the part that is."""
        over = self._end_s[jobs] <= now_s
        self._left[jobs] -= np.where(over, self._slice[jobs], 0.0)
        self._slice[jobs[over]] = 0.0
        book.since_s[jobs[over]] = now_s
        left_s = self._left[jobs] / self._steps_per_s[jobs]
        part_s = book.rate[jobs] * (now_s - book.since_s[jobs])
        book.done_s[jobs] = book.work_s[jobs] - left_s + part_s

    def change(self, book: Book, jobs: IntArray, rates: FloatArray, now_s: float) -> FloatArray:
        """Begin slices once a round, and predict the ends of those that end with theirs."""
        self.settle(book, jobs, now_s)
        book.rate[jobs] = rates
        if now_s >= self.round_end_s:
            self._begin_slices(book, jobs, now_s)
        last = self._slice[jobs] >= self._left[jobs]
        return np.where(last, self._end_s[jobs], np.inf)

    def _begin_slices(self, book: Book, jobs: IntArray, now_s: float) -> None:
        steps_per_s = self._steps_per_s[jobs] * book.rate[jobs]
        steps = np.minimum(np.floor(steps_per_s * ROUND_S), self._left[jobs])
        ends = now_s + steps / steps_per_s
        self._slice[jobs], self._end_s[jobs] = steps, ends
        self.busy_gpu_s += float(((ends - self.round_end_s) * book.n_gpus[jobs]).sum())
        self.round_end_s = float(ends.max())

    def stop(self, book: Book, job: int, now_s: float) -> None:
        """Lose nothing."""
        self.settle(book, np.array([job]), now_s)

    def complete(self, book: Book, job: int, now_s: float) -> None:
        """Call the work done."""
        book.done_s[job] = book.work_s[job]

    # --- trigger --------------------------------------------------------------------------

    def happened(self, book: Book, now_s: float) -> float:
        """Wait for the end of the round, if one is on."""
        self._changed = True
        return max(now_s, self.round_end_s)

    def passed(self, book: Book, now_s: float) -> float:
        """Return the end of the round that has begun, if anything runs in it."""
        return self.round_end_s if self.round_end_s > now_s else math.inf

    # --- pass -----------------------------------------------------------------------------

    def is_idle(self, floor: Floor) -> bool:
        """Look each time: a round may begin with an arrival."""
        return False

    def run(self, floor: Floor) -> None:
        """Make a new allocation when one is due."""
        # Their marker of "none yet" is time 0, so one that is made then does not count.
        too_early = self._allocated_s > 0.0 and floor.now_s - self._allocated_s < RECOMPUTE_S
        if self._changed and not too_early:
            self._changed = False
            self._allocated_s = floor.now_s
            self._allocate.run(floor)


def run(stream: Stream, speeds: Speeds, cluster: str, window: Sequence[int]) -> Figures:
    """Simulate until the jobs of a window, by number, have ended."""
    nodes = nodes_of(cluster)
    rounds = GavelRounds(stream.steps, stream.steps_per_s)
    simulation = Simulation(
        nodes,
        stream.jobs,
        Settings(placement="first-fit", ordering="fifo", speeds=speeds),
        Parts(preemption=rounds, progress=rounds, trigger=rounds),
        stop_after=[stream.jobs.name[job] for job in window],
    )
    jobs = simulation.run().jobs
    jct = (jobs.finish_s - stream.jobs.arrival_s)[list(window)]
    capacity_gpu_s = sum(node.gpu_count for node in nodes) * rounds.round_end_s
    return Figures(float(jct.mean()), rounds.busy_gpu_s / capacity_gpu_s)
