"""Whom to evict so that a gang fits: all of its members, or nobody leaves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.gangs.frame import frame_of, ladder
from bayplan.scheduler.gangs.members import Party, muster
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.preemption.domains import Questions, domains_of, one_by_one
from bayplan.scheduler.preemption.policies import preemption_policy
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.reprieve import (
    Attempt,
    Effort,
    Planned,
    Reprieve,
    most_valuable,
)
from bayplan.scheduler.preemption.types import GangPreemption, Guards
from bayplan.scheduler.preemption.verify import violations
from bayplan.scheduler.preemption.widest import exchanged, from_above
from bayplan.scheduler.types import Request

_UNBOUNDED = 1 << 40
_PLANS = 600
_SMALL = 64
"""How many plans are asked for to improve on what was found, in clusters of up to ``_SMALL`` rows;
in larger ones as many fewer as they have more rows."""

_LAST_RESORT = 200
_MANY = 4000
"""How many plans are asked for when nothing was found, and of how many who may leave."""


def preempt_gang(
    engine: Engine,
    gang: Gang,
    now_s: float,
    guards: Guards | None = None,
    policy: str = "priority",
    nodes: BoolArray | None = None,
    *,
    domains: int | None = None,
) -> GangPreemption:
    """Return whom to evict so that the members of a gang that must start fit together.

    All or nothing. For each domain that may hold the gang, the rows that cost the least are
    picked, the members are put there one after the other with the victims that ``preempt`` would
    choose, and then every victim (gangs as a whole), the most valuable first, is put back if the
    gang still fits: nobody leaves in vain. In small clusters, or where that finds nothing, all
    who may leave do, up to the least rank that is enough, and are put back (``widest``); and one
    more is let go so that others may stay. Attempts are compared as nodes are by ``preempt``.
    The gang counts with the lowest priority of its members. With ``domains``, no more of them are
    looked at once in so many victims were found: sooner, and maybe not the best. Nothing changes.

    Raises
    ------
    InvalidRequest, InputError, ValueError
        As ``Engine.decide_gang`` and ``preempt``.
    """
    rules = preemption_policy(policy)
    plan = engine.decide_gang(gang, now_s, nodes)
    if not plan.missing:
        return GangPreemption(plan)
    party = muster(engine, gang)
    spared = _spared(engine, party)
    question = Question(engine.cluster, _asking(party), now_s, guards or Guards(), rules, spared)
    best = _GangSearch(engine, party, nodes, question, domains).run()
    question.table.settle()  # all trials were rolled back
    if best is None:
        return GangPreemption(None, why=f"{plan.why}; and too few pods may be evicted")
    return _answer(question, best)


class _GangSearch:
    """The attempts for one gang, the best of which is kept."""

    def __init__(
        self,
        engine: Engine,
        party: Party,
        nodes: BoolArray | None,
        question: Question,
        domains: int | None = None,
    ) -> None:
        self._engine, self._party, self._nodes = engine, party, nodes
        self._domains = domains
        self._ask: Questions = question.copy
        self._question = question
        self.best: Attempt | None = None

    def run(self) -> Planned | None:
        """Return the best attempt, with its plan; None when there is none."""
        last = self._reprieve(self._nodes, Effort(_UNBOUNDED))
        for places in self._one_by_one():
            self._keep(last.attempt(self._ask(), places, most_valuable, close=True))
        self._widest()
        return last.finished(self._ask(), self.best.places) if self.best else None

    def _keep(self, attempt: Attempt | None) -> None:
        if attempt is not None and (self.best is None or attempt.price < self.best.price):
            self.best = attempt

    def _reprieve(self, nodes: BoolArray | None, effort: Effort) -> Reprieve:
        return Reprieve(self._engine, self._party, nodes, self._question.now_s, effort)

    def _one_by_one(self) -> Iterator[set[int]]:
        """Go through sets of victims after which the gang may fit, by domain."""
        for rung in ladder(self._party.gang):
            party = self._party.on(rung)
            frame = frame_of(self._engine, party, rung, self._nodes)
            if isinstance(frame, str):
                continue
            n_found = 0
            for rows in domains_of(self._engine, party, frame, self._ask):
                before = n_found
                for found in one_by_one(self._engine, party, frame, rows, self._ask):
                    n_found = before + 1
                    yield found
                if n_found == self._domains:
                    return
            if n_found:
                return

    def _widest(self) -> None:
        """Improve on what was found from above, and by exchanging some."""
        n_rows = self._engine.cluster.view.n_rows
        effort = Effort(_PLANS * _SMALL // max(_SMALL, n_rows))
        if self.best is None and np.count_nonzero(self._question.eligible) <= _MANY:
            effort.left = max(effort.left, _LAST_RESORT)
        elif effort.left * _SMALL < n_rows:
            return  # not worth while
        rung = ladder(self._party.gang)[-1]
        frame = frame_of(self._engine, self._party.on(rung), rung, self._nodes)
        if isinstance(frame, str):
            return
        for rows in domains_of(self._engine, self._party, frame, self._ask):
            reprieve = self._reprieve(rows, effort)
            for attempt in from_above(reprieve, self._ask, rows, self.best):
                self._keep(attempt)
        if self.best is not None:
            reprieve = self._reprieve(self._nodes, effort)
            self._keep(exchanged(reprieve, self._ask, frame.rows, self.best))


def _asking(party: Party) -> Request:
    """Return one request that stands for all members that must start."""
    requests = [member.request for member in party.needed]
    return requests[0]._replace(
        priority=min(request.priority for request in requests),
        preemptible=any(request.preemptible for request in requests),
    )


def _spared(engine: Engine, party: Party) -> frozenset[str]:
    """Return the members that are placed already, and users of claims that members use."""
    claims = engine.cluster.claims
    names = {d.claim for member in party.members for d in member.request.devices}
    users = {uid for name in names if name in claims for uid in claims[name].users}
    return frozenset({uid for uid, _, _ in party.bound} | users)


def _answer(question: Question, best: Planned) -> GangPreemption:
    table = question.table
    return GangPreemption(
        best.plan,
        tuple(sorted(table.uids[place] for place in best.places)),
        violations(question, best.places),
        max((table.priority.item(place) for place in best.places), default=0),
        best.price[3],
    )
