"""The registry of pass triggers: when the scheduler looks at the queue.

A package of your own adds one by an entry point in the group ``bayplan.triggers`` that names a
factory: a callable that takes the ``Settings`` of a simulation and returns a trigger for it.
"""

from __future__ import annotations

import math
from typing import Protocol

from bayplan.simulator.core.book import Book
from bayplan.simulator.core.plugins import Registry
from bayplan.simulator.core.settings import Settings

__all__ = ["TRIGGERS", "Events", "Rounds", "Trigger"]


class Trigger(Protocol):
    """Says when the next pass is held; one object serves one simulation."""

    def happened(self, book: Book, now_s: float) -> float:
        """Return when the next pass is due, now or later, as somebody arrived or left."""

    def passed(self, book: Book, now_s: float) -> float:
        """Return when the next pass is due though nothing happens; infinite: not at all.

        Asked after each pass, with the rates and predictions that follow from it.
        """


class Events:
    """A pass whenever something happened: what Kubernetes' scheduler does."""

    def happened(self, book: Book, now_s: float) -> float:
        """Return now."""
        return now_s

    def passed(self, book: Book, now_s: float) -> float:
        """Wait for the next event."""
        return math.inf


class Rounds:
    """A pass at each multiple of ``round_s``, as long as somebody waits or runs.

    Jobs go on at their rates between passes and may end there; what they leave is handed out at
    the next pass. Source: the rounds of Gavel, OSDI 2020, section 5.
    """

    def __init__(self, round_s: float) -> None:
        self._round_s = round_s

    def happened(self, book: Book, now_s: float) -> float:
        """Return the first multiple of the round's length that is not before now."""
        return self._start(now_s, after=False)

    def passed(self, book: Book, now_s: float) -> float:
        """Return the start of the next round."""
        return self._start(now_s, after=True)

    def _start(self, now_s: float, *, after: bool) -> float:
        # A quotient that was rounded may be one round off.
        number = math.floor(now_s / self._round_s) - 1
        while (start_s := self._round_s * number) < now_s or (after and start_s == now_s):
            number += 1
        return start_s


def _rounds(settings: Settings) -> Trigger:
    return Rounds(settings.round_s)


TRIGGERS: Registry[Trigger] = Registry(
    "pass trigger", "bayplan.triggers", {"events": lambda _: Events(), "rounds": _rounds}
)
