"""Nodes that fail and are repaired."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.sources._base import Events, World
from bayplan.simulator.core.sources.lives import HOUR_S, Life, in_turn

FAULTS = "faults"
"""Their name: whose holds on nodes are theirs, and whose draws."""


@dataclass(frozen=True, slots=True)
class Failing:
    """How a node fails: ``mtbf_h`` is how long it stays up on average, ``mttr_h`` down; hours.

    Times to failure are Weibull of the shape ``mtbf_shape``: 1 is exponential, failures without a
    memory; below 1 they come in bursts after repairs, above 1 nodes wear out. Repairs are
    exponential.
    """

    node: str
    mtbf_h: float
    mttr_h: float
    mtbf_shape: float = 1.0


class Faults:
    """Failures of nodes, each by draws of its own, and their repair.

    A node is up when the first job arrives. Its clock runs on whatever else happens to it: one
    that fails while it is away comes back no earlier than it is repaired.

    Parameters
    ----------
    nodes
        Who fails how.

    Raises
    ------
    InputError
        A time or a shape is not above 0.

    Notes
    -----
    Availability of a node alone tends to mtbf / (mtbf + mttr), whatever the shape.
    """

    def __init__(self, nodes: Sequence[Failing]) -> None:
        for each in nodes:
            for name in ("mtbf_h", "mttr_h", "mtbf_shape"):
                if not 0.0 < getattr(each, name) < math.inf:
                    raise InputError(
                        f"node {each.node}: {name} is {getattr(each, name)}",
                        fix="write more than 0",
                    )
        self.nodes = tuple(nodes)

    def run(self, world: World) -> Events:
        """Let nodes fail and come back for ever."""
        yield from in_turn(world, [_life(world, node) for node in self.nodes])


def _life(world: World, node: Failing) -> Life:
    rng = world.rng(FAULTS, node.node)
    shape = node.mtbf_shape
    up_s = HOUR_S * node.mtbf_h / math.gamma(1.0 + 1.0 / shape)  # the mean is mtbf_h
    at_s = world.first_s
    while True:
        at_s += up_s * rng.weibull(shape)
        yield at_s
        world.down(node.node, FAULTS)
        at_s += HOUR_S * node.mttr_h * rng.exponential()
        yield at_s
        world.up(node.node, FAULTS)
