"""Changes of nodes at stated times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.sources._base import Events, World

CHANGES = ("up", "cordon", "drain", "down")


@dataclass(frozen=True, slots=True)
class NodeChange:
    """``what`` happens to a node at a time: one of ``CHANGES``.

    It comes (or takes pods again), takes no more pods, leaves when its last pod has left, or
    leaves at once with what is on it.
    """

    time_s: float
    node: str
    what: str


class Listed:
    """Changes of nodes by a list; those of one time in its order.

    Raises
    ------
    InputError
        There is no such change, or a time is no number from 0.
    """

    def __init__(self, changes: Sequence[NodeChange]) -> None:
        for each in changes:
            if each.what not in CHANGES:
                raise InputError(
                    f"node {each.node}: {each.what!r} is no change of a node",
                    fix=f"choose from {', '.join(CHANGES)}",
                )
            if not 0.0 <= each.time_s < math.inf:
                raise InputError(
                    f"node {each.node}: {each.what} at {each.time_s} s", fix="give seconds from 0"
                )
        self._changes = sorted(changes, key=lambda change: change.time_s)

    def run(self, world: World) -> Events:
        """Let them happen."""
        acts = {"up": world.up, "cordon": world.cordon, "drain": world.drain, "down": world.down}
        for change in self._changes:
            yield world.until(change.time_s)
            acts[change.what](change.node, "the list")
