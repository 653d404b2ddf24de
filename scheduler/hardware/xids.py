"""Faults of single GPUs by class: what a class takes with it, and what mends it.

Classes gather the Xid errors of NVIDIA's driver that are handled alike (NVIDIA, "Xid Errors":
the catalogue with a recovery action for each; ``nvmlDeviceRecoveryAction`` in nvml.h). Those of
the application are left to its owner, as NVIDIA's Kubernetes device plugin does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bayplan.scheduler.errors import InputError

RESET_S = 30.0
"""Of a reset, for which NVIDIA states no time: about what a change of MIG mode by reset takes."""

REBOOT_S = 600.0
"""Of a node with GPUs, from the fault until it takes pods: ours."""

MTTR_H = 24.0
"""Hours until a broken GPU is replaced: ours."""


class Hit(Enum):
    """Who dies of a fault."""

    PROCESS = "one process on the GPU, and who shares its fate by how the GPU is shared"
    GPU = "everything on the GPU, whatever the sharing: all instances and all clients"
    LINKED = "what spans this GPU and others of its node"
    NODE = "everything on the node"


class Mend(Enum):
    """What puts the GPU right again."""

    NOTHING = "nothing has to be done"
    RESET_WHEN_IDLE = "a reset, once nothing is on it any more; until then it takes no new pods"
    RESET = "a reset at once"
    REBOOT = "a reboot of its node"
    REPLACE = "a new one: it takes no new pods until that is there"


@dataclass(frozen=True, slots=True)
class FaultClass:
    """A class of faults; of all faults in the default mix ``weight`` in ``sum`` are of it."""

    name: str
    xids: tuple[int, ...]
    weight: float
    hit: Hit
    mend: Mend


CLASSES: tuple[FaultClass, ...] = (
    FaultClass("application", (13, 31, 43, 45, 68, 109), 0, Hit.PROCESS, Mend.NOTHING),
    FaultClass("contained", (94,), 36, Hit.PROCESS, Mend.RESET_WHEN_IDLE),
    FaultClass("reset", (48, 95, 119, 120), 72, Hit.GPU, Mend.RESET),
    FaultClass("nvlink", (74,), 49, Hit.LINKED, Mend.RESET_WHEN_IDLE),
    FaultClass("bus", (79,), 50, Hit.NODE, Mend.REBOOT),
    FaultClass("broken", (64,), 49, Hit.GPU, Mend.REPLACE),
)
"""The classes, with the default mix.

The weights go back to the 419 unexpected interruptions of Llama 3's pre-training ("The Llama 3
Herd of Models", arXiv 2407.21783, table 5: 54 days on 16,384 H100): 148 by faulty GPUs, 72 by
HBM3, 19 by SRAM, 17 by system processors. No Xid is published with them; what is made of them
here is ours: half of those by HBM3 are contained; the others, SRAM and system processors need a
reset; faulty GPUs are a third each off the bus, in NVLink and broken. Together they are 256, one in
16,384 × 54 × 24 / 256 = 82,944 hours of a GPU. Applications fail by themselves far more often, and
that is about them: they have no weight unless one is stated.
"""

BY_NAME: dict[str, FaultClass] = {each.name: each for each in CLASSES}

DEFAULT_MIX: dict[str, float] = {each.name: each.weight for each in CLASSES}


def parse_mix(text: str) -> dict[str, float]:
    """Return the weight of each class of a text such as ``reset=3,bus=1``; others have none.

    Parameters
    ----------
    text
        Names of classes with their weights, whatever their sum; empty: the default mix.

    Raises
    ------
    InputError
        A class is unknown or named twice, a weight is no number from 0, or all are 0.
    """
    if not text:
        return dict(DEFAULT_MIX)
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (each.strip() for each in part.partition("="))
        if name not in BY_NAME or name in mix:
            what = "named twice" if name in mix else "no class of faults"
            raise InputError(
                f"{name!r} is {what}", fix=f"write such as reset=3,bus=1 of {', '.join(BY_NAME)}"
            )
        try:
            mix[name] = float(number)
        except ValueError:
            mix[name] = -1.0
        if not 0.0 <= mix[name] < float("inf"):
            raise InputError(f"the weight of {name} is {number!r}", fix="write a number from 0")
    if not sum(mix.values()):
        raise InputError("all weights are 0", fix="give a class a weight")
    return mix


def drawn(mix: Mapping[str, float], draw: float) -> FaultClass:
    """Return the class that a draw in [0, 1) falls on, in the order of ``CLASSES``.

    Parameters
    ----------
    mix
        Weights by class, not all 0.
    draw
        The draw.
    """
    named = [(each, mix.get(each.name, 0.0)) for each in CLASSES]
    left = draw * sum(weight for _, weight in named)
    chosen = named[0][0]
    for each, weight in named:
        if weight:
            chosen = each
            if left < weight:
                break
            left -= weight
    return chosen


def share_of(mix: Mapping[str, float], mend: Mend) -> float:
    """Return the part of all faults that is put right in one way.

    Parameters
    ----------
    mix
        Weights by class, not all 0.
    mend
        The way.
    """
    found = math.fsum(weight for name, weight in mix.items() if BY_NAME[name].mend is mend)
    return found / math.fsum(mix.values())
