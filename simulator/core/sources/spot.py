"""Nodes that their owner takes back, with notice, and gives again later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.sources._base import Events, World
from bayplan.simulator.core.sources.lives import HOUR_S, Life, in_turn

SPOT = "spot"
"""Their name: whose holds on nodes are theirs, and whose draws."""

NOTICE_S = 120.0
"""What Amazon EC2 gives (two minutes, in its guide "Spot Instance interruption notices").

Google's Compute Engine gives spot machines 30 s (``Scheduling.skipGuestOsShutdown`` in its API).
"""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """How a node is taken back: at ``reclaim_per_h``, counted while it is there; hours.

    It comes back after ``return_h`` on average. Both are exponential. ``notice_s`` are seconds.
    """

    node: str
    reclaim_per_h: float
    return_h: float
    notice_s: float = NOTICE_S


class Spot:
    """Reclaims of nodes, each by draws of its own.

    A node takes no more pods from the notice on, and leaves when that is over, with what is still
    on it. Where ``interruptions.on_notice`` is ``checkpoint``, jobs with a pod on it go on through
    the notice and save what they have done at its end.

    Parameters
    ----------
    nodes
        Who is taken back how.

    Raises
    ------
    InputError
        A rate or a time is not above 0, or a notice below.
    """

    def __init__(self, nodes: Sequence[Reclaimed]) -> None:
        for each in nodes:
            for name in ("reclaim_per_h", "return_h"):
                if not 0.0 < getattr(each, name) < math.inf:
                    raise InputError(
                        f"node {each.node}: {name} is {getattr(each, name)}",
                        fix="write more than 0",
                    )
            if not 0.0 <= each.notice_s < math.inf:
                raise InputError(
                    f"node {each.node}: notice_s is {each.notice_s}", fix="write 0 or more"
                )
        self.nodes = tuple(nodes)

    def run(self, world: World) -> Events:
        """Let nodes go and come for ever."""
        yield from in_turn(world, [_life(world, node) for node in self.nodes])


def _life(world: World, node: Reclaimed) -> Life:
    rng, name = world.rng(SPOT, node.node), node.node
    # Without notice nobody has the time to save anything.
    saves = world.floor.settings.interruptions.on_notice == "checkpoint" and node.notice_s > 0.0
    at_s = world.first_s
    while True:
        at_s += HOUR_S / node.reclaim_per_h * rng.exponential()
        yield at_s
        if node.notice_s > 0.0:
            world.cordon(name, SPOT)
            at_s += node.notice_s
            yield at_s
        if saves:
            world.save(name)
        world.down(name, SPOT)
        at_s += HOUR_S * node.return_h * rng.exponential()
        yield at_s
        world.up(name, SPOT)
