"""Sources that wait until something has changed, so that they need not look again and again."""

from __future__ import annotations

import math
from collections.abc import Hashable

import simpy

from bayplan.simulator.core.clock import Clock, Turn


class Sleepers:
    """Wakes sources after the pass that follows a change, each at its own time at the latest.

    Attributes
    ----------
    awake
        Sources that may let something happen though nothing else does. One that waits for a change
        alone is not among them: when all others are done too, nothing will ever happen.
    asleep
        Who waits: the event, the state when it began to wait, whether it has a time of its own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.awake = 0
        self.asleep: list[tuple[simpy.Event, Hashable, bool]] = []

    def sleep(self, state: Hashable, by_s: float) -> simpy.Event:
        """Return an event for when the state is another one, and at a time at the latest."""
        event = self._clock.pending()
        timed = by_s < math.inf
        self.asleep.append((event, state, timed))
        if timed:
            self._clock.at(by_s, lambda _: self._time_is_up(event), Turn.CHANGE)
        else:
            self.awake -= 1
        return event

    def wake(self, state: Hashable) -> None:
        """Let those go on since whose beginning the state has changed."""
        for each in [each for each in self.asleep if each[1] != state]:
            self.asleep.remove(each)
            self.awake += not each[2]
            self._clock.fire(each[0], Turn.CHANGE)

    def _time_is_up(self, event: simpy.Event) -> None:
        for each in self.asleep:
            if each[0] is event:
                self.asleep.remove(each)
                self._clock.fire(event, Turn.CHANGE)
                return
