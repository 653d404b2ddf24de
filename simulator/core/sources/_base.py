"""What a source of events is, and what it may do to the cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import numpy as np
import simpy

from bayplan.scheduler.rows import stable_key
from bayplan.simulator.core.clock import Clock, Turn
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.gpus import Gpus
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


def _nothing() -> None:
    """Do nothing."""


class World:
    """The door of sources.

    Attributes
    ----------
    floor
        To be read: the cluster, who runs, who waits.
    machines, gpus
        To be read; nodes and GPUs are changed by the methods here, so that a pass follows.
    """

    def __init__(
        self,
        clock: Clock,
        floor: Floor,
        machines: Machines,
        gpus: Gpus,
        happened: Callable[[], None],
        stirred: Callable[[float], simpy.Event],
    ) -> None:
        self._clock = clock
        self.floor, self.machines, self.gpus = floor, machines, gpus
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

    def close_gpu(self, name: str, gpu: int, by: str = "") -> None:
        """Let a GPU take no more pods until who does this takes it back."""
        self._change(self.gpus.close, name, gpu, by)

    def open_gpu(self, name: str, gpu: int, by: str = "") -> None:
        """Take back the hold of somebody; a GPU that nobody holds takes pods again."""
        self._change(self.gpus.open, name, gpu, by)

    def fault(self, name: str, gpu: int, kind: str, uids: Sequence[str]) -> None:
        """Let a fault of a GPU take some pods on it, and who shares their fate."""
        self._change(self.gpus.fault, name, gpu, kind, uids)

    def slow_gpu(self, name: str, gpu: int, factor: float) -> None:
        """Let a GPU do ``factor`` of what a sound one does from now on; 1: it is sound."""
        self._change(self.gpus.slow, name, gpu, factor)

    def suspect(self, name: str, gpu: int) -> None:
        """Note that somebody takes a GPU for slow."""
        self._change(self.gpus.suspect, name, gpu)

    def repair_gpu(
        self,
        name: str,
        gpu: int,
        by: str,
        for_s: float,
        *,
        restart: bool = False,
        done: Callable[[], None] = _nothing,
    ) -> None:
        """Close a GPU, and repair it for ``for_s`` once it is empty; then it takes pods again.

        ``restart``: the jobs on it save what they have done, and wait again. ``done`` is called
        when the repair is over.
        """
        self._change(self.gpus.close, name, gpu, by)
        if restart:
            self._change(self.gpus.restart, name, gpu)
        self._change(self.gpus.repair, name, gpu, by, for_s, done)

    def _change(self, change: Callable[..., None], *arguments: Any) -> None:
        self.floor.now_s = self._clock.now
        change(*arguments)
        self._happened()
