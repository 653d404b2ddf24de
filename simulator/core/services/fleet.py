"""All services of a run: a source of events that lets replicas come and go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from bayplan.simulator.core.book import Book
from bayplan.simulator.core.deciding import Decides
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.services.crew import Crew
from bayplan.simulator.core.services.door import Door
from bayplan.simulator.core.services.outcome import ServiceOutcome, ServiceSeries
from bayplan.simulator.core.services.replicas import classes_of
from bayplan.simulator.core.services.samples import Sample, Sums
from bayplan.simulator.core.sources._base import Events
from bayplan.traces.services import Service

VAIN_S = 14 * 86_400.0
"""Time in which no job ran or came, after which those that wait for services to leave give up."""

_COUNTS = ("service", "replicas", "serving")


class Fleet:
    """The replicas of all services: the jobs of a book that do not come by themselves.

    Made before jobs wait, as it adds what replicas may ask for to the book.
    """

    def __init__(self, services: Sequence[Service], book: Book, groups: Sequence[Group]) -> None:
        prices = {node: group.price_per_h for group in groups for node in group.nodes}
        self.crews: list[Crew] = []
        first = book.n_batch
        for service in services:
            jobs = range(first, first + service.most)
            numbers = [book.add_class(kind) for kind in classes_of(service)]
            for job in jobs:
                book.reclass(job, numbers[0])
            self.crews.append(Crew(service, jobs, numbers, prices))
            first += service.most
        self._door: Door | None = None

    @property
    def first_s(self) -> float:
        """When the first service begins."""
        return min(crew.service.load.first_s for crew in self.crews)

    @property
    def end_s(self) -> float:
        """When the last service ends that does; minus infinity: none does."""
        ends = [crew.service.load.end_s for crew in self.crews]
        return max((end_s for end_s in ends if end_s < math.inf), default=-math.inf)

    @property
    def work_gpu_s(self) -> float:
        """What replicas have done, in seconds alone on whole reference GPUs × GPUs."""
        return math.fsum(crew.holding.work_gpu_s for crew in self.crews)

    def check(self, floor: Floor, engine: Decides) -> None:
        """Leave out alternatives that not even all nodes, empty, could hold."""
        book = floor.book
        for crew in self.crews:
            job = crew.jobs[0]
            never = []
            for number in crew.class_numbers:
                book.reclass(job, number)
                fits = floor.decide(job, engine) is not None
                never.append("" if fits else floor.why_not(job, engine))
            book.reclass(job, crew.class_numbers[0])
            crew.try_only(never)

    def run(self, door: Door) -> Events:
        """Let services begin, follow their loads, and end."""
        self._door = door
        book = door.floor.book
        went_on_s = door.now_s
        while not all(crew.is_over for crew in self.crews):
            due_s = min(crew.next_s(book) for crew in self.crews)
            yield door.stirred(max(due_s, door.now_s))
            self.see()
            for crew in self.crews:
                crew.go_on(door)
            if door.now_s >= self.end_s > -math.inf:
                door.ends.end_of_series()
            if door.ends.jobs_go_on():
                went_on_s = door.now_s
            elif door.now_s - went_on_s > VAIN_S:
                door.ends.give_up()

    def see(self) -> None:
        """Take in at once what has happened to replicas."""
        if self._door is not None:
            for crew in self.crews:
                crew.see(self._door)

    def outcome(self, book: Book, now_s: float) -> ServiceOutcome:
        """Return what became of services up to now."""
        for crew in self.crews:
            crew.finish(now_s)
        totals = tuple(crew.totals(book) for crew in self.crews)
        rows = [
            row
            for number, crew in enumerate(self.crews)
            for row in _rows(number, crew.samples.first, crew.samples.taken)
        ]
        names = [field.name for field in fields(ServiceSeries)]
        columns = dict(
            zip(names, np.array(rows, np.float64).reshape(-1, len(names)).T, strict=True)
        )
        whole = {name: columns[name].astype(np.int64) for name in _COUNTS}
        return ServiceOutcome(totals, ServiceSeries(**{**columns, **whole}))  # type: ignore[arg-type]


def _rows(number: int, first: Sums, taken: Sequence[Sample]) -> list[tuple[float, ...]]:
    rows: list[tuple[float, ...]] = []
    before = first
    for sums, waiting, replicas, serving in taken:
        span = [now - then for now, then in zip(sums, before, strict=True)]
        span_s, offered, served, dropped, in_time, latency_s, capacity = span
        gone = served + dropped
        rows.append((
            number, sums.time_s, offered / span_s, served / span_s, dropped / span_s,
            capacity / span_s, 100.0 * in_time / gone if gone > 0.0 else math.nan,
            latency_s / served if served > 0.0 else math.nan, waiting, replicas, serving,
        ))  # fmt: skip
        before = sums
    return rows
