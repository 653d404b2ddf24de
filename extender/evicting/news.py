"""What is told of a gang that others leave for, or could not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from bayplan.extender.live.plans import Plan
from bayplan.extender.live.reading import Seen

MOST_NAMED = 5
"""Names that a text has."""


class Result(Enum):
    """How it goes on for a gang; metrics, the log and Events say so."""

    BEGUN = "begun"
    KEPT_BACK = "kept back"
    MADE = "made"
    ELSEWHERE = "found elsewhere"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told of a gang: of its pod ``first``, and why. ``plan``: its room is there."""

    gang: str
    first: Seen | None
    result: Result
    why: str
    plan: Plan | None = None


def listed(names: Iterable[str]) -> str:
    """Return names as a text, the first ones of many.

    Parameters
    ----------
    names
        The names.
    """
    every = list(names)
    text = ", ".join(every[:MOST_NAMED])
    more = len(every) - MOST_NAMED
    return f"{text} and {more} more" if more > 0 else text
