"""Watts of the GPUs, and what they add up to: energy, and carbon by the hour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.hardware import gpu_watts
from bayplan.scheduler.sharing import Hami, Mig, Mps, TimeSlicing, sharing_of
from bayplan.scheduler.types import GPU_MILLI, Grant, Node, Placement
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.speeds import Speeds

HOUR_S = 3600.0

_SHARED = Mps, TimeSlicing, Hami, Mig


class Energy:
    """Integrates watts exactly between changes of rates.

    A GPU that is there draws its idle watts. A job adds, for each of its parts of GPUs, (full -
    idle) × what its type draws of that range × its rate over its speed alone; where GPUs are not
    shared by a mode, times its share. Full watts are the power limit. Of hosts nothing is known,
    and nothing is counted. What tenants draw together is not cut at the limit: the speed models
    slow them down where it is reached.

    Attributes
    ----------
    idle_w, active_w
        What the GPUs draw now.
    idle_j, active_j, co2_g
        The integrals up to the latest ``upto``, from ``first_s`` on.
    """

    def __init__(
        self, nodes: Sequence[Node], book: Book, speeds: Speeds, grid: Grid, first_s: float
    ) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._book, self._speeds = book, speeds
        self._per_job_w = np.zeros(book.n_jobs)
        self._hours = np.concatenate([[0.0], np.cumsum(grid.g_per_kwh)])
        self._at_s = first_s
        self.idle_w = self.active_w = 0.0
        self.idle_j = self.active_j = self.co2_g = 0.0

    @property
    def watts(self) -> float:
        """What the GPUs draw now."""
        return self.idle_w + self.active_w

    def upto(self, now_s: float) -> None:
        """Add what was drawn since the last time."""
        if now_s <= self._at_s:
            return
        span = now_s - self._at_s
        self.idle_j += self.idle_w * span
        self.active_j += self.active_w * span
        grams = self._grams_per_kw(now_s) - self._grams_per_kw(self._at_s)
        self.co2_g += self.watts / 1000.0 * grams
        self._at_s = now_s

    def _grams_per_kw(self, time_s: float) -> float:
        """Return the CO2 of one kW from 0 to a time, in g."""
        n = len(self._hours) - 1
        whole, rest = divmod(time_s / HOUR_S, 1.0)
        rounds, hour = divmod(int(whole), n)
        before, after = self._hours[hour : hour + 2].tolist()
        grams: float = rounds * self._hours.item(n) + before + rest * (after - before)
        return grams

    def resize(self, node: Node, sign: int, now_s: float) -> None:
        """Let a node's GPUs be there (1), or no longer (-1)."""
        self.upto(now_s)
        self.idle_w += sign * node.gpu_count * gpu_watts(node.gpu_model)[0]

    def begin(self, job: int, placements: Sequence[Placement]) -> None:
        """Note where a job runs, before it is given a rate."""
        drawn = self._speeds.demand(self._book.job_type[job]).drawn
        range_w = sum(
            self._range_w(self._nodes[place.node], grant)
            for place in placements
            for grants in place.grants
            for grant in grants
        )
        self._per_job_w[job] = range_w * drawn / self._book.base.item(job)

    def _range_w(self, node: Node, grant: Grant) -> float:
        idle, full = gpu_watts(node.gpu_model)
        shared = isinstance(sharing_of(node.sharing, max(grant.slot.gpu, 0)), _SHARED)
        return (full - idle) * (1.0 if shared else grant.milli / GPU_MILLI)

    def change(self, jobs: IntArray, rates: FloatArray, now_s: float) -> None:
        """Let jobs (n,) draw by their new rates (n,); the book still has the old ones."""
        self.upto(now_s)
        self.active_w += float((self._per_job_w[jobs] * (rates - self._book.rate[jobs])).sum())

    def end(self, job: int, now_s: float) -> None:
        """Let a job draw nothing any more; the book still has its rate."""
        self.upto(now_s)
        self.active_w -= self._per_job_w.item(job) * self._book.rate.item(job)
