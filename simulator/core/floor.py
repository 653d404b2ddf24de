"""What scheduling passes see, and the things that they may do: start a job, stop a job."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.health import may_return
from bayplan.scheduler.policies import uses_images
from bayplan.scheduler.types import GPU_MILLI, Decision, MigInstances, Node, Placement
from bayplan.simulator.core.book import Book, State
from bayplan.simulator.core.calendar import Calendar
from bayplan.simulator.core.columns import Columns
from bayplan.simulator.core.deciding import Decider, Decides, bind_decided
from bayplan.simulator.core.elastic.change import Change
from bayplan.simulator.core.elastic.sizes import Sizes
from bayplan.simulator.core.energy import Energy
from bayplan.simulator.core.hazards import Hazards
from bayplan.simulator.core.locality import Places
from bayplan.simulator.core.meter import Meter
from bayplan.simulator.core.pods import Pods
from bayplan.simulator.core.progress import Exact, ProgressModel, Saves
from bayplan.simulator.core.remaking import remaking_of
from bayplan.simulator.core.results import CountArray, LogEntry, Status
from bayplan.simulator.core.seats import Seats
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.slowness import Slowness
from bayplan.simulator.core.startup.startups import Startups
from bayplan.simulator.core.stints import StintLog
from bayplan.simulator.core.waiting import Waiting

_MANY = 100
"""A job that runs takes so many times longer to sort than one that does not to skip."""

_WAITING, _RUNNING, _FINISHED = State.WAITING, State.RUNNING, Status.FINISHED
"""Found at once: looking a member up in its enum takes longer than what is done with it."""


class Floor:
    """A cluster with jobs on it and a queue before it, at one moment.

    Passes (``simulator.core.passes``) read all of it, and change it by ``try_start``, ``start``
    and ``stop`` alone.

    Attributes
    ----------
    now_s
        The time.
    cluster, engine
        The engine decides for this cluster.
    book, waiting, pods
        The jobs, those of them that wait, and the requests of their pods.
    running
        Jobs that run, the latest to start last.
    placements
        Where the pods of each running job are.
    decisions
        How often the engine was asked.
    short
        Jobs that started in this pass and found no memory.
    remaking
        How long MIG instances take to make; None: no time.
    startup
        What pods wait for before they work; None: nothing.
    capacity_milli
        What the GPUs of the nodes that are there can hand out in all.
    draining
        Nodes that leave once they are empty.
    energy
        What the GPUs draw; None: nobody asks.
    node_changes
        How often a node came, left, or began or ceased to take pods.
    stints
        Takes down who has which GPU when; None: nobody does.
    decider
        Decides in place of the engine, for a cluster elsewhere; None: the engine does.
    chooser
        Decides for jobs in place of the engine alone, such as zone by zone; None: nobody does.
    again_s
        When the pass wants to look again though nothing happens; infinite: not at all.
    sizes
        How many pods elastic jobs may have; None: nobody is elastic.
    goes_on
        Lets an elastic job go on without a node, if it can; None: nobody is elastic.
    slowness
        Which GPUs are slower than they should be; None: none ever was.
    hazards
        How often what jobs run on fails; None: nobody asks.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        engine: Engine,
        book: Book,
        columns: Columns,
        waiting: Waiting,
        progress: ProgressModel,
        settings: Settings,
    ) -> None:
        self.now_s = 0.0
        self.cluster, self.engine, self.book = engine.cluster, engine, book
        self.columns, self.waiting, self.progress = columns, waiting, progress
        self.settings = settings
        self.pods = Pods(book)
        self.seats = Seats(nodes, book, settings.speeds)
        self.places = Places(nodes, settings)
        self.calendar = Calendar(book.n_jobs)
        self.meter = Meter(float(book.arrival_s.min(initial=np.inf)))
        self.placements: dict[int, tuple[Placement, ...]] = {}
        self.running: Mapping[int, object] = self.placements
        self.decisions = 0
        self.short: list[int] = []
        self.remaking = remaking_of(nodes, settings)
        self.startup = self._startups(nodes)
        self.log: list[LogEntry] | None = [] if settings.log else None
        self.energy: Energy | None = None
        if settings.grid is not None:
            first_s = self.meter.first_s
            self.energy = Energy(nodes, book, settings.speeds, settings.grid, first_s)
        self.stints = StintLog(nodes, settings.stints) if settings.stints else None
        self.slowness: Slowness | None = None
        self.hazards: Hazards | None = None
        # What this model does is one kernel; a model derived from it is asked step by step.
        self._exact = progress if type(progress) is Exact else None
        self._touched: list[int] = []
        self._alone: dict[int, None] = {}
        self._freed: list[int] = []
        self.capacity_milli = 0
        self.draining: set[str] = set()
        self.node_changes = 0
        self.decider: Decider | None = None
        self.chooser: Callable[[int], tuple[Decision, ...] | None] | None = None
        self.again_s = math.inf
        self.sizes: Sizes | None = None
        self.goes_on: Callable[[int, str], bool] | None = None
        self._lifted: dict[int, tuple[Placement, ...]] = {}
        self._classes = book.classes
        self._class_of = book.class_list
        self._started = bytearray(book.n_jobs)

    def _startups(self, nodes: Sequence[Node]) -> Startups | None:
        given, book = self.settings.startup, self.book
        if given is None:
            return None
        expected = self.progress, self.calendar
        tells = uses_images(self.engine.policy)
        startups = Startups(nodes, book, given, expected, self.note, tells=tells)
        if tells:
            self.pods.images = [startups.images_of(job) for job in range(book.n_jobs)]
        return startups

    # --- what passes may do ---------------------------------------------------------------

    def try_start(self, job: int) -> bool:
        """Ask the engine for a place, and start the job there; False when there is none."""
        decisions = self.decide(job)
        if decisions is None:
            return False
        self.start(job, decisions)
        return True

    def decide(
        self, job: int, engine: Decides | None = None, nodes: BoolArray | None = None
    ) -> tuple[Decision, ...] | None:
        """Return where the pods of a job go together now, None when they do not fit.

        ``engine`` may be one that decides for a copy of the cluster; one that is given decides
        alone, whoever chooses else. ``nodes`` is a mask over its rows, (n_rows,): the candidates.
        """
        if self.chooser is not None and engine is None:
            return self.chooser(job)
        self.decisions += 1
        engine = engine or self.decider or self.engine
        kind = self._classes[self._class_of[job]]
        if kind.n_pods == 1:
            decision = engine.decide(self.pods.request(job), self.now_s, nodes, why=False)
            return None if decision.placement is None else (decision,)
        plan = engine.decide_gang(self.pods.gang(job), self.now_s, nodes)
        return plan.decisions or None

    def why_not(self, job: int, engine: Decides) -> str:
        """Return why a job fits nowhere now, in words."""
        kind = self._classes[self._class_of[job]]
        if kind.n_pods > 1:
            return engine.decide_gang(self.pods.gang(job), self.now_s).why
        decision = engine.decide(self.pods.request(job), self.now_s)
        most = max(decision.reasons, key=lambda reason: reason[1], default=None)
        return most[0].text if most else "there is no node"

    def start(self, job: int, decisions: tuple[Decision, ...]) -> None:
        """Start a waiting job where the engine decided."""
        if self.decider is not None:
            self.decider.commit(decisions)
            placements = [bind_decided(self.cluster, each, self.now_s) for each in decisions]
        else:
            placements = []
            for decision in decisions:
                assert decision.placement is not None
                self.cluster.apply(Bound(decision, self.now_s))
                placements.append(decision.placement)
        self.waiting.remove(job)
        if self.sizes is not None:
            self.sizes.began_s[job] = self.now_s
        self._begin(job, tuple(placements))

    def stop(self, job: int) -> None:
        """Preempt a running job: it loses its room, and waits again."""
        self._remove_pods(job, self.placements[job])
        self._stop(job, self.placements[job], self.book.preemptions, "preempt")

    def all_in_order(self) -> list[int]:
        """Return all jobs that run or wait in the order of the policy."""
        jobs = np.array(sorted([*self.running, *self.waiting.jobs().tolist()]), np.int64)
        order: list[int] = self.waiting.ordered(jobs, self.now_s).tolist()
        return order

    def lift(self, job: int) -> None:
        """Take a running job off the cluster, to be put somewhere again in the same pass."""
        self._remove_pods(job, self.placements[job])
        self._lifted[job] = self.placements[job]

    def put(self, job: int) -> bool:
        """Place a waiting or lifted job; one that finds its old place was never away."""
        if job not in self._lifted:
            return self.try_start(job)
        decisions = self.decide(job)
        if decisions is None:
            return False
        before = self._lifted.pop(job)
        if tuple(d.placement for d in decisions) == before:
            for decision in decisions:
                self.cluster.apply(Bound(decision, self.book.stint_s.item(job)))
            return True
        self._stop(job, before, self.book.preemptions, "preempt")
        self.start(job, decisions)
        return True

    def drop_lifted(self) -> None:
        """Preempt the jobs that were lifted and not put anywhere."""
        for job, before in self._lifted.items():
            self._stop(job, before, self.book.preemptions, "preempt")
        self._lifted.clear()

    def free_milli(self) -> int:
        """Return the milli-GPU that nobody holds, and that may be had."""
        view = self.cluster.view
        if view.kinds.unhealthy:
            return int(view.idle_milli[: view.n_rows].sum())
        return self.capacity_milli - self.meter.milli

    def may_come_back(self, job: int) -> bool:
        """Whether new pods may come to all places of a running job, so that it could go back."""
        cluster = self.cluster
        return not self.node_changes or all(
            may_return(cluster.view, cluster.row(place.node), cluster.nodes[place.node], place)
            for place in self.placements[job]
        )

    def least_milli(self, job: int) -> int:
        """Return at least how much a job takes: of instances, that depends on the GPU."""
        roles = self._classes[self._class_of[job]].roles
        asks = [device.ask for role in roles for device in role.devices]
        if any(isinstance(ask, MigInstances) for ask in asks):
            return len(asks)
        return self.book.gpu_milli.item(job)

    def expected_ends(self) -> list[tuple[float, int]]:
        """Return when each running job is to end by its estimate, and which it is, ascending.

        What has run for longer than estimated is to end now. Rates are taken to stay as they are.
        """
        book, jobs = self.book, self.runners()
        left = np.maximum(book.estimate_s[jobs] - book.done_s[jobs], 0.0)
        rate = np.where(book.rate[jobs] > 0.0, book.rate[jobs], book.base[jobs])
        ends = np.maximum(self.now_s, book.ready_s[jobs]) + left / rate
        return sorted(zip(ends.tolist(), jobs.tolist(), strict=True))

    def estimated_run_s(self, job: int, decisions: Sequence[Decision]) -> float:
        """Return how long a waiting job is estimated to run where it was decided, alone there."""
        book = self.book
        left = max(0.0, book.estimate_s.item(job) - book.done_s.item(job))
        placements = [decision.placement for decision in decisions if decision.placement]
        start_s = self.progress.start_cost_s(book, job)
        speed = self.places.speed(book.job_type[job], placements)
        run_s: float = left * self.seats.slow_alone(book.job_type[job], placements) / speed
        if self.remaking is not None:
            start_s += self.remaking.wait_s(placements, self.now_s)
        if self.startup is not None:
            start_s += self.startup.wait_s(job, placements, self.now_s)
        return start_s + run_s

    def runners(self) -> IntArray:
        """Return the running jobs by number."""
        if _MANY * len(self.running) > self.book.n_jobs:
            return np.flatnonzero(self.book.state == _RUNNING)
        return np.array(sorted(self.running), np.int64)

    def respeed(self, jobs: Sequence[int]) -> None:
        """Note that the speed alone of running jobs changed: ``retime`` gives them new rates."""
        for job in jobs:
            shared = [gpu for gpu in self.seats.gpus_of(job) if self.seats.is_shared(gpu)]
            if shared:
                self._touched += shared
                continue
            if self.book.rate.item(job) > 0.0:
                self.book.rate_changes[job] += 1
            self._alone[job] = None

    def settle(self) -> None:
        """Bring the work done of all running jobs up to now."""
        self.progress.settle(self.book, self.runners(), self.now_s)

    # --- what the simulation does ---------------------------------------------------------

    def arrive(self, job: int) -> None:
        """Let a job join the queue."""
        if self.log is not None:
            self.note("arrive", job)
        self._wait(job)

    def finish(self, job: int) -> None:
        """End a job whose work is done."""
        self.progress.complete(self.book, job, self.now_s)
        self._remove_pods(job, self.placements[job])
        self._leave(job, stopped=False)
        self.book.end(job, self.now_s, _FINISHED)
        if self.log is not None:
            self.note("finish", job)

    def cancel(self, job: int) -> None:
        """End a job that its user withdraws."""
        if job in self.running:
            self._remove_pods(job, self.placements[job])
            self._leave(job, stopped=True)
        elif job in self.waiting:
            self.waiting.remove(job)
        self.book.end(job, self.now_s, Status.CANCELLED)
        if self.log is not None:
            self.note("cancel", job)

    def ask(self, job: int, number: int) -> None:
        """Let a replica that is nowhere, or waits, wait for what a class asks for."""
        book = self.book
        if job in self.waiting:
            self.waiting.remove(job)
        book.reclass(job, number)
        book.work_gpus[job] = book.n_gpus[job]
        if book.state.item(job) == State.COMING:
            self.waiting.renew(job, self.now_s)
            book.arrival_s[job] = self.now_s
            self.note("arrive", job)
        else:
            self.note("ask", job)
        self._wait(job)

    def dismiss(self, job: int) -> None:
        """Let a replica go: it is nowhere, as before it came."""
        if job in self.running:
            self._remove_pods(job, self.placements[job])
            self._leave(job, stopped=True)
        elif job in self.waiting:
            self.waiting.remove(job)
        self.book.state[job] = State.COMING
        self.note("leave", job)

    def kill(self, job: int) -> None:
        """Stop a running job for want of memory; it waits nowhere until it comes back."""
        self._remove_pods(job, self.placements[job])
        self._leave(job, stopped=True)
        self.book.oom_kills[job] += 1
        self.book.state[job] = State.AWAY
        if self.log is not None:
            self.note("kill", job, "out of memory")

    def lose(self, job: int, node: str = "") -> None:
        """Stop a running job because a node or a GPU under it fails; it waits again.

        An elastic job goes on if enough of its pods are not on ``node``; without a node it stops.
        """
        if self.goes_on is not None and node and self.goes_on(job, node):
            return
        self._remove_pods(job, self.placements[job])
        self._stop(job, self.placements[job], self.book.failures, "lose")

    def go_on(self, job: int, change: Change) -> None:
        """Let a running job go on with other pods, which the cluster has by now."""
        book, now, before = self.book, self.now_s, self.placements[job]
        ready_s = book.ready_s.item(job)
        if len(change.placements) < len(before):
            self._freed += [self.cluster.row(placement.node) for placement in before]
        if change.saved and isinstance(self.progress, Saves):
            self.progress.save(book, job, now)
        self._leave(job, stopped=True, goes_on=True)
        book.reclass(job, change.number)
        self._begin(job, change.placements, change.what, change.told)
        cost_s = change.cost_s if change.saved else self.progress.start_cost_s(book, job)
        if cost_s is not None:
            if self.remaking is not None:
                cost_s += self.remaking.wait_s(change.new, now)
            book.ready_s[job] = max(ready_s, now + cost_s)
        if self.startup is not None:
            self.startup.resize(job, change.placements, now, cost_s)

    def give_up(self, job: int) -> None:
        """End a job that was killed too often."""
        self.book.end(job, self.now_s, Status.FAILED)
        if self.log is not None:
            self.note("fail", job)

    def come_back(self, job: int) -> None:
        """Let a job that was away wait again."""
        if self.log is not None:
            self.note("return", job)
        self._wait(job)

    def release(self, job: int, how: str) -> None:
        """Let a job wait that was held back."""
        if self.log is not None:
            self.note("release", job, how)
        self._wait(job)

    def note(self, what: str, job: int | None, detail: str = "") -> None:
        """Add an entry to the log; None: it is about no job."""
        if self.log is not None:
            uid = "" if job is None else self.book.uid[job]
            self.log.append(LogEntry(self.now_s, what, uid, detail))

    def freed(self) -> None:
        """Unblock what waits for room that was freed since the last time."""
        if self._freed:
            self.waiting.freed(self._freed)
            self._freed.clear()

    def retime(self, *, predict_all: bool) -> None:
        """Give new rates to everybody beside whom somebody came or went, and predict their ends.

        ``predict_all``: predict the ends of all running jobs anew.
        """
        if not (self._touched or self._alone or predict_all):
            return
        touched, self._touched = self._touched, []
        alone = list(self._alone)
        self._alone.clear()
        if self._exact is not None and self.energy is None and not predict_all:
            costs_s = self._exact.checkpoint_s
            if touched:
                self.seats.advance(touched, self.now_s, costs_s, self.calendar)
            if alone:
                self.seats.advance_alone(alone, self.now_s, costs_s, self.calendar)
            return
        book = self.book
        jobs, rates = self.seats.retime(np.array(touched, np.int64))
        more = np.array(alone, np.int64)
        jobs, rates = np.append(jobs, more), np.append(rates, book.base[more])
        if self.energy is not None:
            self.energy.change(jobs, rates, self.now_s)
        if predict_all:
            book.rate[jobs] = rates
            jobs = self.runners()
            rates = book.rate[jobs]
        if jobs.size:
            finish = self.progress.change(book, jobs, rates, self.now_s)
            self.calendar.set(jobs, finish)

    # --- inside ---------------------------------------------------------------------------

    def _wait(self, job: int) -> None:
        if self.sizes is not None:
            self.sizes.wait(job)
        self.book.state[job] = _WAITING
        self.book.queued_s[job] = self.now_s
        self.waiting.add(job)

    def _begin(
        self, job: int, placements: tuple[Placement, ...], what: str = "start", told: str = ""
    ) -> None:
        book, now = self.book, self.now_s
        self.meter.upto(now)
        self.placements[job] = placements
        book.state[job] = _RUNNING
        book.stint_s[job] = now
        if not self._started[job]:
            self._started[job] = 1
            book.start_s[job] = now
        self._make_ready(job, placements, what)
        gpus, milli = self.seats.sit(job, placements)
        book.held_milli[job] = milli
        if self.slowness is not None:
            self.slowness.begin(job)
        if gpus:
            self._touched += gpus
            if self.seats.overfull(gpus):
                self.short.append(job)
        else:
            self._alone[job] = None
        self._level(milli)
        if self.columns.tracked:
            self.columns.use(job, 1, now)
        if self.log is not None:
            self.note(what, job, told + _where(placements))
        if self.stints is not None:
            self.stints.begin(job, placements, now)

    def _make_ready(self, job: int, placements: tuple[Placement, ...], what: str) -> None:
        """Find out how fast a job will be alone where it is, and from when on."""
        book, now = self.book, self.now_s
        book.base[job] = self.places.speed(book.job_type[job], placements)
        if self.sizes is not None:
            book.base[job] *= self.sizes.speed(job)
        if self.hazards is not None:
            book.mttf_s[job] = self.hazards.mttf_s(placements)
        self.progress.begin(book, job, now)
        if self.energy is not None:
            self.energy.begin(job, placements)
        if self.remaking is not None:
            book.ready_s[job] += self.remaking.wait_s(placements, now)
        if self.startup is not None and what == "start":
            self.startup.begin(job, placements, now)

    def _leave(self, job: int, *, stopped: bool, goes_on: bool = False) -> None:
        book, now = self.book, self.now_s
        self.meter.upto(now)
        if stopped:
            self.progress.stop(book, job, now)
        ran = now - book.stint_s.item(job)
        milli = book.held_milli.item(job)
        book.run_s[job] = book.run_s.item(job) + ran
        book.gpu_s[job] = book.gpu_s.item(job) + milli * ran / GPU_MILLI
        if self.energy is not None:
            self.energy.end(job, now)
        book.rate[job] = 0.0
        if stopped:  # who has finished was taken out when it was due
            self.calendar.forget(job)
        self._alone.pop(job, None)
        if self.slowness is not None:
            self.slowness.end(job)
        self._touched += self.seats.leave(job)
        if self.startup is not None and not goes_on:
            self.startup.leave(job, now)
        del self.placements[job]
        self._level(-milli)
        if self.columns.tracked:
            self.columns.use(job, -1, now)
        if self.stints is not None:
            self.stints.end(job, now)

    def _remove_pods(self, job: int, placements: tuple[Placement, ...]) -> None:
        uids = self.pods.uids(job)
        if self.decider is not None:
            self.decider.release(uids)
        for uid in uids:
            self.cluster.apply(Gone(uid))
        for placement in placements:
            self._freed.append(self.cluster.row(placement.node))

    def _stop(
        self, job: int, placements: tuple[Placement, ...], counted: CountArray, what: str
    ) -> None:
        """Note that a job whose pods are gone was stopped, and let it wait.

        A job that started at this very moment was never there: it pays for nothing.
        """
        began_s = self.book.stint_s if self.sizes is None else self.sizes.began_s
        ran = began_s.item(job) < self.now_s
        self._leave(job, stopped=True)
        if ran:
            counted[job] += 1
        elif self.book.start_s.item(job) == self.now_s:
            self._started[job] = 0
            self.book.start_s[job] = np.nan
        self._wait(job)
        if self.log is not None:
            self.note(what, job, _where(placements))

    def _level(self, milli: int) -> None:
        meter, seats = self.meter, self.seats
        meter.milli += milli
        meter.busy, meter.taken = seats.busy, seats.taken


def _where(placements: Sequence[Placement]) -> str:
    nodes = dict.fromkeys(placement.node for placement in placements)
    return " ".join(nodes)
