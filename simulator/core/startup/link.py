"""A node's link: transfers that share it, and the jobs on the node that wait for them.

Rates are max-min fair (progressive filling: Bertsekas and Gallager, Data Networks, 2nd ed., 6.5.2):
each transfer gets the same of the link, but no more than its source gives, and what one cannot use
goes to the others. Between two events all rates are constant, so that times are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum

Key = tuple[str, int]
"""A name, and the job that the transfer is for alone; ``SHARED`` for whoever comes."""

SHARED = -1


class Stage(IntEnum):
    """What a job on a node waits for."""

    IMAGE = 0
    CONTAINER = 1
    MODEL = 2
    LOCAL = 3
    READY = 4


@dataclass(slots=True)
class Transfer:
    """``left_mib`` of ``mib`` are to come, at ``most`` MiB/s; pods go on at ``enough_mib`` left.

    One that has not ``begun`` waits for the first container that asks for it.
    """

    key: Key
    mib: float
    most: float
    left_mib: float
    enough_mib: float = 0.0
    begun: bool = True
    rate: float = 0.0

    @property
    def target_mib(self) -> float:
        """What is left when something happens to it next."""
        return self.enough_mib if self.left_mib > self.enough_mib else 0.0


@dataclass(slots=True)
class Guest:
    """A job's pods on the node: what they need, and how far they are.

    ``local_s`` is how long they read a model that the node has; ``at_s`` when a stage of a stated
    length ends, and when they were ready.
    """

    job: int
    image: Key | None
    model: Key | None
    local_s: float
    stage: Stage = Stage.IMAGE
    at_s: float = math.inf


class Link:
    """Transfers and guests of one node, as of ``now_s``, the latest thing that happened."""

    def __init__(self, mib_per_s: float, container_s: float) -> None:
        self._mib_per_s, self._container_s = mib_per_s, container_s
        self.now_s = -math.inf
        self.transfers: dict[Key, Transfer] = {}
        self.guests: dict[int, Guest] = {}

    def copy(self) -> Link:
        """Return a link of its own."""
        twin = Link(self._mib_per_s, self._container_s)
        twin.now_s = self.now_s
        twin.transfers = {key: replace(each) for key, each in self.transfers.items()}
        twin.guests = {job: replace(each) for job, each in self.guests.items()}
        return twin

    def add(self, guest: Guest, transfers: list[Transfer]) -> None:
        """Let a job come, now, with what nobody has asked for yet; ``settle`` comes before."""
        self.guests[guest.job] = guest
        for each in transfers:
            self.transfers[each.key] = each
        self._go_on()

    def remove(self, job: int) -> list[Transfer]:
        """Let a job leave, now; return the transfers that nobody needs any more, which end."""
        guest = self.guests.pop(job)
        needed = {key for each in self.guests.values() for key in (each.image, each.model)}
        keys = [key for key in (guest.image, guest.model) if key not in needed and key is not None]
        ended = [self.transfers.pop(key) for key in keys if key in self.transfers]
        self._share()
        return ended

    def settle(self, now_s: float) -> list[Transfer]:
        """Bring all up to a time; return the transfers that are done."""
        done = self.run(now_s)
        for each in self.transfers.values():
            each.left_mib = max(0.0, each.left_mib - each.rate * (now_s - self.now_s))
        self.now_s = now_s
        return done

    def run(self, until_s: float) -> list[Transfer]:
        """Let everything happen that does up to a time; return the transfers that are done."""
        done: list[Transfer] = []
        while (at_s := self.next_s()) <= until_s and at_s < math.inf:
            self._pass(at_s)
            done += self._take_done()
            self._go_on()
        return done

    def ready(self) -> dict[int, float]:
        """Return when each job that is not ready will be, if nobody else comes or leaves."""
        waiting = [each.job for each in self.guests.values() if each.stage < Stage.READY]
        if not waiting:
            return {}
        twin = self.copy()
        twin.run(math.inf)
        return {job: twin.guests[job].at_s for job in waiting}

    def next_s(self) -> float:
        """Return when something happens next; infinite: nothing does."""
        ends = [self._end_s(each) for each in self.transfers.values() if each.rate > 0.0]
        timers = [
            each.at_s
            for each in self.guests.values()
            if each.stage in (Stage.CONTAINER, Stage.LOCAL)
        ]
        return min([*ends, *timers], default=math.inf)

    # --- inside ---------------------------------------------------------------------------

    def _end_s(self, each: Transfer) -> float:
        return self.now_s + (each.left_mib - each.target_mib) / each.rate

    def _pass(self, at_s: float) -> None:
        """Let time pass until something happens."""
        for each in self.transfers.values():
            if each.rate > 0.0:
                come = each.rate * (at_s - self.now_s)
                is_there = self._end_s(each) <= at_s
                each.left_mib = each.target_mib if is_there else each.left_mib - come
        self.now_s = at_s

    def _take_done(self) -> list[Transfer]:
        done = [each for each in self.transfers.values() if each.left_mib <= 0.0]
        for each in done:
            del self.transfers[each.key]
        return done

    def _go_on(self) -> None:
        """Let the jobs go on whose stage is over, and share the link among what they ask for."""
        for guest in self.guests.values():
            while self._is_over(guest):
                self._next_stage(guest)
        self._share()

    def _is_over(self, guest: Guest) -> bool:
        match guest.stage:
            case Stage.IMAGE:
                image = None if guest.image is None else self.transfers.get(guest.image)
                return image is None or image.left_mib <= image.enough_mib
            case Stage.MODEL:
                return guest.model not in self.transfers
            case Stage.READY:
                return False
            case _:
                return guest.at_s <= self.now_s

    def _next_stage(self, guest: Guest) -> None:
        now_s = self.now_s
        match guest.stage:
            case Stage.IMAGE:
                guest.stage, guest.at_s = Stage.CONTAINER, now_s + self._container_s
            case Stage.CONTAINER if guest.model in self.transfers:
                guest.stage = Stage.MODEL
                self.transfers[guest.model].begun = True
            case Stage.CONTAINER if guest.model is not None:
                guest.stage, guest.at_s = Stage.LOCAL, now_s + guest.local_s
            case _:
                guest.stage, guest.at_s = Stage.READY, now_s

    def _share(self) -> None:
        active = [each for each in self.transfers.values() if each.begun]
        active.sort(key=lambda each: each.most)
        room = self._mib_per_s
        for k, each in enumerate(active):
            share = room / (len(active) - k)
            if each.most > share:
                for other in active[k:]:
                    other.rate = share
                break
            each.rate = each.most
            room -= each.most
