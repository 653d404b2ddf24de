"""Squeaky wheel optimisation of the order in which members are placed.

Joslin and Clements, JAIR 10, 1999: place in an order, find who is left over, move those forward,
place again. Only orders are searched, so segments, spread, claims and constraints hold as ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.gangs.orders import Unit, by_size, units_of
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.dot_product import DotProduct
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.policies.worst_fit import WorstFit
from bayplan.scheduler.types import Decision

POLICIES: tuple[PlacementPolicy, ...] = (WorstFit(), BestFit(), DotProduct(), FirstFit())
"""What places members of one order; where one fails with all orders tried, another often works."""

_PARTS = (4, 2, 8, 3)
"""Who is left over moves forward by one of these parts of the order, in turn."""


class Wheel:
    """One domain and one policy, with the order that comes next."""

    def __init__(self, search: Search, domain: int, policy: PlacementPolicy) -> None:
        self._search = search
        self._domain = domain
        self._engine = search.under(policy)
        self._order: list[Unit] = units_of(by_size(search.party.needed))
        self._turn = 0
        self._seen: set[tuple[int, ...]] = set()
        self.spent = len(self._order) < 2
        """Whether no order is left to be tried: each that would come has been."""

    def turn(self, rounds: int, budget: Budget) -> list[Decision] | None:
        """Return decisions for all that are needed and as many more as fit, or None."""
        for _ in range(rounds):
            if self.spent or budget.steps <= 0:
                return None
            self._seen.add(_names(self._order))
            left, placed = self._search.pass_through(
                self._engine, self._order, self._domain, budget, skip=True
            )
            if not left:
                return placed
            self._advance(left)
        return None

    def _advance(self, left: list[Unit]) -> None:
        moving = set(_names(left))
        for _ in _PARTS:
            order = _moved(self._order, moving, _PARTS[self._turn % len(_PARTS)])
            self._turn += 1
            if _names(order) not in self._seen:
                self._order = order
                return
        self.spent = True


def _names(units: Sequence[Unit]) -> tuple[int, ...]:
    return tuple([unit[0].order for unit in units])


def _moved(order: Sequence[Unit], moving: set[int], part: int) -> list[Unit]:
    """Return the order with some units moved forward; they stay in their order."""
    step = max(1, len(order) // part)
    ranks = [
        rank - step - 0.5 if unit[0].order in moving else rank for rank, unit in enumerate(order)
    ]
    return [order[i] for i in sorted(range(len(order)), key=ranks.__getitem__)]
