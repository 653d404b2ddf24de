"""Whose gate is lifted next: a round of the queues, worked out on a copy of the cluster.

Who is without a gate comes first: kube-scheduler has those, and their room is theirs. Then the
gated are served in the engine's order. A unit is let go when its queue admits it, nobody before
it is delayed by it, and there is room for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayplan.extender.live.backfilling import estimate_s, may_start
from bayplan.extender.live.reclaiming import claims_of
from bayplan.extender.live.rounds import Lift, Outcome, Round, Unit
from bayplan.extender.live.using import use_over_time
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Bound
from bayplan.scheduler.explaining.text import verdict_words
from bayplan.scheduler.ordering import (
    KeyedOrder,
    Pending,
    Progress,
    amounts_of,
    job_of,
    make_ordering,
    pending_of,
)
from bayplan.scheduler.queues import gpu_of
from bayplan.scheduler.types import Decision, Request

NO_BACKFILL = "none"
NO_ROOM = "there is no room"
LATER = "its turn comes next"
BEFORE = " is before it"

Placed = tuple[Decision, ...]


def serve(round_: Round) -> Outcome:
    """Return whose gates are to be lifted, in order, why others wait, and who is to make room."""
    work = Work(round_)
    without = sorted((u for u in round_.units if not u.gated), key=lambda u: (u.since_s, u.name))
    for unit in without:
        if not unit.held_back:
            work.try_start(unit)
    gated = [unit for unit in round_.units if unit.gated]
    lifts = work.lift(gated) if round_.settings.lift else []
    started = {lift.unit.key for lift in lifts} | work.started
    waiting = [unit for unit in (*without, *work.ordered) if unit.key not in started]
    claims = claims_of(work, waiting) if round_.guards is not None else ()
    return Outcome(tuple(lifts), dict(work.whys), tuple(claims))


class Work:
    """The copy of the cluster as the round goes on.

    Attributes
    ----------
    cluster, engine, admission
        The copy, and what its queues use.
    whys
        Why a unit waits, by its key.
    started
        The keys of units that kube-scheduler has and that find room.
    ordered
        The gated units in the engine's order, those held back last.
    """

    def __init__(self, round_: Round) -> None:
        self.round = round_
        self.engine, self.cluster = round_.engine, round_.engine.cluster
        self.admission = round_.admission
        self.whys: dict[str, str] = {}
        self.started: set[str] = set()
        self.ordered: list[Unit] = []
        self.hopeless: set[tuple[Request, int]] = set()

    # --- lifting --------------------------------------------------------------------------

    def lift(self, gated: Sequence[Unit]) -> list[Lift]:
        """Serve gated units; return those whose turn has come, in order."""
        lifts = [Lift(unit) for unit in gated if unit.ready and not unit.held_back]
        self.whys |= {unit.key: unit.held_back for unit in gated if unit.held_back}
        open_ = [unit for unit in gated if not unit.ready and not unit.held_back]
        self.ordered = [*open_, *(unit for unit in gated if unit.held_back)]
        if not open_:
            return lifts
        policy = make_ordering(self.round.settings.order)
        pending = columns_of(self.round, open_, by_use=not isinstance(policy, KeyedOrder))
        order = policy.order(pending, self.round.now_s)
        self.ordered[: len(open_)] = [open_[row] for row in order.tolist()]
        passing = self._passing(open_, pending, order)
        first = ""
        for row in order.tolist():
            unit = open_[row]
            if why := self.refused(unit):
                self.whys[unit.key] = why
            elif passing is not None and row not in passing:
                self.whys[unit.key] = f"{first}{BEFORE}" if first else NO_ROOM
                first = first or unit.name
            elif sum(len(lift.unit.gated) for lift in lifts) >= self.round.most:
                self.whys[unit.key] = LATER
            else:
                decisions, why = self.place(unit)
                if decisions:
                    self.bind(decisions)
                    lifts.append(Lift(unit, decisions))
                else:
                    self.whys[unit.key] = why
                    first = first or unit.name
        return lifts

    def _passing(self, units: Sequence[Unit], pending: Pending, order: IntArray) -> set[int] | None:
        """Return the rows that delay nobody before them; None: all may pass."""
        if self.round.settings.backfill == NO_BACKFILL:
            return None
        rows = [row for row in order.tolist() if not self.refused(units[row])]
        return may_start(
            self.cluster, self.round.pods, units, pending, np.array(rows, np.int64),
            self.round.now_s, self.round.settings.backfill,
        )  # fmt: skip

    # --- one unit -------------------------------------------------------------------------

    def refused(self, unit: Unit) -> str:
        """Return which rule of its queue keeps a unit out, whatever its place; empty: none."""
        verdict = self.admission.verdict(unit.requests)
        return "" if verdict.admitted else f"queue: {verdict_words(verdict)}"

    def try_start(self, unit: Unit) -> None:
        """Let a unit that kube-scheduler has take its room, if it has some."""
        if unit.ready:
            self.started.add(unit.key)
        if unit.ready or self.refused(unit):
            return
        decisions, _ = self.place(unit)
        if decisions:
            self.bind(decisions)
            self.started.add(unit.key)

    def place(self, unit: Unit) -> tuple[Placed, str]:
        """Return where a unit goes now within the limits of its queue, or why nowhere."""
        nodes = unit.nodes
        for _ in range(len(self.cluster.nodes) + 1):
            decisions = self._decide(unit, nodes)
            if not decisions:
                return (), NO_ROOM
            verdict = self.admission.verdict_there(decisions)
            if verdict.admitted:
                return decisions, ""
            if not verdict.resource.startswith(gpu_of("")):
                return (), f"queue: {verdict_words(verdict)}"
            nodes = self._beside(nodes, verdict.resource.removeprefix(gpu_of("")))
        return (), NO_ROOM

    def bind(self, decisions: Placed) -> None:
        """Let pods be where they were decided."""
        for decision in decisions:
            self.cluster.apply(Bound(decision, self.round.now_s))
            assert decision.placement is not None
            self.admission.add(decision.request, decision.placement)

    def _decide(self, unit: Unit, nodes: BoolArray | None) -> Placed:
        now_s = self.round.now_s
        try:
            if unit.gang is not None:
                return self.engine.decide_gang(unit.gang, now_s, nodes).decisions
            (request,) = unit.requests
            kind = request._replace(uid="", queue="", priority=0, disruption_budgets=()), id(nodes)
            if kind in self.hopeless:
                return ()
            decision = self.engine.decide(request, now_s, nodes, why=False)
        except InvalidRequest:
            return ()
        if decision.placement is None:
            if nodes is unit.nodes:  # it lives as long as the round: nobody else has its id
                self.hopeless.add(kind)
            return ()
        return (decision,)

    def _beside(self, nodes: BoolArray | None, model: str) -> BoolArray:
        left = np.ones(self.cluster.view.n_rows, np.bool_) if nodes is None else nodes.copy()
        for name, node in self.cluster.nodes.items():
            if node.gpu_model == model:
                left[self.cluster.row(name)] = False
        return left


def columns_of(round_: Round, units: Sequence[Unit], *, by_use: bool = True) -> Pending:
    """Return gated units as the columns that ordering policies look at, a row each.

    Without ``by_use`` what queues use is left out: an order by keys of jobs does not look at it.
    """
    jobs = [_job_of(round_, unit) for unit in units]
    waits = {
        job.uid: Progress(submit_s=unit.since_s) for job, unit in zip(jobs, units, strict=True)
    }
    cluster = round_.engine.cluster
    tree = round_.admission.tree
    use = use_over_time(cluster, tree, round_.pods, round_.now_s) if by_use else {}
    return pending_of(jobs, waits, use, amounts_of(cluster))


def _job_of(round_: Round, unit: Unit) -> Request:
    job = unit.requests[0] if unit.gang is None else job_of(unit.name, unit.requests)
    times = [
        estimate_s(round_.pods[request.uid])
        for request in unit.requests
        if request.uid in round_.pods
    ]
    known = [time for time in times if time is not None]
    # All of a gang run as long as its longest; one that nobody knows may be longer.
    return job._replace(run_time_s=max(known) if known and len(known) == len(times) else None)
