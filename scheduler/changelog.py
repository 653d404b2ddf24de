"""Which rows changed, in order: what a cached score column is brought up to date by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.kernels.change import changed_rows
from bayplan.scheduler.view import IntArray, View

_MIN_SIZE = 1024
_PER_ROW = 4
_BRANCH = 1 << 40


@dataclass(slots=True)
class ChangeLog:
    """A ring of the latest changes. Change ``number`` is the newest, ``floor`` the last one lost.

    The ring holds four changes a row. Who comes back later than that scores every row
    again, which by then costs about the same.
    """

    number: int = 0
    floor: int = 0
    ring: IntArray = field(default_factory=lambda: np.zeros(_MIN_SIZE, np.int64))

    def add(self, row: int, view: View) -> None:
        """Note a change of ``row``, whose number is the row's new version."""
        if self.ring.size < _PER_ROW * view.n_rows:
            self.ring = np.zeros(2 * _PER_ROW * view.n_rows, np.int64)
            self.floor = self.number
        self.number = number = self.number + 1
        self.ring[number % self.ring.size] = row
        view.version[row] = number

    def rows_since(self, since: int, view: View, out: IntArray) -> int:
        """Gather the rows changed after change ``since``, each once, into ``out`` (n_rows,).

        Returns how many there are, or -1 when the log no longer reaches back that far. Rows that
        a rolled back trial had added may be among them, beyond ``view.n_rows``.
        """
        if since < self.floor or self.number - since > self.ring.size:
            return -1
        return changed_rows(self.ring, since, self.number, view.version, out)

    def copy(self) -> ChangeLog:
        """Return a log of its own, which counts on from far ahead.

        A decision made on a copy can so never rest on a version that the original comes to give
        to another state.
        """
        number = self.number + _BRANCH
        return ChangeLog(number, number, self.ring.copy())
