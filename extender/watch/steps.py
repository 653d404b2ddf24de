"""What happens to the watch of one kind, and what is to be done: the words of its state machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bayplan.extender.watch.lines import Line
from bayplan.traces.kubernetes.objects import Object

# What happens.


@dataclass(frozen=True, slots=True)
class Started:
    """The watch begins."""


@dataclass(frozen=True, slots=True)
class Found:
    """The API server was asked for the kind; ``version`` is empty where it has none of it."""

    version: str


@dataclass(frozen=True, slots=True)
class PageRead:
    """A part of a list came."""

    things: Sequence[Object]
    version: str
    token: str


@dataclass(frozen=True, slots=True)
class LinesRead:
    """Lines of a watch came, in order."""

    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream of a watch ended by itself, after so many seconds."""

    lasted_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A request failed, or its stream broke.

    ``status`` is 0 where there was no answer, ``retry_after_s`` what the answer wished.
    """

    status: int
    retry_after_s: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Woke:
    """The waiting is over."""


Event: TypeAlias = Started | Found | PageRead | LinesRead | Ended | Failed | Woke

# What is to be done next: always one of these, until something happens.


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the API server which version it has of the kind."""


@dataclass(frozen=True, slots=True)
class List:
    """Read a part of the list: the first one with an empty ``token``."""

    version: str
    limit: int
    token: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch from a resource version on."""

    version: str
    since: str
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait; ``why`` is for people, and empty where nothing is wrong."""

    seconds: float
    why: str = ""


# What is to be told before that, in order.


@dataclass(frozen=True, slots=True)
class Replacing:
    """A whole list begins; ``why`` it is not the first, in a word."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class PageOut:
    """A part of the list."""

    things: Sequence[Object]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The list is complete; ``absent``: there is no such kind."""

    absent: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Lines of changes, in order."""

    lines: Sequence[Line]


Next: TypeAlias = Ask | List | Watch | Wait
NEXT = (Ask, List, Watch, Wait)
Told: TypeAlias = Replacing | PageOut | Replaced | Changes
Instruction: TypeAlias = Next | Told
