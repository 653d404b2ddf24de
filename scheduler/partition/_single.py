"""The best changes of one GPU for an offer of demand: an exact search, because a GPU is small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bayplan.scheduler.partition._geometry import (
    Geometry,
    Spot,
    open_spots,
    room_beside,
)
from bayplan.scheduler.partition.types import Layout

Demand = tuple[tuple[str, int], ...]
"""(Profile name, count) pairs with positive counts, by name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a GPU: ``served`` of the offer, at ``milli`` in all; spots are by start."""

    milli: int
    served: Demand
    created: tuple[Spot, ...]
    destroyed: tuple[Spot, ...]
    room: int

    @property
    def changes(self) -> int:
        """How many instances are made or removed."""
        return len(self.created) + len(self.destroyed)

    @property
    def rank(self) -> tuple[int, int, int]:
        """What is maximised: served milli, then few changes, then open placements."""
        return self.milli, -self.changes, self.room

    @property
    def starts(self) -> Layout:
        """What is created: of outcomes with equal ranks, the one with the smallest is better."""
        return tuple(spot.instance for spot in self.created)

    def better_than(self, other: Outcome) -> bool:
        """Whether this one is to be preferred; there is no tie but with itself."""
        return self.rank > other.rank or (self.rank == other.rank and self.starts < other.starts)


class Search:
    """One search over the sets of new instances of one GPU, by branch and bound.

    Which idle instances go follows from the new ones: those that they overlap, and one with media
    engines that a new one with media engines takes the place of. To destroy any other is never
    better than to keep it.
    """

    def __init__(
        self,
        geometry: Geometry,
        used: tuple[Spot, ...],
        idle: tuple[Spot, ...],
        offer: Demand,
        weights: dict[str, int],
    ) -> None:
        self.geometry = geometry
        self.used = used
        self.idle = idle
        self.offer = dict(offer)
        self.weights = weights
        beside = room_beside(used)
        options = [s for s in geometry.spots if s.name in self.offer and beside.takes(s)]
        self.limit = {s.name: s.most - beside.names.count(s.name) for s in options}
        self.from_unit = [[s for s in options if s.start >= u] for u in range(geometry.units + 1)]
        self.right_milli = self._right_milli(options)

    def run(self, now: Outcome) -> Outcome:
        """Return the best outcome; ``now`` is one that the offer allows, to prune with."""
        self.best = now
        self._visit((), Counter(), 0, False)
        return self.best

    def _visit(
        self, created: tuple[Spot, ...], counts: Counter[str], mask: int, media: bool
    ) -> None:
        """Weigh a set of new instances, then those with one more, further right."""
        kept: list[Spot] = []
        destroyed: list[Spot] = []
        for spot in self.idle:
            goes = spot.mask & mask or (media and spot.media)
            (destroyed if goes else kept).append(spot)
        self._weigh(created, counts, kept, destroyed)
        end = created[-1].end if created else 0
        most = sum(self.weights[spot.name] for spot in created) + self.right_milli[end]
        left = [spot.name for spot in kept if spot.start < end and spot.name in self.offer]
        most += sum(self.weights[name] for name in left)
        fewest = len(created) + 1 + len(destroyed)
        if (most, -fewest) < self.best.rank[:2]:
            return
        for spot in self.from_unit[end]:
            name = spot.name
            if counts[name] < self.offer[name] and not (media and spot.media):
                counts[name] += 1
                self._visit((*created, spot), counts, mask | spot.mask, media or spot.media)
                counts[name] -= 1

    def _weigh(
        self,
        created: tuple[Spot, ...],
        counts: Counter[str],
        kept: list[Spot],
        destroyed: list[Spot],
    ) -> None:
        have = dict(counts)
        for spot in kept:
            have[spot.name] = have.get(spot.name, 0) + 1
        if any(have[spot.name] > self.limit[spot.name] for spot in created):
            return
        milli = 0
        for name, count in self.offer.items():
            milli += self.weights[name] * min(count, have.get(name, 0))
        if (milli, -len(created) - len(destroyed)) < self.best.rank[:2]:
            return  # before counting open placements, which is most of the work
        served = as_demand((name, min(n, have.get(name, 0))) for name, n in self.offer.items())
        room = open_spots(self.geometry, room_beside((*self.used, *kept, *created)))
        outcome = Outcome(milli, served, created, tuple(destroyed), room)
        if outcome.better_than(self.best):
            self.best = outcome

    def _right_milli(self, options: list[Spot]) -> list[int]:
        """Return per unit the most milli that can be served from there on, were demand endless."""
        spots = [*options, *(spot for spot in self.idle if spot.name in self.offer)]
        most = [0] * (self.geometry.units + 1)
        for unit in reversed(range(self.geometry.units)):
            here = [self.weights[s.name] + most[s.end] for s in spots if s.start == unit]
            most[unit] = max([most[unit + 1], *here])
        return most


def as_demand(counts: Iterable[tuple[str, int]]) -> Demand:
    """Return counts as sorted pairs, without those that are not positive."""
    return tuple(sorted((name, count) for name, count in counts if count > 0))
