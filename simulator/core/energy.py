"""Watts of the GPUs, and what they add up to: energy, and carbon and price by hour and zone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.hardware import gpu_watts
from bayplan.scheduler.sharing import Hami, Mig, Mps, TimeSlicing, sharing_of
from bayplan.scheduler.types import GPU_MILLI, Grant, Node, Placement
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.grid import Grid, Hours
from bayplan.simulator.core.hourly import Hourly
from bayplan.simulator.core.speeds import Speeds
from bayplan.simulator.core.zones import zone_of

_SHARED = Mps, TimeSlicing, Hami, Mig


class Energy:
    """Integrates watts exactly between changes of rates.

    A GPU that is there draws its idle watts. A job adds, for each of its parts of GPUs, (full -
    idle) × what its type draws of that range × its rate over its speed alone; where GPUs are not
    shared by a mode, times its share. Full watts are the power limit. Of hosts nothing is known,
    and nothing is counted. What tenants draw together is not cut at the limit: the speed models
    slow them down where it is reached.

    The watts of a node count by the carbon intensity and the price of its zone. Zones with the
    same hours are one *area*.

    Attributes
    ----------
    idle_j, active_j, co2_g, price
        The integrals up to the latest ``upto``, from ``first_s`` on; ``price`` is NaN where a kWh
        has none.
    active_co2_g, active_price
        What of these is due to ``active_j``.
    """

    def __init__(
        self, nodes: Sequence[Node], book: Book, speeds: Speeds, grid: Grid, first_s: float
    ) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._book, self._speeds = book, speeds
        self._at_s = first_s
        self.idle_j = self.active_j = self.co2_g = self.active_co2_g = 0.0
        self.price = self.active_price = 0.0 if grid.has_price else math.nan
        numbers: dict[tuple[Hours, Hours], int] = {}
        self._area_of: dict[str, int] = {}
        for node in nodes:
            zone = zone_of(node)
            hours = grid.carbon(zone), grid.price(zone)
            self._area_of[node.name] = numbers.setdefault(hours, len(numbers))
        self._areas = [_Area(*hours, book.n_jobs) for hours in numbers]
        self._has_price = grid.has_price

    def upto(self, now_s: float) -> None:
        """Add what was drawn since the last time."""
        if now_s <= self._at_s:
            return
        span, since_s, self._at_s = now_s - self._at_s, self._at_s, now_s
        self.idle_j += sum(area.idle_w for area in self._areas) * span
        self.active_j += sum(area.active_w for area in self._areas) * span
        for area in self._areas:
            grams = area.carbon.between(since_s, now_s)
            self.co2_g += (area.idle_w + area.active_w) / 1000.0 * grams
            self.active_co2_g += area.active_w / 1000.0 * grams
            if self._has_price:
                price = area.price.between(since_s, now_s)
                self.price += (area.idle_w + area.active_w) / 1000.0 * price
                self.active_price += area.active_w / 1000.0 * price

    def resize(self, node: Node, sign: int, now_s: float) -> None:
        """Let a node's GPUs be there (1), or no longer (-1)."""
        self.upto(now_s)
        area = self._areas[self._area_of[node.name]]
        area.idle_w += sign * node.gpu_count * gpu_watts(node.gpu_model)[0]

    def begin(self, job: int, placements: Sequence[Placement]) -> None:
        """Note where a job runs, before it is given a rate."""
        drawn = self._speeds.demand(self._book.job_type[job]).drawn
        base = self._book.base.item(job)
        for number, area in enumerate(self._areas):
            range_w = sum(
                self._range_w(self._nodes[place.node], grant)
                for place in placements
                if self._area_of[place.node] == number
                for grants in place.grants
                for grant in grants
            )
            area.per_job_w[job] = range_w * drawn / base

    def _range_w(self, node: Node, grant: Grant) -> float:
        idle, full = gpu_watts(node.gpu_model)
        shared = isinstance(sharing_of(node.sharing, max(grant.slot.gpu, 0)), _SHARED)
        return (full - idle) * (1.0 if shared else grant.milli / GPU_MILLI)

    def change(self, jobs: IntArray, rates: FloatArray, now_s: float) -> None:
        """Let jobs (n,) draw by their new rates (n,); the book still has the old ones."""
        self.upto(now_s)
        more = rates - self._book.rate[jobs]
        for area in self._areas:
            area.active_w += float((area.per_job_w[jobs] * more).sum())

    def end(self, job: int, now_s: float) -> None:
        """Let a job draw nothing any more; the book still has its rate."""
        self.upto(now_s)
        rate = self._book.rate.item(job)
        for area in self._areas:
            area.active_w -= area.per_job_w.item(job) * rate


class _Area:
    """Nodes with the same hours: what they draw now, idle and for jobs, and of each job at rate 1.

    ``per_job_w`` (n_jobs,).
    """

    def __init__(self, carbon: Hours, price: Hours, n_jobs: int) -> None:
        self.carbon, self.price = Hourly(carbon), Hourly(price)
        self.idle_w = self.active_w = 0.0
        self.per_job_w: FloatArray = np.zeros(n_jobs)
