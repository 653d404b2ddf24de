"""The short answer to why a pod or a gang waits, or is where it is. Data; ``lines`` words it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SCHEMA = "bayplan.why/1"

_DIGITS = re.compile(r"[0-9][0-9,.]*")


class Kind(StrEnum):
    """What is asked about."""

    POD = "pod"
    GANG = "gang"


class State(StrEnum):
    """How it stands: on its node, room is kept for it, there would be room, there is none."""

    BOUND = "bound"
    KEPT = "kept"
    FITS = "fits"
    WAITS = "waits"


class Search(StrEnum):
    """What became of the search for changes that would help."""

    NONE = "none"
    UNDER_WAY = "under way"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Count:
    """A reason, and of how many nodes it holds."""

    text: str
    nodes: int


@dataclass(frozen=True, slots=True)
class Advice:
    """A change that was tried and makes room: its kind (a ``FixKind`` in small letters)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """The short answer about a pod or a gang.

    Attributes
    ----------
    kind, name, state
        Who, and how it stands.
    asks
        What it asks for, in words; of a gang what each member asks for, empty where they differ.
    nodes, gpus
        Where it is, or would go; ``gpus`` of one pod, where they are known.
    n_nodes
        How many nodes were looked at.
    size, placed, least
        Of a gang: its members, those that find a place or are there, and how many must start.
    why
        The one reason that matters, in words.
    reasons
        Why nodes cannot take the pod, or the first member that is left, the most common first.
    nearest
        The node that comes nearest and what it lacks.
    left, left_fits
        The first member without a place, and how many nodes would take it by itself.
    notes
        What else is known, a sentence each.
    search, advice
        What would help, the gentlest first.
    """

    kind: Kind
    name: str
    state: State
    asks: str = ""
    nodes: tuple[str, ...] = ()
    gpus: tuple[int, ...] = ()
    n_nodes: int = 0
    size: int = 0
    placed: int = 0
    least: int = 0
    why: str = ""
    reasons: tuple[Count, ...] = ()
    nearest: str = ""
    left: str = ""
    left_fits: int = 0
    notes: tuple[str, ...] = ()
    search: Search = Search.NONE
    advice: tuple[Advice, ...] = ()

    @property
    def substance(self) -> tuple[object, ...]:
        """What of it matters: answers that differ in numbers or nodes only have the same."""
        return (
            self.name,
            self.state,
            plain(self.why),
            tuple(sorted(count.text for count in self.reasons)),
            bool(self.left_fits),
            tuple(map(plain, self.notes)),
            self.search,
            tuple(advice.kind for advice in self.advice),
        )


def plain(text: str) -> str:
    """Return a text without its numbers.

    Parameters
    ----------
    text
        The text.
    """
    return _DIGITS.sub("#", text)


def as_data(brief: Brief) -> dict[str, Any]:
    """Return an answer for JSON, with its lines.

    Parameters
    ----------
    brief
        The answer.
    """
    from bayplan.scheduler.explaining.lines import lines_of

    return {"schema": SCHEMA, **asdict(brief), "lines": lines_of(brief)}
