"""What a check finds, and what it is found from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from bayplan.extender.permissions import Right
from bayplan.traces.kubernetes.objects import Object

MOST_NAMES = 3


class Severity(IntEnum):
    """How bad it is: does not work, works badly or not for all, or is good to know."""

    ERROR = 0
    WARNING = 1
    NOTE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: about what, what it is, and what to do."""

    severity: Severity
    about: str
    text: str
    fix: str = ""

    @property
    def line(self) -> str:
        """The finding on one line."""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.severity.name.lower()}: {self.about}: {self.text}{fix}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a cluster is like, as far as it was asked.

    Attributes
    ----------
    version
        (major, minor) of the API server.
    gates
        Its feature gates; empty where its metrics may not be read.
    served
        From the name of a kind that is watched to the version that is there; empty: none.
    nodes, own_pods
        The Node objects, and the Pod objects with the label of the manifests; None: refused.
    slices
        The ResourceSlice objects, where no node has a resource of GPUs; else nobody asked.
    denied
        Rights that the extender needs and has not.
    ready
        Status and text of the extender's ``/readyz``; None: nobody answers.
    address
        Where it was asked.
    """

    version: tuple[int, int]
    gates: Mapping[str, bool] = field(default_factory=dict)
    served: Mapping[str, str] = field(default_factory=dict)
    nodes: Sequence[Object] | None = ()
    own_pods: Sequence[Object] | None = ()
    slices: Sequence[Object] = ()
    denied: Sequence[Right] = ()
    ready: tuple[int, str] | None = None
    address: str = ""


def error(about: str, text: str, fix: str = "") -> Finding:
    """Return a finding of something that does not work."""
    return Finding(Severity.ERROR, about, text, fix)


def warning(about: str, text: str, fix: str = "") -> Finding:
    """Return a finding of something that works badly, or not for all."""
    return Finding(Severity.WARNING, about, text, fix)


def note(about: str, text: str, fix: str = "") -> Finding:
    """Return a finding that is good to know."""
    return Finding(Severity.NOTE, about, text, fix)


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def report(findings: Sequence[Finding]) -> str:
    """Return findings by severity, one a line, and their number."""
    lines = [each.line for each in sorted(findings, key=lambda each: each.severity)]
    counts = Counter(each.severity for each in findings)
    total = ", ".join(
        f"{counts[each]} {each.name.lower()}{'' if counts[each] == 1 else 's'}" for each in Severity
    )
    return "\n".join([*lines, total]) + "\n"


def code_of(findings: Sequence[Finding]) -> int:
    """Return the exit code: 0 where there are notes at most, else 1."""
    return int(any(each.severity is not Severity.NOTE for each in findings))
