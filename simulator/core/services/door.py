"""What services may do to a simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import simpy

from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.sources._base import World


class Ends(Protocol):
    """What of a run's end depends on services."""

    def jobs_go_on(self) -> bool:
        """Whether any job runs or is to come, or there is none at all to wait for."""

    def give_up(self) -> None:
        """End the run: those who wait, wait in vain."""

    def end_of_series(self) -> None:
        """Note that the last service that ends has ended."""


class Door:
    """Lets replicas come, ask for other things and go; a pass follows.

    Attributes
    ----------
    floor
        To be read.
    ends
        What of a run's end depends on services.
    """

    def __init__(self, world: World, moved: Callable[[], None], ends: Ends) -> None:
        self._world, self._moved = world, moved
        self.floor: Floor = world.floor
        self.ends = ends

    @property
    def now_s(self) -> float:
        """The time."""
        return self._world.now_s

    def stirred(self, by_s: float) -> simpy.Event:
        """Return an event for after the next pass with a change; at a time at the latest."""
        return self._world.stirred(by_s)

    def note(self, what: str, detail: str) -> None:
        """Add an entry to the log that is about no job."""
        self.floor.now_s = self.now_s
        self.floor.note(what, None, detail)

    def ask(self, job: int, number: int) -> None:
        """Let a replica that is nowhere, or waits, wait for what a class asks for."""
        self.floor.now_s = self.now_s
        self.floor.ask(job, number)
        self._moved()

    def dismiss(self, job: int) -> None:
        """Let a replica go, wherever it is; it may be asked for again."""
        self.floor.now_s = self.now_s
        self.floor.dismiss(job)
        self._moved()

    def try_again(self) -> None:
        """Let all who wait be tried again, blocked or not."""
        self.floor.now_s = self.now_s
        self.floor.waiting.unblock()
        self._moved()
