"""The thread that does what the machine of one kind says: read lists and watches, and wait."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

from bayplan.extender.api.answers import Silence, Stream
from bayplan.extender.api.connection import Connection
from bayplan.extender.api.errors import ApiError
from bayplan.extender.api.served import served_version
from bayplan.extender.watch.handing import Handing
from bayplan.extender.watch.kinds import Kind
from bayplan.extender.watch.lines import Decoder, Garbled, Line
from bayplan.extender.watch.machine import Machine
from bayplan.extender.watch.steps import (
    NEXT,
    Ask,
    Ended,
    Event,
    Failed,
    Found,
    LinesRead,
    List,
    Next,
    PageOut,
    PageRead,
    Replacing,
    Started,
    Told,
    Wait,
    Watch,
    Woke,
)
from bayplan.extender.watch.telling import Counters

QUIET_S = 150.0
"""A watch that is silent for so long is opened again: its connection may be dead.

Bookmarks come about every minute, but not for kinds of which no object changes (seen with 1.37).
"""

LIST_S = 60.0
"""An answer to a list that pauses for so long has failed."""

_log = logging.getLogger(__name__)


class Reader:
    """Reads one kind in a thread of its own.

    Parameters
    ----------
    kind
        What is read.
    connection
        The API server.
    handing
        Where it goes.
    counters
        What is counted.
    ready
        Waits until the kind may be listed; False: it was stopped instead.
    """

    def __init__(
        self,
        kind: Kind,
        connection: Connection,
        handing: Handing,
        counters: Counters,
        ready: Callable[[], bool],
    ) -> None:
        self.kind = kind
        self.problem = ""
        """What fails now, for people; empty while nothing does."""
        self._connection = connection
        self._handing = handing
        self._counters = counters
        self._ready = ready
        self._decoder = Decoder(kind.schema, kind.kind)
        self._machine = Machine(kind, random.Random())
        self._stopped = threading.Event()
        self._stream: Stream | None = None
        self._guard = threading.Lock()
        self._watched = False
        self.thread = threading.Thread(target=self._run, name=f"watch {kind.name}", daemon=True)

    def stop(self) -> None:
        """Let the thread end soon; a read that blocks is ended."""
        with self._guard:
            self._stopped.set()
            if self._stream is not None:
                self._stream.abort()

    def _run(self) -> None:
        if not self._ready():
            return
        todo: Event | Next | None = Started()
        while todo is not None and not self._stopped.is_set():
            try:
                todo = self._done(todo) if isinstance(todo, NEXT) else self._stepped(todo)
            except Exception as error:
                # Only a bug comes here; the thread goes on, or the cluster would silently be old.
                _log.exception("the watch of %s failed", self.kind.name)
                todo = Failed(0, text=type(error).__name__)

    def _stepped(self, event: Event) -> Next | None:
        """Tell the machine, hand on what it tells, and return what is to be done next."""
        following: Next | None = None
        for instruction in self._machine.step(event):
            if isinstance(instruction, NEXT):
                following = instruction
                continue
            self._count(instruction)
            if not self._handing.put(self.kind, instruction):
                return None
        return following

    def _count(self, told: Told) -> None:
        name = self.kind.name
        match told:
            case Replacing(why) if why:
                self._counters.relists.labels(name, why).inc()
                _log.info("%s are listed again: %s", name, why)
            case PageOut(things):
                self._counters.listed.labels(name).inc(len(things))

    def _done(self, instruction: Next) -> Event | Next | None:
        try:
            match instruction:
                case Ask():
                    return Found(served_version(self._connection, self.kind))
                case List():
                    return self._listed(instruction)
                case Watch():
                    return self._watch(instruction)
                case Wait(seconds, why):
                    self._problem(why, seconds)
                    return None if self._stopped.wait(seconds) else Woke()
        except ApiError as error:
            return Failed(error.status, error.retry_after_s, str(error))
        except Garbled as error:
            return Failed(0, text=str(error))

    def _problem(self, why: str, seconds: float) -> None:
        if why:
            self._counters.failures.labels(self.kind.name).inc()
            if why != self.problem:
                _log.warning("watch of %s: %s; again in %.1f s", self.kind.name, why, seconds)
        self.problem = why

    def _listed(self, ask: List) -> Event:
        query = {"limit": str(ask.limit), "continue": ask.token, "fieldSelector": self.kind.fields}
        with self._opened(self.kind.path(ask.version), query, LIST_S) as stream:
            data = stream.read()
        page = self._decoder.page(data)
        self._heard()
        return PageRead(*page)

    def _watch(self, ask: Watch) -> Event | Next | None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": ask.since,
            "timeoutSeconds": str(ask.timeout_s),
            "fieldSelector": self.kind.fields,
        }
        if self._watched:
            self._counters.reconnects.labels(self.kind.name).inc()
        self._watched = True
        started = time.monotonic()
        with self._opened(self.kind.path(ask.version), query, QUIET_S) as stream:
            self._heard()  # from here on all is known up to that version
            with suppress(Silence):
                for datas in stream.lines():
                    lines = self._decoded(datas)
                    following = self._stepped(LinesRead(lines))
                    if following is not None or self._stopped.is_set():
                        return following
        return Ended(time.monotonic() - started)

    def _decoded(self, datas: Iterable[bytes]) -> list[Line]:
        lines = [self._decoder.line(data) for data in datas]
        for event_type, times in Counter(line.type for line in lines).items():
            self._counters.events.labels(self.kind.name, event_type).inc(times)
        self._heard()
        return lines

    def _heard(self) -> None:
        self.problem = ""
        self._counters.hear(self.kind.name)

    def _opened(self, path: str, query: dict[str, str], quiet_s: float) -> Stream:
        """Open a stream that ``stop`` can end."""
        stream = self._connection.open(path, query, quiet_s)
        with self._guard:
            self._stream = stream
            if self._stopped.is_set():
                stream.abort()
        return stream
