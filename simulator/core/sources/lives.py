"""Many small histories in one process: each says when it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TypeAlias

from bayplan.simulator.core.sources._base import Events, World

HOUR_S = 3600.0

Life: TypeAlias = Iterator[float]
"""What happens to one node: it yields when it goes on, in seconds, and changes it in between."""


def in_turn(world: World, lives: Iterable[Life]) -> Events:
    """Let lives go on as they ask for; at one time in their order. A life may end.

    Parameters
    ----------
    world
        Where they are lived.
    lives
        The histories.
    """
    # One process for all: SimPy then has one event under way, not one for each node.
    due: list[tuple[float, int, Life]] = []
    for number, life in enumerate(lives):
        _go_on(due, number, life)
    while due:
        at_s, number, life = heappop(due)
        yield world.until(at_s)
        _go_on(due, number, life)


def _go_on(due: list[tuple[float, int, Life]], number: int, life: Life) -> None:
    at_s = next(life, None)
    if at_s is not None:
        heappush(due, (at_s, number, life))
