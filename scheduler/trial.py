"""Trying a plan on the live state: do, look, roll back, at the cost of what was touched."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from bayplan.scheduler.cluster import Cluster


class Trial:
    """Everything applied inside the ``with`` block is taken back at its end, unless kept.

    Trials nest; what an inner one keeps, the outer one still takes back. Rolling back restores
    all state to the last integer, and gives the rows that it touches new versions.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._mark = 0
        self._kept = False
        self._outermost = False

    def keep(self) -> None:
        """Let what was applied stand."""
        self._kept = True

    def __enter__(self) -> Self:
        self._kept = self._outermost = False
        if self._cluster._journal is None:
            self._cluster._journal = []
            self._outermost = True
        self._mark = len(self._cluster._journal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._kept or error is not None:
            self._roll_back()
        if self._outermost:
            self._cluster._journal = None

    def _roll_back(self) -> None:
        journal = self._cluster._journal
        assert journal is not None
        # Undoing is made of the same changes as doing; those are not to be noted again.
        self._cluster._journal = None
        while len(journal) > self._mark:
            undo, arguments = journal.pop()
            undo(*arguments)
        self._cluster._journal = journal
