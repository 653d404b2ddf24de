"""Time: SimPy owns it, and calls what happens when it happens."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import simpy

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.fragmentation import fragments
from bayplan.scheduler.hardware.xids import CLASSES
from bayplan.scheduler.mig.blocked import blocked
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.simulator.collecting import no_collection
from bayplan.simulator.core.book import State
from bayplan.simulator.core.clock import Clock, Turn
from bayplan.simulator.core.deciding import Decides
from bayplan.simulator.core.deferral.holding import Holding
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.gpus import Gpus
from bayplan.simulator.core.meter import Row, Sampler
from bayplan.simulator.core.partitioning import Keep
from bayplan.simulator.core.parts import Parts, assemble
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.services.door import Door
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.sleepers import Sleepers
from bayplan.simulator.core.sources import Events, World
from bayplan.simulator.core.totals import totals_of
from bayplan.traces.jobs import JobTable

SAMPLES = 500
MOST_SAMPLES = 100_000
"""Of a stated distance: a series of more than twice as many is thinned out."""

VAIN_PASSES = 1_000
"""Passes in a row that start nobody, with nothing else to come, after which the rest waits."""

VAIN_CHANGES = 10_000
"""Changes of nodes in a row while nobody runs or comes, after which it is over."""

MOST_DOUBLINGS = 100
"""Of a backoff: replicas are killed as often as it happens, and floats have an end."""

REPORT_EVERY = 64
"""Passes between two reports of how far a simulation is."""

Progress = Callable[[float, int], None]

_ARRIVE, _FINISH, _PASS, _ENDED = Turn.ARRIVE, Turn.FINISH, Turn.PASS, State.ENDED
"""Found at once: looking a member up in its enum takes longer than what is done with it."""


class Simulation:
    """Jobs that come, wait, run at changing speed and go, on a cluster that the engine decides for.

    Parameters
    ----------
    nodes
        The cluster, in the order in which ties are broken.
    jobs
        What comes.
    settings
        Policies and parameters.
    parts
        Objects in place of policies that ``settings`` names.
    spare
        Nodes that are not there at the beginning, and that ``parts.sources`` may let come.
    stop_after
        Names of jobs: stop when all of them have ended; None: when all jobs have.

    Raises
    ------
    InputError
        A policy is unknown.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        jobs: JobTable,
        settings: Settings | None = None,
        parts: Parts | None = None,
        *,
        spare: Sequence[Node] = (),
        stop_after: Sequence[str] | None = None,
    ) -> None:
        self.settings = settings = settings or Settings()
        parts = parts or Parts()
        assembly = assemble(nodes, spare, jobs, settings, parts)
        self.floor, self.machines, self._pass = assembly.floor, assembly.machines, assembly.scheme
        self.gpus = Gpus(self.floor, self.machines, self._later)
        self._partitioner, self._trigger = assembly.partitioner, assembly.trigger
        self._workload, self._holding = assembly.workload, assembly.holding
        self._admit = self.floor.arrive if self._holding is None else self._holding.arrive
        self._sources, self._fleet = parts.sources, assembly.fleet
        self.book = book = self.floor.book
        self._n_gpus = sum(node.gpu_count for node in nodes)
        self._clock = Clock()
        self._sleepers = Sleepers(self._clock)
        self._order: list[int] = []
        self._arrivals_s: list[float] = []
        self._next = 0
        self._done = 0
        self._left = book.n_batch
        self._n_rows = len(jobs)
        self._awaits = self._awaits_series()
        self._wanted = self._ends_wanted(stop_after)
        self._armed_s = self._pass_s = math.inf
        self._events = self._passes = self._away = self._samples = self._held = 0
        self._mending = 0
        self._keeps = isinstance(self._partitioner, Keep)
        self._predicts_all = self.floor.progress.every_pass
        self._settles = self._pass.settled or self._predicts_all
        self._vain = self._idle_changes = 0
        self._rejected: list[tuple[int, str]] | None = None
        self._first_s = float(book.arrival_s.min(initial=math.inf))
        self._sampler = self._make_sampler()
        self._report: Progress | None = None

    def _ends_wanted(self, names: Sequence[str] | None) -> set[int] | None:
        if names is None:
            return None
        number = {uid: job for job, uid in enumerate(self.book.uid)}
        for name in names:
            if name not in number:
                raise InputError(
                    f"stop_after: there is no job {name!r}", fix="name jobs of the table"
                )
        return {number[name] for name in names}

    def _awaits_series(self) -> bool:
        """Whether the run goes on until the loads of services have ended; it then has one end more.

        Without jobs it does.
        """
        if self._fleet is None:
            return False
        endless = self._fleet.end_s == -math.inf
        if not self._left and endless and self.settings.until_s is None:
            raise InputError(
                "there are no jobs, and no service ever ends",
                fix="give one an until_s, or set run.until_s",
            )
        awaits = not self._left or (self.settings.await_series and not endless)
        self._left += awaits
        return awaits

    def _make_sampler(self) -> Sampler:
        step = self.settings.sample_s
        if step is not None:
            return Sampler(self._first_s, step, MOST_SAMPLES)
        last = float(self.book.arrival_s.max(initial=0.0))
        if self._awaits and self._fleet is not None:
            last = max(last, self._fleet.end_s)
        span = last - self._first_s
        return Sampler(self._first_s, max(span / SAMPLES, 1.0), SAMPLES)

    # --- running --------------------------------------------------------------------------

    def run(self, report: Progress | None = None) -> Outcome:
        """Let time pass until all jobs have ended (or what else was asked for), and say what was.

        Parameters
        ----------
        report
            Called now and then with the simulated time and the number of jobs that have ended.
        """
        self._report = report
        with no_collection():
            self._run()
        return self.outcome()

    def _run(self) -> None:
        self._reject()
        if self._left:
            self._next_arrival()
            self._cancellations()
            self._clock.at(self._sampler.next_s, self._sample, Turn.SAMPLE)
            self._begin_sources()
        if self._holding is not None:
            self._holding.begin(self._clock, self._released)
        until = self.settings.until_s
        clock = self._clock
        while self._left and clock.peek() < math.inf:
            if until is not None and clock.peek() > until:
                self.floor.now_s = until
                break
            clock.step()

    def outcome(self) -> Outcome:
        """Return what is known up to now."""
        floor, book = self.floor, self.book
        floor.meter.upto(floor.now_s)
        floor.settle()
        services = None if self._fleet is None else self._fleet.outcome(book, floor.now_s)
        groups = self.machines.bill.lines(floor.now_s)
        totals = totals_of(
            floor,
            self.machines,
            self.gpus,
            self._holding,
            n_gpus=self._n_gpus,
            events=self._events,
            passes=self._passes,
            service_gpu_s=0.0 if self._fleet is None else self._fleet.work_gpu_s,
        )
        results = book.results(floor.now_s)
        return Outcome(
            results if services is None else results.first(self._n_rows),
            self._sampler.series(),
            totals,
            tuple(floor.log or ()),
            self.rejections(),
            None if floor.stints is None else floor.stints.stints(book.rows),
            groups,
            self.machines.absences(),
            {each.name: self.gpus.faults.get(each.name, 0) for each in CLASSES},
            services,
        )

    # --- events ---------------------------------------------------------------------------

    def _reject(self) -> None:
        """End the jobs that the empty cluster could not hold; the others are to come."""
        book, floor = self.book, self.floor
        for job, _ in self._hopeless():
            book.end(job, book.arrival_s.item(job), Status.REJECTED)
            floor.note("reject", job)
            self._count(job)
        comes = np.lexsort((np.arange(book.n_batch), book.arrival_s[: book.n_batch]))
        comes = comes[book.state[comes] != _ENDED]
        self._order, self._arrivals_s = comes.tolist(), book.arrival_s[comes].tolist()

    def _hopeless(self) -> list[tuple[int, str]]:
        """Return the jobs that the empty cluster could not hold, each with the reason."""
        if not self._keeps:
            return []  # what a layout cannot hold, another one may
        if self._rejected is None:
            book, floor = self.book, self.floor
            engine = self._engine_of_all()
            class_of = book.class_of[: book.n_batch]
            _, firsts = np.unique(class_of, return_index=True)
            why = {
                book.class_of.item(first): floor.why_not(first, engine)
                for first in firsts.tolist()
                if floor.decide(first, engine) is None
            }
            found = np.flatnonzero(np.isin(class_of, list(why))).tolist() if why else []
            self._rejected = [(job, why[book.class_of.item(job)]) for job in found]
        return self._rejected

    def _engine_of_all(self) -> Decides:
        """Return who decides for all nodes that may ever be there, while they are empty."""
        engine, known = self.floor.engine, self.machines.known
        if self.floor.decider is not None:
            return self.floor.decider
        if len(known) == len(engine.cluster.nodes):
            return engine
        every = Cluster(known.values())
        return Engine(every, engine.policy, seed=engine.seed, places=engine.places)

    def rejections(self) -> tuple[tuple[str, str], ...]:
        """Return the jobs, by name, that no node could ever hold, each with the reason.

        To be asked before it runs, or after.
        """
        return tuple((self.book.uid[job], why) for job, why in self._hopeless())

    def misfits(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the services, by name, each with why no node could ever hold a replica.

        A reason for each alternative, empty where it fits. To be asked before it runs.
        """
        if self._fleet is None or not self._keeps:
            return ()
        self._fleet.check(self.floor, self._engine_of_all())
        return tuple((crew.service.name, crew.never) for crew in self._fleet.crews)

    def _look(self, holding: Holding) -> None:
        """Let those go who were held back and for whom there may be no room later."""
        self._events += holding.look()
        self._away += len(holding) - self._held
        self._held = len(holding)

    def _released(self, number: int) -> None:
        """Note that some who were held back are so no longer."""
        self._events += number
        self._away -= number
        self._held -= number
        self._happened()

    def _begin_sources(self) -> None:
        parts = self.floor, self.machines, self.gpus
        world = World(self._clock, *parts, self._changed, self._stirred)
        if self._fleet is not None:
            if self._keeps:
                self._fleet.check(self.floor, self._engine_of_all())
            self._begin(self._fleet.run(Door(world, self._moved, self)))
        for source in self._sources:
            self._begin(source.run(world))

    def _begin(self, events: Events) -> None:
        self._sleepers.awake += 1
        self._clock.process(self._life(events))

    def _life(self, events: Events) -> Events:
        yield from events
        self._sleepers.awake -= 1

    # --- services -------------------------------------------------------------------------

    def _moved(self) -> None:
        """Let a pass follow when a replica came, asked for something else, or left."""
        self._events += 1
        self._happened(is_all=False)

    def jobs_go_on(self) -> bool:
        """Whether any job runs or is to come, or there is none at all to wait for."""
        n_batch = self.book.n_batch
        if not n_batch or self._next < len(self._order) or self._away:
            return True
        return any(job < n_batch for job in self.floor.running)

    def give_up(self) -> None:
        """End the run: those who wait, wait in vain."""
        self.floor.now_s = self._clock.now
        self._left = 0

    def end_of_series(self) -> None:
        """Note that the last service that ends has ended."""
        if self._awaits:
            self.floor.now_s = self._clock.now
            self._awaits = False
            self._left = max(0, self._left - 1)

    def _stirred(self, by_s: float) -> simpy.Event:
        return self._sleepers.sleep(self._state(), by_s)

    def _state(self) -> Hashable:
        """Return what is another one as soon as a job came, started or left, or a node changed."""
        running = self.floor.placements
        last = next(reversed(running), None)
        started_s = None if last is None else self.book.stint_s.item(last)
        return self._events, len(running), last, started_s

    def _changed(self) -> None:
        self._events += 1
        idle = not (self.floor.running or self._next < len(self._order) or self._away)
        self._idle_changes = self._idle_changes + 1 if idle else 0
        if self._idle_changes > VAIN_CHANGES:
            self._left = 0  # sources that never end would go on for ever
        if self._holding is not None:
            self._look(self._holding)
        self._happened(is_all=False)  # who changes this may change more in this moment

    def _later(self, at_s: float, do: Callable[[], None]) -> None:
        """Do something to GPUs at a time, which is a change."""
        self._mending += 1
        self._clock.at(at_s, partial(self._do, do), Turn.CHANGE)

    def _do(self, do: Callable[[], None], _: Any) -> None:
        self._mending -= 1
        self.floor.now_s = self._clock.now
        do()
        self._changed()

    def _next_arrival(self) -> None:
        if self._next < len(self._order):
            self._clock.at(self._arrivals_s[self._next], self._arrive, _ARRIVE)

    def _arrive(self, _: Any) -> None:
        floor, times_s, state = self.floor, self._arrivals_s, self.book.state
        now = floor.now_s = self._clock.now
        at = self._next
        while at < len(times_s) and times_s[at] <= now:
            job = self._order[at]
            if state.item(job) != _ENDED:  # withdrawn in this very moment
                self._events += 1
                self._admit(job)
            at += 1
        self._next = at
        self._next_arrival()
        if self._holding is not None:
            self._look(self._holding)
        if not (self._keeps and self._pass.is_idle(floor)):
            self._happened()
        elif self._sleepers.asleep:
            self._sleepers.wake(self._state())

    def _cancellations(self) -> None:
        book = self.book
        for job in np.flatnonzero(~np.isnan(book.cancel_s)).tolist():
            at = max(book.cancel_s.item(job), book.arrival_s.item(job))
            self._clock.at(at, partial(self._cancel, job), Turn.CANCEL)

    def _cancel(self, job: int, _: Any) -> None:
        book, floor = self.book, self.floor
        if book.state.item(job) == _ENDED:
            return
        floor.now_s = self._clock.now
        self._events += 1
        floor.cancel(job)
        if self._holding is not None:
            self._holding.forget(job)
            self._look(self._holding)
        self._count(job)
        self._happened()

    def _finish(self, _: Any) -> None:
        floor = self.floor
        now = self._clock.now
        if now != self._armed_s:
            return  # an earlier end was predicted since
        self._armed_s = math.inf
        floor.now_s = now
        due = floor.calendar.take(now * (1.0 + floor.progress.tolerance))
        for job in due:
            self._events += 1
            floor.finish(job)
            self._count(job)
        if due:
            self._happened()
        else:
            self._arm()

    def _happened(self, *, is_all: bool = True) -> None:
        """Ask for a pass, and let those who stay go at their new rates until then.

        ``is_all``: nothing else of this happens now.
        """
        if self.floor.draining or self.gpus.repairing:
            self._emptied()
        if not self._left:
            return
        now = self.floor.now_s
        at_s = self._trigger.happened(self.book, now)
        if is_all and at_s == now < self._clock.peek():
            self._pass_s = now
            self._hold_pass(None)  # nothing else happens now: the event would be the next anyway
            return
        self._hold(at_s)
        if self._pass_s > now:
            self.floor.retime(predict_all=False)
            self._arm()
            if self._fleet is not None:
                self._fleet.see()

    def _emptied(self) -> None:
        """Let nodes leave that were waiting to be empty, and GPUs be repaired."""
        self.machines.leave_empty()
        self.gpus.repair_empty()

    def _count(self, job: int) -> None:
        self._done += 1
        self._left -= 1
        if self._wanted is not None:
            self._wanted.discard(job)
            if not self._wanted:
                self._left = 0

    def _hold(self, at_s: float) -> None:
        if at_s < self._pass_s:
            self._pass_s = at_s
            self._clock.at(at_s, self._hold_pass, _PASS)

    def _hold_pass(self, _: Any) -> None:
        floor = self.floor
        now = self._clock.now
        if now != self._pass_s:
            return  # an earlier pass was asked for since
        self._pass_s = math.inf
        floor.now_s = now
        self._passes += 1
        if self._report is not None and not self._passes % REPORT_EVERY:
            self._report(now, self._done)
        self._run_pass(floor)
        floor.retime(predict_all=self._predicts_all)
        self._arm()
        if floor.running or (len(floor.waiting) and not self._is_stuck()):
            at_s = self._trigger.passed(self.book, now)
            self._hold(at_s if at_s < floor.again_s else floor.again_s)
        if self._fleet is not None:
            self._fleet.see()
        if self._sleepers.asleep:
            self._sleepers.wake(self._state())

    def _run_pass(self, floor: Floor) -> None:
        if self._settles:
            floor.settle()
        floor.freed()
        if floor.startup is not None:
            floor.startup.tell(floor.cluster, floor.now_s)
        self._pass.run(floor)
        if not self._keeps and self._partitioner.run(floor):
            self._pass.run(floor)
        if floor.short:
            self._kill_short()
        if floor.draining or self.gpus.repairing:
            self._emptied()  # by whom the pass moved away

    def _is_stuck(self) -> bool:
        """Whether nothing runs, nobody comes, and pass after pass starts nobody who waits."""
        if (
            self.floor.running
            or self._next < len(self._order)
            or self._away
            or self._mending
            or self._sleepers.awake
        ):
            self._vain = 0
        else:
            self._vain += 1
        return self._vain > VAIN_PASSES

    def _kill_short(self) -> None:
        """Kill who found no memory, and let them come back later, or give up."""
        floor, limits = self.floor, self.settings.out_of_memory
        for job in floor.short:
            if job not in floor.running:
                continue
            floor.kill(job)
            kills = floor.book.oom_kills.item(job)
            if kills > limits.retries and job < self.book.n_batch:
                floor.give_up(job)
                self._count(job)
                continue
            wait_s = min(
                limits.most_backoff_s, limits.backoff_s * 2.0 ** min(kills - 1, MOST_DOUBLINGS)
            )
            self._away += 1
            self._clock.at(floor.now_s + wait_s, partial(self._come_back, job), Turn.RETURN)
        floor.short.clear()
        self._hold(floor.now_s)

    def _come_back(self, job: int, _: Any) -> None:
        self._away -= 1
        if self.book.state.item(job) != State.AWAY:
            return  # cancelled meanwhile
        self.floor.now_s = self._clock.now
        self._events += 1
        self.floor.come_back(job)
        self._happened()

    def _arm(self) -> None:
        next_s = self.floor.calendar.next_s
        if next_s < self._armed_s:
            self._armed_s = next_s
            self._clock.at(next_s, self._finish, _FINISH)

    def _more_to_come(self) -> bool:
        """Whether anything but samples can still happen."""
        return bool(
            self.floor.running
            or self._next < len(self._order)
            or self._pass_s < math.inf
            or self._away
            or self._mending
            or self._sleepers.awake
        )

    # --- samples --------------------------------------------------------------------------

    def _sample(self, _: Any) -> None:
        self._sampler.take(self._row)
        self._samples += 1
        if self._report is not None and not self._samples % REPORT_EVERY:
            self._report(self._clock.now, self._done)  # long waits have samples alone
        if self._left and self._more_to_come():
            self._clock.at(self._sampler.next_s, self._sample, Turn.SAMPLE)

    def _row(self, at_s: float) -> Row:
        floor, book = self.floor, self.book
        runners = floor.runners()
        effective = GPU_MILLI * float((book.rate[runners] * book.work_gpus[runners]).sum())
        meter = floor.meter
        return (
            at_s,
            len(floor.waiting),
            len(floor.running),
            meter.milli,
            effective,
            meter.busy,
            meter.taken,
            meter.gpus,
            *self._fragmentation(),
        )

    def _fragmentation(self) -> tuple[float, float]:
        if not self.settings.fragmentation or self._workload is None:
            return math.nan, math.nan
        view = self.floor.cluster.view
        rows = np.flatnonzero(view.alive[: view.n_rows])
        return float(fragments(view, self._workload, rows).sum()), blocked(view)
