"""From the threads that read to the event loop that owns: in order, in bounded number, in turns."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from bayplan.extender.watch.kinds import Kind
from bayplan.extender.watch.lines import DELETED, Line
from bayplan.extender.watch.sink import Sink
from bayplan.extender.watch.steps import Changes, PageOut, Replaced, Replacing, Told
from bayplan.extender.watch.telling import Counters
from bayplan.traces.kubernetes.objects import Object

BACKLOG = 4_000
"""Things that wait for the event loop at most; then the threads that read wait."""

SLICE = 50
"""Things in one call of a sink."""

TURN_S = 0.005
"""So long a turn of the event loop is used at most, and one call more."""

Call = Callable[[], None]

_log = logging.getLogger(__name__)


class Handing:
    """Hands what is told on to a sink, on the event loop.

    Parameters
    ----------
    sink
        Who takes it.
    counters
        What is counted.
    loop
        The event loop.
    synced
        Called on the event loop with a kind that is in step; True: there are no such objects.
    """

    def __init__(
        self,
        sink: Sink,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        synced: Callable[[str, bool], None],
    ) -> None:
        self._sink = sink
        self._counters = counters
        self._loop = loop
        self._synced = synced
        self._waiting: deque[tuple[Kind, Told, int]] = deque()
        self._backlog = 0
        self._room = threading.Condition()
        self._scheduled = False
        self._closed = False
        self._calls: Iterator[Call] = iter(())

    def put(self, kind: Kind, told: Told) -> bool:
        """Hand something on; wait while too much waits. False: it is closed.

        For threads; what one thread puts stays in order.

        Parameters
        ----------
        kind, told
            What is told of which kind.
        """
        size = _size(told)
        with self._room:
            # A page that is larger than all the room waits for all of it.
            while self._backlog and self._backlog + size > BACKLOG and not self._closed:
                self._room.wait()
            if self._closed:
                return False
            self._waiting.append((kind, told, size))
            self._backlog += size
            if not self._scheduled:
                self._scheduled = True
                try:
                    self._loop.call_soon_threadsafe(self._turn)
                except RuntimeError:  # the loop is closed
                    self._closed = True
        return not self._closed

    def close(self) -> None:
        """Take nothing more, and let go of threads that wait."""
        with self._room:
            self._closed = True
            self._waiting.clear()
            self._room.notify_all()

    def _turn(self) -> None:
        end = time.perf_counter() + TURN_S
        while not self._closed:
            for call in self._calls:
                self._called(call)
                if time.perf_counter() >= end:
                    # Others on the loop come first.
                    self._loop.call_soon(self._turn)
                    return
            with self._room:
                if not self._waiting:
                    self._scheduled = False
                    return
                kind, told, size = self._waiting.popleft()
                self._backlog -= size
                self._room.notify_all()
            self._calls = self._calls_of(kind, told)

    def _called(self, call: Call) -> None:
        try:
            call()
        except Exception:
            self._counters.sink_errors.inc()
            _log.exception("a watched change was not taken over")

    def _calls_of(self, kind: Kind, told: Told) -> Iterator[Call]:
        name, sink = kind.name, self._sink
        match told:
            case Replacing():
                yield lambda: sink.replacing(name)
            case PageOut(things):
                for start in range(0, len(things), SLICE):
                    yield _page(sink, name, things[start : start + SLICE])
            case Replaced(absent):
                yield lambda: sink.replaced(name)
                yield lambda: self._synced(name, absent)
            case Changes(lines):
                for line in lines:
                    yield _change(sink, name, line)


def _page(sink: Sink, name: str, things: Sequence[Object]) -> Call:
    return lambda: sink.page(name, things)


def _change(sink: Sink, name: str, line: Line) -> Call:
    thing = line.thing or {}
    if line.type == DELETED:
        return lambda: sink.deleted(name, thing)
    return lambda: sink.changed(name, thing)


def _size(told: Told) -> int:
    match told:
        case PageOut(things):
            return len(things)
        case Changes(lines):
            return len(lines)
        case _:
            return 0
