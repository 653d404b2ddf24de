"""Islands of GPUs as domains of a gang's segments."""

from __future__ import annotations

from bayplan.scheduler.islands import InIsland, all_of, island_of
from bayplan.scheduler.near import most_islands
from bayplan.scheduler.types import Placement, Request, TopologyLevel
from bayplan.scheduler.view import View


class Islands:
    """The islands of all rows, numbered: ``most`` (the most of one row) x row + island.

    Members are kept in one by a wish of their requests, which decisions do not show.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self.most = most_islands(view)

    def row(self, domain: int) -> int:
        """Return the row that an island is on."""
        return domain // self.most

    def number(self, domain: int) -> int:
        """Return the number of an island on its row."""
        return domain % self.most

    def domain(self, row: int, placement: Placement) -> int:
        """Return the number of the island that a placement is in; -1 when it is in none."""
        number = island_of(self._view.island.item(row), all_of(placement))
        return row * self.most + number if number >= 0 else -1

    def pinned(self, request: Request, number: int) -> Request:
        """Return a request that must be in one island: the one of a number, or any."""
        return request._replace(topology=InIsland(TopologyLevel.GPU_ISLAND, number=number))
