"""GPUs that fail, each by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.xids import (
    DEFAULT_MIX,
    MTTR_H,
    REBOOT_S,
    RESET_S,
    FaultClass,
    Hit,
    Mend,
    drawn,
)
from bayplan.simulator.core.sources._base import Events, World
from bayplan.simulator.core.sources.lives import HOUR_S, Life, in_turn

GPU_FAULTS = "gpu-faults"
"""Their name: whose holds on GPUs are theirs, and whose draws."""


@dataclass(frozen=True, slots=True)
class FailingGpus:
    """How the GPUs of a node fail: each once in ``mtbf_h`` hours on average, exponentially.

    ``mix`` has the weights of the classes. ``reset_s`` and ``reboot_s`` are constant; a broken GPU
    is replaced after ``mttr_h`` hours on average, exponential.
    """

    node: str
    gpus: int
    mtbf_h: float
    reset_s: float = RESET_S
    reboot_s: float = REBOOT_S
    mttr_h: float = MTTR_H
    mix: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MIX))


class GpuFaults:
    """Faults of GPUs, each by draws of its own.

    A GPU that is being repaired, that waits for it, or whose node is not there has none: as times
    between faults have no memory, that is as if they counted from the repair. What each class
    does is in ``scheduler.hardware.xids``.

    Parameters
    ----------
    nodes
        Whose GPUs fail how.

    Raises
    ------
    InputError
        A time is not above 0 (0 for ``reset_s`` and ``reboot_s``), or the weights are all 0.

    Notes
    -----
    Availability of a GPU of class ``reset`` alone tends to mtbf / (mtbf + reset).
    """

    def __init__(self, nodes: Sequence[FailingGpus]) -> None:
        for each in nodes:
            for name in ("mtbf_h", "mttr_h", "reset_s", "reboot_s"):
                value = getattr(each, name)
                may_be_0 = name.endswith("_s")
                if not (0.0 < value < math.inf or (may_be_0 and value == 0.0)):
                    raise InputError(
                        f"GPUs of node {each.node}: {name} is {value}",
                        fix="write 0 or more" if may_be_0 else "write more than 0",
                    )
            if not sum(each.mix.values()) > 0.0:
                raise InputError(
                    f"GPUs of node {each.node}: all weights of faults are 0",
                    fix="give a class a weight",
                )
        self.nodes = tuple(nodes)

    def run(self, world: World) -> Events:
        """Let GPUs fail and be repaired for ever."""
        lives = [_life(world, node, gpu) for node in self.nodes for gpu in range(node.gpus)]
        yield from in_turn(world, lives)


def _life(world: World, node: FailingGpus, gpu: int) -> Life:
    rng = world.rng(GPU_FAULTS, node.node, str(gpu))
    at_s = world.first_s
    while True:
        at_s += HOUR_S * node.mtbf_h * rng.exponential()
        yield at_s
        fault = drawn(node.mix, rng.random())
        victim, repair = rng.random(), rng.exponential()  # drawn whatever comes: nothing shifts
        if not world.machines.is_up(node.node) or world.gpus.is_closed(node.node, gpu):
            continue
        _strike(world, node, gpu, fault, victim, repair)
        if fault.mend is Mend.REBOOT:
            by = f"{GPU_FAULTS}/{gpu}"
            world.down(node.node, by)
            at_s += node.reboot_s
            yield at_s
            world.up(node.node, by)


def _strike(
    world: World, node: FailingGpus, gpu: int, fault: FaultClass, victim: float, repair: float
) -> None:
    on_gpu = world.gpus.uids_on(node.node, gpu)
    world.fault(node.node, gpu, fault.name, _dying(world, node.node, on_gpu, fault.hit, victim))
    after_s = {
        Mend.RESET_WHEN_IDLE: node.reset_s,
        Mend.RESET: node.reset_s,
        Mend.REPLACE: HOUR_S * node.mttr_h * repair,
    }.get(fault.mend)
    if after_s is not None:
        world.repair_gpu(node.node, gpu, GPU_FAULTS, after_s)


def _dying(world: World, node: str, on_gpu: list[str], hit: Hit, victim: float) -> list[str]:
    """Return the pods whose processes die first; ``victim`` in [0, 1) draws one."""
    if not on_gpu or hit is Hit.NODE:  # a node that leaves takes all with it
        return []
    if hit is Hit.PROCESS:
        return [on_gpu[int(victim * len(on_gpu))]]
    if hit is Hit.LINKED:
        pods = world.floor.cluster.pods
        return [uid for uid in on_gpu if sum(map(len, pods[uid].placement.grants)) > 1]
    return on_gpu
