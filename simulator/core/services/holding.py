"""Who of a service's replicas holds room, how fast each serves, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bayplan.scheduler.types import GPU_MILLI, Placement
from bayplan.simulator.core.book import State
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.services.flow import Levels
from bayplan.traces.services import Service

HOUR_S = 3600.0


class Holding:
    """Reads off the floor what replicas do, and integrates what they hold.

    A replica serves as many requests a second as it does alone, times its rate over its rate alone
    on what it was granted. Where its alternative names GPU models the speed of the model is in
    that already; else it counts.

    Attributes
    ----------
    levels
        What serves now; the load is not looked at.
    running, serving
        Replicas that hold room, and those of them that serve.
    next_s
        When the next of them begins to serve.
    held_h
        Hours that replicas held room, by alternative.
    gpu_s, work_gpu_s, cost
        GPU-seconds that they held; their rates × GPUs, integrated; their part of nodes' prices.
    """

    def __init__(self, service: Service, jobs: Sequence[int], prices: Mapping[str, float]) -> None:
        self._service, self._jobs, self._prices = service, jobs, prices
        self._seen: tuple[bytes, ...] = ()
        self._stint_s = [math.nan] * len(jobs)
        self._alone = [1.0] * len(jobs)
        self._ready_s = [math.inf] * len(jobs)
        self._price = [0.0] * len(jobs)
        self._since_s = math.inf
        self._by_shape = [0] * len(service.alternatives)
        self._gpus = self._work_gpus = self._cost_per_s = 0.0
        self.levels = Levels()
        self.running: set[int] = set()
        self.serving: set[int] = set()
        self.next_s = math.inf
        self.held_h = [0.0] * len(service.alternatives)
        self.gpu_s = self.work_gpu_s = self.cost = 0.0

    def settle(self, now_s: float) -> None:
        """Add what was held up to now."""
        span_s = now_s - self._since_s
        if span_s > 0.0:
            for number, held in enumerate(self._by_shape):
                self.held_h[number] += held * span_s / HOUR_S
            self.gpu_s += self._gpus * span_s
            self.work_gpu_s += self._work_gpus * span_s
            self.cost += self._cost_per_s * span_s
        self._since_s = now_s

    def is_news(self, floor: Floor, now_s: float) -> bool:
        """Whether who holds what, or how fast they are, is not what it was."""
        book, jobs = floor.book, self._jobs
        span = slice(jobs[0], jobs[-1] + 1)
        seen = tuple(
            column[span].tobytes() for column in (book.state, book.rate, book.stint_s, book.ready_s)
        )
        if seen == self._seen and now_s < self.next_s:
            return False
        self._seen = seen
        return True

    def read(self, floor: Floor, shapes: Sequence[int], now_s: float) -> None:
        """See who holds what and how fast they are; ``shapes`` are the replicas' alternatives."""
        book, service = floor.book, self._service
        self.running, self.serving, self.next_s = set(), set(), math.inf
        self._by_shape = [0] * len(service.alternatives)
        self._gpus = self._work_gpus = self._cost_per_s = 0.0
        servers, capacity = 0, 0.0
        for k, job in enumerate(self._jobs):
            if book.state.item(job) != State.RUNNING:
                self._stint_s[k] = math.nan
                continue
            shape = service.alternatives[shapes[k]]
            if self._stint_s[k] != book.stint_s.item(job):
                self._start(floor, k, shapes[k])
            ready_s = max(self._stint_s[k] + shape.startup_s, book.ready_s.item(job))
            rate = book.rate.item(job)
            self.running.add(job)
            self._by_shape[shapes[k]] += 1
            self._gpus += book.held_milli.item(job) / GPU_MILLI
            self._work_gpus += rate * book.n_gpus.item(job)
            self._cost_per_s += self._price[k]
            if ready_s > now_s:
                self.next_s = min(self.next_s, ready_s)
            elif rate > 0.0:
                self.serving.add(job)
                servers += shape.servers
                capacity += shape.per_s * rate / self._alone[k]
        self.levels.servers, self.levels.capacity_per_s = servers, capacity

    def _start(self, floor: Floor, k: int, number: int) -> None:
        """Note what a replica was granted that has just got its room."""
        book, job = floor.book, self._jobs[k]
        placements = floor.placements[job]
        slow = floor.seats.slow_alone(book.job_type[job], placements)
        named = bool(self._service.alternatives[number].gpu_models)
        sound = floor.places.speed(book.job_type[job], placements) if named else 1.0
        self._alone[k] = sound / slow
        self._stint_s[k] = book.stint_s.item(job)
        self._price[k] = self._part(floor, job, placements[0])

    def _part(self, floor: Floor, job: int, placement: Placement) -> float:
        """Return the price of a second of a replica: the largest part of a node that it holds.

        Which resource a tenant is charged for is its dominant one (Ghodsi et al., Dominant Resource
        Fairness, NSDI 2011).
        """
        price = self._prices.get(placement.node, 0.0)
        if not price:
            return 0.0
        node, kind = (
            floor.cluster.nodes[placement.node],
            floor.book.classes[floor.book.class_list[job]],
        )
        parts = (
            (floor.book.held_milli.item(job), GPU_MILLI * node.gpu_count),
            (kind.cpu_milli, node.cpu_milli),
            (kind.memory_mib, node.memory_mib),
        )
        return price / HOUR_S * max(asked / there for asked, there in parts if there)
