"""GPUs that silently slow down, and recover or are found out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.sources._base import Events, World
from bayplan.simulator.core.sources.lives import HOUR_S, Life, in_turn

STRAGGLERS = "stragglers"
"""Whose draws they are."""


@dataclass(frozen=True, slots=True)
class Slowing:
    """How the GPUs of a node slow down: each once in ``mtbf_h`` hours, to ``factor`` of its speed.

    It recovers by itself after ``recover_h`` hours. Both times are means of exponentials.
    """

    node: str
    gpus: int
    mtbf_h: float
    recover_h: float
    factor: float


class Stragglers:
    """GPUs that are slow for a while, each by draws of its own.

    Nothing tells the scheduler: only who watches progress (``detectors``) may find out. A repair
    ends it early; the draws go on as if there had been none.

    Parameters
    ----------
    nodes
        Whose GPUs slow down how.

    Raises
    ------
    InputError
        A time is not above 0, or a factor not between 0 and 1.
    """

    def __init__(self, nodes: Sequence[Slowing]) -> None:
        for each in nodes:
            for name in ("mtbf_h", "recover_h"):
                if not 0.0 < getattr(each, name) < math.inf:
                    raise InputError(
                        f"GPUs of node {each.node}: {name} is {getattr(each, name)}",
                        fix="write more than 0",
                    )
            if not 0.0 < each.factor < 1.0:
                raise InputError(
                    f"GPUs of node {each.node}: factor is {each.factor}",
                    fix="write a number between 0 and 1",
                )
        self.nodes = tuple(nodes)

    def run(self, world: World) -> Events:
        """Let GPUs slow down and recover for ever."""
        lives = [_life(world, node, gpu) for node in self.nodes for gpu in range(node.gpus)]
        yield from in_turn(world, lives)


def _life(world: World, node: Slowing, gpu: int) -> Life:
    rng = world.rng(STRAGGLERS, node.node, str(gpu))
    at_s = world.first_s
    while True:
        at_s += HOUR_S * node.mtbf_h * rng.exponential()
        yield at_s
        world.slow_gpu(node.node, gpu, node.factor)
        at_s += HOUR_S * node.recover_h * rng.exponential()
        yield at_s
        world.slow_gpu(node.node, gpu, 1.0)
