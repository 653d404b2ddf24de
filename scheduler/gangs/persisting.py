"""What is tried where greedy placing found nothing: descents and changed orders, in turn."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.gangs.backtrack import VARIANTS, Backtrack
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.gangs.wheel import POLICIES, Wheel
from bayplan.scheduler.types import Decision

MOST_DOMAINS = 32
MOST_ROWS = 512
MOST_MEMBERS = 64
SMALL = 1000
"""How many domains are looked at, how large they may be, and how large a gang may be for descents.
In clusters of more than ``SMALL`` rows fewer steps are taken, by the square of how many more."""


class Round(NamedTuple):
    """The steps of each descent, and the orders for each policy."""

    steps: int
    orders: int


ROUNDS = (Round(128, 2), Round(512, 8), Round(2048, 60))
DESCENT_STEPS = 6000
ORDER_STEPS = 6000
"""Bounds of the work for one set of wishes: members tried to be placed by descents, and by changed
orders. Counted, so that a plan is the same on any machine."""


class Persisting:
    """The domains that may still hold a gang, and what is left of the budgets.

    Short tries in all domains come before long ones. Where a descent saw all there is, no other one
    goes; that is proof that the domain holds no plan unless pods take several instances each, for
    which a descent tries only one way.
    """

    def __init__(self, search: Search, domains: Iterable[int]) -> None:
        self._search = search
        self._open = [
            domain
            for domain in islice(domains, MOST_DOMAINS)
            if np.count_nonzero(search.frame.within(domain)) <= MOST_ROWS
        ]
        size = max(SMALL, search.frame.rows.size)
        needed = search.party.needed
        self._descended: set[int] = set()
        self._proof = all(
            shape.count <= 1 or shape.want.whole for member in needed for shape in member.shapes
        )
        self._descents = 0
        if len(needed) <= MOST_MEMBERS and not any(member.depends for member in needed):
            self._descents = DESCENT_STEPS * SMALL**2 // size**2
        orders = ORDER_STEPS * SMALL**2 // size**2
        # A part of an order says nothing.
        self._orders = Budget(orders if orders >= len(needed) else 0)
        self._wheels: dict[int, list[Wheel]] = {}

    def run(self) -> list[Decision] | None:
        """Return decisions for all that are needed and as many more as fit, or None."""
        for turn in ROUNDS:
            for domain in [each for each in self._open if each not in self._descended]:
                found = self._descend(domain, turn.steps)
                if found is not None:
                    return found
            for domain in self._open:
                found = self._turn(domain, turn.orders)
                if found is not None:
                    return found
        return None

    def _descend(self, domain: int, steps: int) -> list[Decision] | None:
        for variant in VARIANTS:
            if self._descents <= 0:
                return None
            most = min(steps, self._descents)
            budget = Budget(most)
            found = Backtrack(self._search, domain, budget, variant).run()
            if found is not None:
                return found
            self._descents -= most - max(budget.steps, 0)
            if budget.steps >= 0:
                self._descended.add(domain)
                if self._proof:
                    self._open.remove(domain)
                return None
        return None

    def _turn(self, domain: int, orders: int) -> list[Decision] | None:
        wheels = self._wheels.get(domain)
        if wheels is None:
            wheels = [Wheel(self._search, domain, policy) for policy in POLICIES]
            self._wheels[domain] = wheels
        for wheel in wheels:
            found = wheel.turn(orders, self._orders)
            if found is not None:
                return found
        return None
