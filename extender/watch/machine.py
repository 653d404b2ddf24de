"""What to do about each answer of the API server: list, watch, wait, or list again.

No I/O, no clock, no threads: events in, instructions out. How a list and its watch belong together,
what 410 Gone and bookmarks mean: "Efficient detection of changes",
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import Enum, auto

from bayplan.extender.watch.kinds import Kind
from bayplan.extender.watch.lines import BOOKMARK, ERROR, Line
from bayplan.extender.watch.steps import (
    Ask,
    Changes,
    Ended,
    Event,
    Failed,
    Found,
    Instruction,
    LinesRead,
    List,
    PageOut,
    PageRead,
    Replaced,
    Replacing,
    Started,
    Wait,
    Watch,
    Woke,
)

LIMIT = 500
"""Objects in a page: what client-go's pager takes."""

MOST_LIMIT = 20_000
FIRST_WAIT_S, MOST_WAIT_S = 0.25, 30.0
MOST_ASKED_S = 120.0
"""A server that asks for more patience than this is asked again all the same."""

WATCH_S = (300, 600)
"""Between these a watch lasts, as client-go's do, so that not all end at once."""

LOOK_S = 60.0
"""So often an absent kind is looked for."""

SHORT_S = 5.0
"""A stream without a line that ends sooner has failed, or a broken server is asked in a loop."""

GONE, NOT_FOUND, FORBIDDEN = 410, 404, 403


class State(Enum):
    """What the watch of a kind is doing."""

    ASKING = auto()
    LISTING = auto()
    WATCHING = auto()
    ABSENT = auto()


class Machine:
    """The watch of one kind.

    Parameters
    ----------
    kind
        What is watched.
    rng
        For jitter.
    """

    def __init__(self, kind: Kind, rng: random.Random) -> None:
        self.kind = kind
        self.state = State.ASKING
        self.since = ""
        """The resource version up to which everything was told."""
        self._rng = rng
        self._version = kind.versions[0]
        self._token = ""
        self._limit = LIMIT
        self._failures = 0
        self._relists = 0
        self._waiting: Instruction = Ask()
        self._heard = False
        self._told = False

    def step(self, event: Event) -> list[Instruction]:
        """Return what is to be done about an event, in order.

        The last instruction is one of ``steps.Next``; without one, what was being done goes on.

        Parameters
        ----------
        event
            What happened.
        """
        match event:
            case Started():
                return [Ask()] if self.kind.optional else self._list()
            case Found(version):
                return self._found(version)
            case PageRead():
                return self._page(event)
            case LinesRead(lines):
                return self._lines(lines)
            case Ended(lasted_s):
                if not self._heard and lasted_s < SHORT_S:
                    return self._wait(Failed(0, text="the watch ended at once"), self._watch())
                return [self._watch()]
            case Failed():
                return self._failed(event)
            case Woke():
                return [self._waiting]

    def _found(self, version: str) -> list[Instruction]:
        if not version:
            return self._absent()
        self._version = version
        return self._list()

    def _absent(self) -> list[Instruction]:
        told: list[Instruction] = []
        if self.state is not State.ABSENT:
            told = [Replacing("absent" if self._told else ""), Replaced(absent=True)]
        self.state, self._failures, self._told = State.ABSENT, 0, True
        self._waiting = Ask()
        return [*told, Wait(LOOK_S * self._jitter())]

    def _list(self, why: str = "") -> list[Instruction]:
        self.state, self._token, self._told = State.LISTING, "", True
        return [Replacing(why), self._next_page()]

    def _next_page(self) -> List:
        return List(self._version, self._limit, self._token)

    def _page(self, event: PageRead) -> list[Instruction]:
        self._failures = 0
        self._token = event.token
        if event.token:
            return [PageOut(event.things), self._next_page()]
        self.state, self.since = State.WATCHING, event.version
        self._limit = LIMIT
        return [PageOut(event.things), Replaced(), self._watch()]

    def _watch(self) -> Watch:
        self._heard = False
        return Watch(self._version, self.since, self._rng.randint(*WATCH_S))

    def _lines(self, lines: Sequence[Line]) -> list[Instruction]:
        changes: list[Line] = []
        after: list[Instruction] = []
        for line in lines:
            if line.type == ERROR:
                after = self._failed(Failed(line.code, text="the watch was ended by an error"))
                break
            self._heard, self._failures, self._relists = True, 0, 0
            self.since = line.version or self.since
            if line.type != BOOKMARK:
                changes.append(line)
        return [Changes(changes), *after] if changes else after

    def _failed(self, event: Failed) -> list[Instruction]:
        if event.status == GONE and self.state in (State.LISTING, State.WATCHING):
            return self._gone(event)
        if self.kind.optional and event.status in (NOT_FOUND, FORBIDDEN):
            if self.state in (State.ASKING, State.ABSENT):
                return self._absent()
            # Another version of it may have taken its place.
            self.state = State.ASKING
        again: dict[State, Instruction] = {
            State.LISTING: self._next_page(),
            State.WATCHING: self._watch(),
        }
        return self._wait(event, again.get(self.state, Ask()))

    def _gone(self, event: Failed) -> list[Instruction]:
        """List again; in the middle of a list with larger pages, which take less time in all."""
        why = "gone"
        if self.state is State.LISTING:
            why = "expired"
            self._limit = min(MOST_LIMIT, self._limit * 4)
        replacing, first = self._list(why)
        self._relists += 1
        if self._relists == 1:
            return [replacing, first]
        # Nothing was heard since the last one: no loop without a pause.
        self._failures = self._relists
        return [replacing, *self._wait(event, first)]

    def _wait(self, event: Failed, then: Instruction) -> list[Instruction]:
        self._waiting = then
        seconds = min(MOST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        asked = min(event.retry_after_s, MOST_ASKED_S)
        return [Wait(max(asked, seconds * self._jitter()), event.text or f"HTTP {event.status}")]

    def _jitter(self) -> float:
        return self._rng.uniform(0.5, 1.0)
