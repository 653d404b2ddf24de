"""Putting back who need not leave for a gang: the most valuable first, many at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import fsum

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.gangs.members import Party
from bayplan.scheduler.gangs.types import GangPlan
from bayplan.scheduler.preemption.fitting import Fitting
from bayplan.scheduler.preemption.question import Question
from bayplan.scheduler.preemption.verify import violations
from bayplan.scheduler.types import Decision

Price = tuple[int, int, int, float]
Unit = list[int]
"""Places of pods that leave and come back together: one pod, or a gang as a whole."""

_LONG = 160
"""After so many units times members that a long look refused no more are tried: to say no takes it
long, and the longer the larger the gang."""

Order = Callable[[Question, Unit], tuple[int, ...]]
"""By what units are put back, the least first."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Places of pods without which a gang fits, and what they are compared by."""

    places: frozenset[int]
    price: Price


@dataclass(frozen=True, slots=True)
class Planned:
    """The same, with the plan of the gang."""

    places: frozenset[int]
    plan: GangPlan
    price: Price


@dataclass(slots=True)
class Effort:
    """How many more plans may be asked for; it is counted, not timed."""

    left: int

    def spend(self) -> bool:
        """Count one; whether it is still within the effort."""
        self.left -= 1
        return self.left >= 0


class Reprieve:
    """Puts back victims of a gang in trials; the cluster stays as it is.

    ``nodes`` (n_rows,) are the gang's candidates, ``effort`` bounds how often the engine is asked
    to plan it.
    """

    def __init__(
        self, engine: Engine, party: Party, nodes: BoolArray | None, now_s: float, effort: Effort
    ) -> None:
        self._engine, self._party, self._nodes, self._now_s = engine, party, nodes, now_s
        self._fitting = Fitting(engine, party, nodes, now_s)
        self.effort = effort

    def attempt(
        self, question: Question, places: Collection[int], order: Order, *, close: bool = False
    ) -> Attempt | None:
        """Return the victims that are left of ``places``; None when the gang does not fit.

        None as well when the effort is spent before all were looked at. ``close`` says that few
        of them will stay. What is left was refused by a first look.
        """
        left = set(places)
        with self._engine.cluster.trial():
            decisions = self._evict(question, left)
            if not self._fits() and not self._fitting.decided():
                return None
            units = self._units(question, left, order)
            self._put_back(question, units, decisions, left, singly=close)
            if self.effort.left < 0:
                return None
        return Attempt(frozenset(left), price(question, left))

    def finished(self, question: Question, places: Collection[int]) -> Planned | None:
        """Return the plan without ``places``, and who of them stays after a long look as well."""
        left = set(places)
        with self._engine.cluster.trial():
            decisions = self._evict(question, left)
            refusals = 0 if self._fitting.exact else _LONG // len(self._party.needed)
            for unit in self._units(question, left, most_valuable):
                if refusals and not self._returned(unit, decisions, left, self._fitting.decided):
                    refusals -= 1
            plan = self._engine.decide_gang(self._party.gang, self._now_s, self._nodes)
        return None if plan.missing else Planned(frozenset(left), plan, price(question, left))

    def _units(self, question: Question, places: Collection[int], order: Order) -> list[Unit]:
        return sorted(units_of(question, places), key=lambda unit: (*order(question, unit), unit))

    def _evict(self, question: Question, places: Collection[int]) -> dict[int, Decision]:
        """Let pods leave in the trial under way; return what puts each of them back."""
        cluster, uids = self._engine.cluster, question.table.uids
        decisions = {}
        for place in sorted(places):
            pod = cluster.pods[uids[place]]
            decisions[place] = Decision(pod.request, pod.start_s, pod.placement)
            cluster.apply(Gone(uids[place]))
        return decisions

    def _fits(self) -> bool:
        return self.effort.spend() and self._fitting.first_look()

    def _put_back(
        self,
        question: Question,
        units: Sequence[Unit],
        decisions: dict[int, Decision],
        left: set[int],
        *,
        singly: bool,
    ) -> None:
        """Put back as many as can be, in their order: all of one half at once where that fits."""
        stack = [([unit], False) for unit in reversed(units)] if singly else [(list(units), True)]
        while stack and self.effort.left >= 0:
            some, fails = stack.pop()
            if not some:
                continue
            if fails and len(some) > 1:
                half = len(some) // 2
                stack += [(some[half:], False), (some[:half], False)]
                continue
            if self._returned([place for unit in some for place in unit], decisions, left):
                continue
            if len(some) > 1:
                stack.append((some, True))
            else:
                self._shrink(question, some[0], decisions, left)

    def _returned(
        self,
        places: Sequence[int],
        decisions: dict[int, Decision],
        left: set[int],
        fits: Callable[[], bool] | None = None,
    ) -> bool:
        """Put some back where the gang still fits; whether it does."""
        cluster = self._engine.cluster
        try:
            with cluster.trial() as trial:
                for place in places:
                    cluster.apply(Bound(decisions[place], decisions[place].now_s))
                if not (fits or self._fits)():
                    return False
                trial.keep()
        except Conflict:
            # It used a claim as another pod had made it, and cannot come back before that one.
            return False
        left -= set(places)
        return True

    def _shrink(
        self, question: Question, unit: Unit, decisions: dict[int, Decision], left: set[int]
    ) -> None:
        """Of a gang that would leave whole, let only so many leave as it can do without."""
        gang = question.table.gang.item(unit[0])
        slack = question.gangs.slack.item(gang) if gang >= 0 and len(unit) > 1 else 0
        if not 0 < slack < len(unit):
            return
        for first in range(0, len(unit), slack):
            window = {unit[(first + i) % len(unit)] for i in range(slack)}
            if self._returned([p for p in unit if p not in window], decisions, left):
                for place in sorted(window) if slack > 1 else ():
                    self._returned([place], decisions, left)
                return


def price(question: Question, places: Collection[int]) -> Price:
    """Return what sets of victims are compared by."""
    table = question.table
    return (
        violations(question, places),
        highest_rank(question, places),
        len(places),
        fsum(table.lost_gpu_s(place, question.now_s) for place in sorted(places)),
    )


def highest_rank(question: Question, places: Collection[int]) -> int:
    """Return the highest rank among some pods."""
    return max((question.rank.item(place) for place in places), default=-(1 << 62))


def units_of(question: Question, places: Collection[int]) -> list[Unit]:
    """Return who comes back together, sorted by place."""
    table, gangs = question.table, question.gangs
    by_gang: dict[int, Unit] = {}
    units = []
    for place in sorted(places):
        gang = table.gang.item(place)
        if gang >= 0:
            by_gang.setdefault(gang, []).append(place)
        else:
            units.append([place])
    for gang, members in by_gang.items():
        if len(members) <= gangs.slack.item(gang):
            units += [[place] for place in members]
        else:
            units.append(members)
    return units


def most_valuable(question: Question, unit: Unit) -> tuple[int, ...]:
    """Order: pods of budgets, then by rank, then by the work that is lost."""
    return _guarded(question, unit), -highest_rank(question, unit), -_lost(question, unit)


def smallest(question: Question, unit: Unit) -> tuple[int, ...]:
    """Order: pods of budgets, then the smallest, so that few large ones leave."""
    size = sum(question.table.gpu_milli.item(place) for place in unit) // len(unit)
    return _guarded(question, unit), -len(unit), size, -_lost(question, unit)


def _guarded(question: Question, unit: Unit) -> int:
    return -sum(question.guarded.item(place) for place in unit)


def _lost(question: Question, unit: Unit) -> int:
    return sum(question.lost.item(place) for place in unit)
