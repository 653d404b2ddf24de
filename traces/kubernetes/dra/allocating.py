"""Which devices of a node claims would get, as kube-scheduler's allocator looks for them.

Devices are tried in their order, the first that all that follows can live with is taken: the
in-tree allocator does so (``dynamic-resource-allocation/structured``). What is found here is what
it finds where all selectors can be judged and it has an order of slices, as in Kubernetes 1.37 and
not in 1.34; whether something is found never depends on the order. Devices of which a selector
cannot be judged are taken to match: a node is turned down only when that is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bayplan.traces.kubernetes.dra.room import Room, tolerates
from bayplan.traces.kubernetes.dra.types import (
    Alike,
    Amounts,
    Ask,
    Attribute,
    Device,
    Unread,
    Wanted,
)

MOST_STEPS = 5_000
"""Devices that are tried for one node: some ten milliseconds. What takes longer is not judged."""

Matching = Callable[[Ask], Sequence[int]]
"""Returns the places of the devices that an ask's class and selectors may take, ascending."""


class Undecided(Exception):
    """The search was given up."""


class Pick(NamedTuple):
    """A device for a wish of a claim, and the part of it."""

    claim: int
    wish: int
    place: int
    part: Amounts
    admin: bool


@dataclass(slots=True)
class _Kept:
    """A constraint of one claim with the values of the devices that were picked for it."""

    rule: Alike
    values: list[Attribute]

    def allows(self, name: str, device: Device) -> bool:
        """Whether a device may be added for a request."""
        if not self.concerns(name):
            return True
        value = device.attributes.get(self.rule.attribute)
        if value is None:
            return False
        if isinstance(value, Unread):  # whether it is like others cannot be told
            return True
        read = [each for each in self.values if not isinstance(each, Unread)]
        same = [each for each in read if type(each) is type(value) and each == value]
        return not same if self.rule.distinct else len(same) == len(read)

    def concerns(self, name: str) -> bool:
        """Whether it is about a request: by its name, or that of the request it is an option of."""
        named = self.rule.requests
        return not named or name in named or name.partition("/")[0] in named


def allocate(
    room: Room, claims: Sequence[Wanted], matching: Matching, *, most_steps: int = MOST_STEPS
) -> tuple[Pick, ...] | None:
    """Return the devices for some claims, all of them, in what is left; None: there are none.

    Parameters
    ----------
    room
        What is left; it is as before afterwards.
    claims
        What they want.
    matching
        Says which devices match.
    most_steps
        After how many devices to give up.

    Raises
    ------
    Undecided
        It was given up.
    """
    search = _Search(room, claims, matching, most_steps)
    try:
        return tuple(search.picks) if search.found(0, 0) else None
    finally:
        search.undo_all()


class _Search:
    def __init__(
        self, room: Room, claims: Sequence[Wanted], matching: Matching, most_steps: int
    ) -> None:
        self._room, self._claims, self._matching = room, claims, matching
        self._steps = most_steps
        self._kept = [[_Kept(rule, []) for rule in claim.alike] for claim in claims]
        self.picks: list[Pick] = []
        self._names: list[str] = []

    def found(self, claim: int, wish: int) -> bool:
        """Whether devices were found from a wish on; picks are left in place only then."""
        if claim == len(self._claims):
            return True
        wishes = self._claims[claim].wishes
        if wish == len(wishes):
            return self.found(claim + 1, 0)
        for ask in wishes[wish].options:
            places = self._matching(ask)
            if not ask.count:
                if places and self._found_all(ask, claim, wish, places, 0):
                    return True
            elif self._may_suffice(ask, places) and self._found_some(
                ask, claim, wish, places, 0, ask.count
            ):
                return True
        return False

    def _found_some(
        self, ask: Ask, claim: int, wish: int, places: Sequence[int], start: int, n: int
    ) -> bool:
        # Devices of one ask are alike to it: which of them is the first makes no difference.
        if not n:
            return self.found(claim, wish + 1)
        for k in range(start, len(places)):
            shared = self._room.stock.devices[places[k]].shared
            if len(places) - k < n and not shared and not self._any_shared(places, k):
                return False
            if self._picks(ask, claim, wish, places[k]):
                if self._found_some(ask, claim, wish, places, k if shared else k + 1, n - 1):
                    return True
                self._undo()
        return False

    def _found_all(self, ask: Ask, claim: int, wish: int, places: Sequence[int], k: int) -> bool:
        if k == len(places):
            return self.found(claim, wish + 1)
        if not self._picks(ask, claim, wish, places[k]):
            return False
        if self._found_all(ask, claim, wish, places, k + 1):
            return True
        self._undo()
        return False

    def _any_shared(self, places: Sequence[int], start: int) -> bool:
        devices = self._room.stock.devices
        return any(devices[place].shared for place in places[start:])

    def _picks(self, ask: Ask, claim: int, wish: int, place: int) -> bool:
        """Pick a device if it can be had."""
        self._steps -= 1
        if self._steps < 0:
            raise Undecided
        part = self._part(ask, place)
        device = self._room.stock.devices[place]
        rules = self._kept[claim]
        if part is None or not all(rule.allows(ask.name, device) for rule in rules):
            return False
        for rule in rules:
            if rule.concerns(ask.name):
                rule.values.append(device.attributes[rule.rule.attribute])
        if not ask.admin:
            self._room.take(place, part)
        self.picks.append(Pick(claim, wish, place, part, ask.admin))
        self._names.append(ask.name)
        return True

    def _part(self, ask: Ask, place: int) -> Amounts | None:
        room = self._room
        device = room.stock.devices[place]
        if any(not tolerates(ask.tolerations, taint) for taint in device.taints):
            return None
        if ask.admin:
            return ()
        return room.part(place, ask) if room.is_free(place) else None

    def undo_all(self) -> None:
        """Let the room be as it was."""
        while self.picks:
            self._undo()

    def _undo(self) -> None:
        pick = self.picks.pop()
        name = self._names.pop()
        if not pick.admin:
            self._room.put_back(pick.place, pick.part)
        for rule in self._kept[pick.claim]:
            if rule.concerns(name):
                rule.values.pop()

    def _may_suffice(self, ask: Ask, places: Sequence[int]) -> bool:
        """Whether counters have enough for so many devices, whichever these are.

        Without it a GPU whose slices are used up is searched through in every order.
        """
        if ask.admin:
            return True
        return sum(self._most_of_groups(ask, places)) >= ask.count

    def _most_of_groups(self, ask: Ask, places: Sequence[int]) -> Iterator[int]:
        """Yield of how many devices each group that shares counters has room for, at most."""
        room, groups = self._room, dict[tuple[int, ...], list[int]]()
        for place in places:
            if room.stock.devices[place].shared:
                yield ask.count
                return
            if room.is_free(place):
                counters = tuple(counter for counter, _ in room.stock.plan.takes[place])
                groups.setdefault(counters[:1], []).append(place)
        for own in groups.values():
            takes = [dict(room.stock.plan.takes[place]) for place in own]
            common = set(takes[0]).intersection(*takes[1:])
            least = (
                room.left[counter] // min(each[counter] for each in takes) for counter in common
            )
            yield min(len(own), min(least, default=len(own)))
