"""SimPy's environment, with events at a stated time instead of after a delay."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from heapq import heappush
from typing import Any

import simpy


class Turn(IntEnum):
    """Who comes first among events at the same time; SimPy's priorities."""

    SAMPLE = 0
    FINISH = 1
    CANCEL = 2
    RETURN = 3
    CHANGE = 4
    ARRIVE = 5
    PASS = 6


def next_multiple(step_s: float, time_s: float) -> float:
    """Return the first multiple of a step after a time.

    A quotient that was rounded may be one step off: the product is then no later than the time.
    """
    at_s = (math.floor(time_s / step_s) + 1) * step_s
    return at_s if at_s > time_s else at_s + step_s


class Clock(simpy.Environment):
    """Simulated time.

    SimPy adds delays to the current time, which rounds: ``now + (t - now)`` is not always ``t``.
    Published schedules are met to the last digit only when an event is at the very time that it
    was predicted for.
    """

    def __init__(self) -> None:
        super().__init__(0.0)  # SimPy begins with a whole number, which kernels are not made for

    def at(self, time_s: float, call: Callable[[Any], None], turn: Turn) -> None:
        """Call ``call(event)`` at a time, now or later, in its turn."""
        if time_s < self._now:
            raise ValueError(f"an event at {time_s} s, and it is {self._now} s already")
        self._add(time_s, turn, _Call(self, [call]))

    def until(self, time_s: float, turn: Turn) -> simpy.Event:
        """Return an event at a time, now or later, that a process can wait for."""
        event = _Call(self, [])
        self._add(max(float(time_s), self._now), turn, event)
        return event

    def pending(self) -> simpy.Event:
        """Return an event of no time yet, for ``fire``."""
        return _Call(self, [])

    def fire(self, event: simpy.Event, turn: Turn) -> None:
        """Let a pending event happen now, in its turn."""
        self._add(self._now, turn, event)

    def _add(self, time_s: float, turn: Turn, event: simpy.Event) -> None:
        entry: Any = (time_s, turn, next(self._eid), event)
        heappush(self._queue, entry)


class _Call(simpy.Event):
    """An event that has its callbacks and its value from the beginning."""

    def __init__(self, env: Clock, calls: list[Callable[[Any], None]]) -> None:
        self.env = env
        self.callbacks = calls
        self._ok, self._value = True, None
