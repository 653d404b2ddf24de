"""Which occurrences become a new Event, and which count up one that is there. Knows no clock."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, NamedTuple

WINDOW_S = 360.0
"""Occurrences further apart are two events (``finishTime`` of client-go's ``tools/events``)."""

REFRESH_S = 30.0
"""A series is written at most so often; what happens in between is counted."""

MOST = 4096
"""Series that are remembered; the one that was silent the longest is forgotten first."""


Type = Literal["Normal", "Warning"]


class About(NamedTuple):
    """What an event is about: mostly a pod, or a node, which has no namespace."""

    namespace: str
    name: str
    uid: str
    kind: str = "Pod"
    version: str = "v1"


class Key(NamedTuple):
    """What makes occurrences one series."""

    about: About
    type: Type
    reason: str
    note: str


@dataclass(slots=True)
class Occurrences:
    """A series: its Event's ``name``, how often it happened, and how much of that is written."""

    name: str
    count: int
    last_s: float
    written: int
    written_s: float


class SeriesBook:
    """The series that are open."""

    def __init__(self) -> None:
        self._open: OrderedDict[Key, Occurrences] = OrderedDict()

    def noted(self, key: Key, name: str, now_s: float) -> tuple[Occurrences, bool]:
        """Count an occurrence; return its series, and whether it is to be written now.

        Parameters
        ----------
        key
            What happened.
        name
            Of its Event, if this is the first.
        now_s
            The time.
        """
        known = self._open.get(key)
        if known is None or now_s - known.last_s > WINDOW_S:
            known = self._open[key] = Occurrences(name, 1, now_s, 1, now_s)
            self._open.move_to_end(key)
            while len(self._open) > MOST:
                self._open.popitem(last=False)
            return known, True
        known.count += 1
        known.last_s = now_s
        self._open.move_to_end(key)
        # The second one makes a series of it; people are to see that at once.
        if known.count > 2 and now_s - known.written_s < REFRESH_S:
            return known, False
        known.written, known.written_s = known.count, now_s
        return known, True

    def due(self, now_s: float) -> list[tuple[Key, Occurrences]]:
        """Return the series with counts that are not written, and take them as written.

        Parameters
        ----------
        now_s
            The time.
        """
        found = []
        for key, known in self._open.items():
            if known.written < known.count and now_s - known.written_s >= REFRESH_S:
                known.written, known.written_s = known.count, now_s
                found.append((key, known))
        return found
