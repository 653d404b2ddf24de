"""The errors that Bayplan raises on purpose.

::

    BayplanError
    ├── InputError            what a person gave cannot be used (exit code 2)
    │   └── InputErrors       several things in one file
    ├── InvalidRequest        a request that no cluster could ever hold (negative, empty, unknown)
    └── StateError            an event that the cluster refuses; nothing was changed
        ├── Conflict          what a decision rests on no longer holds
        ├── Duplicate         a uid or a node name that is already there
        └── Unknown           a uid or a node name that is not there

A request that does not fit is data (``Decision.reasons``), never an error.
"""

from __future__ import annotations

from collections.abc import Sequence


class BayplanError(Exception):
    """Anything that Bayplan raises on purpose."""


class InputError(BayplanError):
    """What a person gave cannot be used: one line that names the file, the row and the fix.

    Parameters
    ----------
    problem
        What is wrong, with the value and the rule.
    file
        The file that it was found in, as the person named it.
    row
        Line of the file, counted from 1 with the header as line 1.
    fix
        What to do about it.
    """

    def __init__(
        self, problem: str, *, file: object = None, row: int | None = None, fix: str = ""
    ) -> None:
        where = "" if file is None else f"{file}: " if row is None else f"{file}:{row}: "
        super().__init__(f"{where}{problem}" + (f"; {fix}" if fix else ""))


class InputErrors(InputError):
    """Several things in a file cannot be used: one line for each.

    Parameters
    ----------
    file
        The file, as the person named it.
    problems
        What is wrong and what to do about it, one line each.
    """

    def __init__(self, file: object, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))
        self.problems = list(problems)


class InvalidRequest(BayplanError, ValueError):
    """A request that makes no sense on any cluster, such as a negative count."""


class StateError(BayplanError):
    """An event that the cluster refuses; nothing was changed."""


class Conflict(StateError):
    """What a decision rests on no longer holds: decide again."""


class Duplicate(StateError):
    """The uid or the node name is already there."""


class Unknown(StateError):
    """The uid or the node name is not there."""
