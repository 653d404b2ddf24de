"""A table whose rows belong to owners, each owner's together, with room for some more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayplan.scheduler.arrays import IntArray, IntTable

_MIN_SIZE = 256


class Chunks:
    """Rows of integers by owner (a node's row), as one array.

    Owner o has the rows ``start[o]`` to ``start[o] + count[o]`` of ``table`` (n, width). An owner
    whose rows outgrow their place moves to the end; ``wasted`` are the rows left behind. Rows
    without an owner are zero.
    """

    def __init__(self, width: int, n_owners: int) -> None:
        self.table: IntTable = np.zeros((_MIN_SIZE, width), np.int64)
        self.start: IntArray = np.zeros(n_owners, np.int64)
        self.count: IntArray = np.zeros(n_owners, np.int64)
        self._room: IntArray = np.zeros(n_owners, np.int64)
        self.used = 0
        self.wasted = 0

    def place(self, owner: int, n: int) -> int:
        """Make room for ``n`` rows of an owner, all zero; return where they start."""
        start, room = self.start.item(owner), self._room.item(owner)
        self.table[start : start + self.count.item(owner)] = 0
        if n > room:
            self.wasted += room
            room = n + n // 4
            start = self.used
            self.used += room
            self._reserve(self.used)
        self.start[owner], self.count[owner], self._room[owner] = start, n, room
        return start

    def put(self, owner: int, rows: Sequence[tuple[int, ...]]) -> int:
        """Replace the rows of an owner; return where they start."""
        start = self.place(owner, len(rows))
        if rows:
            self.table[start : start + len(rows)] = rows
        return start

    def _reserve(self, size: int) -> None:
        if size > len(self.table):
            more = np.zeros((max(size, 2 * len(self.table)), self.table.shape[1]), np.int64)
            more[: len(self.table)] = self.table
            self.table = more
