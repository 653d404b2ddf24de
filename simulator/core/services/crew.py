"""One service in a run: how many replicas, who of them comes and goes, what they serve."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from bayplan.simulator.core.book import Book, State
from bayplan.simulator.core.services.door import Door
from bayplan.simulator.core.services.flow import Flow
from bayplan.simulator.core.services.holding import Holding
from bayplan.simulator.core.services.outcome import ServiceTotals
from bayplan.simulator.core.services.samples import Sample, Samples, Sums
from bayplan.simulator.core.services.scaling import Scaler
from bayplan.simulator.core.services.tally import Tally
from bayplan.traces.services import Service

_SPAN_SAMPLES = 500
_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


class Crew:
    """The replicas of one service, ``jobs`` by number, and its requests.

    Parameters
    ----------
    service
        The service.
    jobs
        Its replicas, one after another.
    classes
        What they ask for, by alternative: numbers of the book's classes.
    prices
        Of nodes, for an hour.
    """

    def __init__(
        self,
        service: Service,
        jobs: Sequence[int],
        classes: Sequence[int],
        prices: Mapping[str, float],
    ) -> None:
        self.service, self.jobs, self.class_numbers = service, jobs, classes
        self.holding = Holding(service, jobs, prices)
        self.tally = Tally(service.latency.target_s)
        self.flow = Flow(
            self.tally,
            service.queue_limit,
            service.timeout_s,
            service.arrival_cv,
            service.service_cv,
        )
        self._scaler = Scaler(service)
        self.never: tuple[str, ...] = ("",) * len(classes)
        self._shapes = [0] * len(jobs)
        self._options: list[int] = [0]
        self._is_there = self.is_over = False
        self.asked = self._most = 0
        self._ups = self._downs = self._moves = 0
        self._stops = [0, 0, 0]
        self._pieces_s: list[float] = service.load.start_s.tolist()
        self._look_s = math.inf
        self._seen_offered = self._seen_s = 0.0
        self._capacity = 0.0
        self._settled_s = math.nan
        self._fallen: set[int] = set()
        self._settled_nodes = -1
        self.samples = Samples(self._sums(0.0), 1.0)

    def try_only(self, never: Sequence[str]) -> None:
        """Leave out the alternatives that the empty cluster could not hold, given why; or empty."""
        self.never = tuple(never)
        self._options = [k for k, why in enumerate(never) if not why] or [0]

    # --- time -----------------------------------------------------------------------------

    def next_s(self, book: Book) -> float:
        """Return when something happens by itself."""
        load = self.service.load
        if self.is_over:
            return math.inf
        if not self._is_there:
            return load.first_s
        at = bisect_right(self._pieces_s, self._settled_s)
        piece_s = self._pieces_s[at] if at < len(self._pieces_s) else math.inf
        return min(
            piece_s, load.end_s, self._look_s, self.samples.next_s, self.holding.next_s,
            self._move_s(book),
        )  # fmt: skip

    def see(self, door: Door) -> None:
        """Take in what has happened to replicas, at once; changes nothing but the book-keeping."""
        if not self._is_there or self.is_over:
            return
        if not self.holding.is_news(door.floor, door.now_s):
            return
        self._settle(door.now_s)
        before = self.holding.running
        self.holding.read(door.floor, self._shapes, door.now_s)
        levels = self.flow.levels
        levels.servers = self.holding.levels.servers
        levels.capacity_per_s = self.holding.levels.capacity_per_s
        self._fallen |= before - self.holding.running
        if before != self.holding.running:
            self._settled_nodes = -1

    def go_on(self, door: Door) -> None:
        """Do what is due now."""
        now_s, load = door.now_s, self.service.load
        if self.is_over or now_s < load.first_s:
            return
        if not self._is_there:
            self._open(door)
            return
        self._settle(now_s)
        if now_s >= load.end_s:
            self._close(door)
            return
        self._set_load(now_s)
        self._after_stops(door)
        if now_s >= self._look_s:
            self._look(door)
        self._move_on(door)
        if now_s >= self.samples.next_s:
            self.samples.take(self._sample())

    def _open(self, door: Door) -> None:
        now_s, service = door.now_s, self.service
        self._is_there = True
        self._settled_s = self._seen_s = now_s
        self.flow.advance(now_s)
        self.holding.settle(now_s)
        self._set_load(now_s)
        sync_s, span_s = service.scaling.sync_s, service.load.end_s - now_s
        step_s = door.floor.settings.sample_s or max(
            sync_s, span_s / _SPAN_SAMPLES if span_s < math.inf else 0.0
        )
        self.samples = Samples(self._sums(now_s), step_s)
        self._look_s = now_s + sync_s
        self._ask_for(door, self._scaler.first)

    def _close(self, door: Door) -> None:
        self.samples.end(self._sample())
        self.flow.levels.per_s = 0.0
        for job in self._there(door.floor.book):
            door.dismiss(job)
        self.see(door)
        self.is_over = True

    def _settle(self, now_s: float) -> None:
        self._capacity += self.flow.levels.capacity_per_s * (now_s - self._settled_s)
        self._settled_s = now_s
        self.flow.advance(now_s)
        self.holding.settle(now_s)

    def _set_load(self, now_s: float) -> None:
        at = bisect_right(self._pieces_s, now_s) - 1
        self.flow.levels.per_s = self.service.load.per_s.item(at)

    # --- replicas -------------------------------------------------------------------------

    def _there(self, book: Book) -> list[int]:
        return [job for job in self.jobs if book.state.item(job) != State.COMING]

    def _look(self, door: Door) -> None:
        now_s = door.now_s
        span_s, self._seen_s = now_s - self._seen_s, now_s
        per_s = (self.tally.offered - self._seen_offered) / span_s
        self._seen_offered = self.tally.offered
        self._look_s = now_s + self.service.scaling.sync_s
        found = self._scaler.look(now_s, self.asked, per_s, self.flow.in_flight())
        if found != self.asked:
            self._ups += found > self.asked
            self._downs += found < self.asked
            self._ask_for(door, found)

    def _ask_for(self, door: Door, number: int) -> None:
        book = door.floor.book
        if number != self.asked:
            detail = f"{self.service.name}: {self.asked} to {number}"
            door.note("scale", detail)
        there = self._there(book)
        for job in self._leaving(book, there)[: max(0, len(there) - number)]:
            self._fallen.discard(job)
            door.dismiss(job)
        coming = [job for job in self.jobs if book.state.item(job) == State.COMING]
        for job in coming[: max(0, number - len(there))]:
            self._count_stops(book, job)
            self._shapes[job - self.jobs[0]] = self._options[0]
            door.ask(job, self.class_numbers[self._options[0]])
        self.asked = number
        self._most = max(self._most, number)

    def _leaving(self, book: Book, there: Sequence[int]) -> list[int]:
        """Return replicas in the order in which they leave.

        Who has no room, who does not serve yet, who has the last alternative, who came last: as a
        ReplicaSet does (Kubernetes documentation, ReplicaSet, section "Scaling a ReplicaSet"), with
        alternatives in place of what it knows not.
        """
        holding = self.holding

        def place(job: int) -> tuple[bool, bool, int, float, int]:
            runs = job in holding.running
            since_s = (book.stint_s if runs else book.queued_s).item(job)
            shape = self._shapes[job - self.jobs[0]]
            return runs, job in holding.serving, -shape, -since_s, -job

        return sorted(there, key=place)

    def _count_stops(self, book: Book, job: int) -> None:
        """Take over how often a replica was stopped: the next time it starts as a new one."""
        for k, counts in enumerate((book.preemptions, book.failures, book.oom_kills)):
            self._stops[k] += counts.item(job)
            counts[job] = 0

    def _after_stops(self, door: Door) -> None:
        """Let replicas that lost their room ask for the first alternative; look at places again.

        What keeps replicas apart may allow more nodes once another replica came or left, though
        nothing was freed on these.
        """
        book, floor = door.floor.book, door.floor
        for job in sorted(self._fallen):
            k = job - self.jobs[0]
            if book.state.item(job) == State.WAITING and self._shapes[k] != self._options[0]:
                self._shapes[k] = self._options[0]
                door.ask(job, self.class_numbers[self._options[0]])
        self._fallen.clear()
        if self.service.spread and self._settled_nodes != floor.node_changes:
            self._settled_nodes = floor.node_changes
            if any(book.state.item(job) == State.WAITING for job in self.jobs):
                door.try_again()

    def _move_s(self, book: Book) -> float:
        """Return when the next replica that waits is to ask for another alternative."""
        if len(self._options) == 1:
            return math.inf
        span = slice(self.jobs[0], self.jobs[-1] + 1)
        since_s = book.queued_s[span][book.state[span] == State.WAITING]
        return self.service.wait_s + float(since_s.min(initial=math.inf))

    def _move_on(self, door: Door) -> None:
        book = door.floor.book
        if door.now_s < self._move_s(book):
            return
        for k, job in enumerate(self.jobs):
            waits = book.state.item(job) == State.WAITING
            if waits and book.queued_s.item(job) + self.service.wait_s <= door.now_s:
                at = (self._options.index(self._shapes[k]) + 1) % len(self._options)
                self._shapes[k] = self._options[at]
                self._moves += 1
                door.ask(job, self.class_numbers[self._shapes[k]])

    # --- what is left ---------------------------------------------------------------------

    def _sums(self, at_s: float) -> Sums:
        tally = self.tally
        return Sums(
            at_s, tally.offered, tally.served, tally.dropped, tally.in_time, tally.latency_s,
            self._capacity,
        )  # fmt: skip

    def _sample(self) -> Sample:
        waiting, serving = self.flow.backlog, len(self.holding.serving)
        return Sample(self._sums(self._settled_s), waiting, self.asked, serving)

    def finish(self, now_s: float) -> None:
        """Bring all figures up to now."""
        if self._is_there and not self.is_over:
            self._settle(now_s)
        if self._is_there:
            self.samples.end(self._sample())

    def _is_met(self, measured_s: float) -> bool:
        """Whether the target is met; a percentile counts requests that were never served too."""
        tally, latency = self.tally, self.service.latency
        if not tally.offered:
            return True
        if latency.measure in _PERCENTILES:
            return 100.0 * tally.in_time >= _PERCENTILES[latency.measure] * tally.offered
        return measured_s <= latency.target_s

    def totals(self, book: Book) -> ServiceTotals:
        """Return what became of the service up to when it was settled."""
        service, tally, holding = self.service, self.tally, self.holding
        stops = [
            before + int(counts[self.jobs[0] : self.jobs[-1] + 1].sum())
            for before, counts in zip(
                self._stops, (book.preemptions, book.failures, book.oom_kills), strict=True
            )
        ]
        latency = service.latency
        at = {name: tally.percentile(percent) for name, percent in _PERCENTILES.items()}
        measured_s = at.get(latency.measure, tally.mean_s)
        return ServiceTotals(
            name=service.name,
            latency_class=latency.name,
            target_s=latency.target_s,
            measure=latency.measure,
            offered=tally.offered,
            served=tally.served,
            in_time=tally.in_time,
            dropped=tally.dropped,
            waiting=self.flow.backlog,
            in_time_pct=100.0 * tally.in_time / tally.offered if tally.offered else math.nan,
            latency_mean_s=tally.mean_s,
            latency_p50_s=at["p50"],
            latency_p95_s=at["p95"],
            latency_p99_s=at["p99"],
            latency_s=measured_s,
            met=self._is_met(measured_s),
            replica_h=tuple(holding.held_h),
            gpu_h=holding.gpu_s / 3600.0,
            cost=holding.cost,
            most_replicas=self._most,
            scale_ups=self._ups,
            scale_downs=self._downs,
            moves=self._moves,
            preemptions=stops[0],
            failures=stops[1],
            oom_kills=stops[2],
            never=self.never,
        )
