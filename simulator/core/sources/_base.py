"""What a source of events is, and what it may do to the cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Protocol

import numpy as np
import simpy

from bayplan.scheduler.rows import stable_key
from bayplan.simulator.core.clock import Clock, Turn
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.machines import Machines

Events = Generator[simpy.Event, None, None]


class Source(Protocol):
    """Something that happens to the cluster by itself: a process in simulated time.

    One object serves one simulation. A source that never ends must leave every node there, or let
    it come back, again and again: jobs that no node could hold are rejected before anything
    happens, and all others wait for one.
    """

    def run(self, world: World) -> Events:
        """Yield what to wait for (``world.until``), and change the world in between."""


class World:
    """The door of sources.

    Attributes
    ----------
    floor
        To be read: the cluster, who runs, who waits.
    machines
        To be read; nodes are changed by the methods here, so that a pass follows.
    """

    def __init__(
        self,
        clock: Clock,
        floor: Floor,
        machines: Machines,
        happened: Callable[[], None],
        stirred: Callable[[float], simpy.Event],
    ) -> None:
        self._clock = clock
        self.floor, self.machines = floor, machines
        self._happened = happened
        self._stirred = stirred

    @property
    def now_s(self) -> float:
        """The time."""
        return self._clock.now

    def until(self, time_s: float) -> simpy.Event:
        """Return an event at a time, at once if that is over; after ends, before arrivals."""
        return self._clock.until(time_s, Turn.CHANGE)

    def stirred(self, by_s: float = math.inf) -> simpy.Event:
        """Return an event for after the next pass that follows a change, at a time at the latest.

        A change is that a job comes, starts or leaves, or that a node changes. A source that waits
        for that alone does not keep a simulation from its end.
        """
        return self._stirred(by_s)

    def rng(self, *names: str) -> np.random.Generator:
        """Return a generator of its own for something named, the same in every run of a seed."""
        seed = self.floor.settings.seed % (1 << 64)
        return np.random.default_rng([seed, stable_key("/".join(names))])

    @property
    def first_s(self) -> float:
        """When the first job arrives: nothing that is drawn happens before."""
        return float(self.floor.book.arrival_s.min(initial=math.inf))

    def up(self, name: str, by: str = "") -> None:
        """Take back the hold of somebody; a node that nobody holds comes, or takes pods again."""
        self._change(self.machines.up, name, by)

    def cordon(self, name: str, by: str = "") -> None:
        """Let a node take no more pods until who does this takes it back."""
        self._change(self.machines.cordon, name, by)

    def drain(self, name: str, by: str = "") -> None:
        """Let a node take no more pods, and leave when it is empty."""
        self._change(self.machines.drain, name, by)

    def down(self, name: str, by: str = "") -> None:
        """Let a node leave at once, with what is on it."""
        self._change(self.machines.down, name, by)

    def save(self, name: str) -> None:
        """Let the jobs with a pod on a node save what they have done up to now."""
        self.floor.now_s = self._clock.now
        self.machines.save(name)

    def _change(self, change: Callable[[str, str], None], name: str, by: str) -> None:
        self.floor.now_s = self._clock.now
        change(name, by)
        self._happened()
