"""What is written on a node that is under way, so that a restart goes on where the last run was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import msgspec


class Step(Enum):
    """How far a node is: cordoned by us, given to its MIG manager, or given up."""

    CORDONED = "cordoned"
    APPLYING = "applying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Mark:
    """The annotation of a node that is under way.

    ``config`` is what it is to have, ``before`` what it had, ``since_s`` (seconds since 1970) when
    the step began, ``pods`` some of those that it is for, ``why`` what went wrong.
    """

    step: Step
    config: str
    before: str = ""
    since_s: int = 0
    pods: tuple[str, ...] = ()
    why: str = ""

    @property
    def text(self) -> str:
        """How it is written."""
        return _ENCODER.encode(self).decode()


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Mark)


def read_mark(text: str) -> Mark | None:
    """Return the mark that an annotation holds; None where there is none.

    One that cannot be read is a failure: nobody but a person knows what is to become of the node.

    Parameters
    ----------
    text
        The annotation's value, empty without it.
    """
    if not text:
        return None
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Mark(Step.FAILED, "", why="the annotation cannot be read")


def written_time(time_s: float) -> str:
    """Return a time as the API writes it: RFC 3339, whole seconds.

    Parameters
    ----------
    time_s
        Seconds since 1970.
    """
    return datetime.fromtimestamp(int(time_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> float | None:
    """Return seconds since 1970; None where a text is no time.

    Parameters
    ----------
    text
        As the API writes it.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or UTC).timestamp()
