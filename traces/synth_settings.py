"""Settings of the synthetic generator."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError


@dataclass(frozen=True, slots=True)
class SynthSettings:
    """What the synthetic cluster and its pods look like.

    Raises
    ------
    InputError
        A setting makes no sense; one line names it, its value and the rule.
    """

    seed: int = 1
    """Drives everything; equal settings give equal tables. Default 1."""

    nodes: int = 300
    """Nodes in the cluster. Default 300: enough for packing to show, few enough to watch."""

    load: float = 0.98
    """GPUs that all pods ask for together, over the GPUs there are. Default 0.98, so that all pods
    almost fit at once, and an experiment that adds 30 % more of them overfills the cluster."""

    cpu_only: float = 0.13
    """Fraction of pods without a GPU. Default 0.13: about one in eight in production clusters."""

    share: float = 0.38
    """Fraction of pods that take a part of one GPU. Default 0.38: inference and notebooks."""

    several: float = 0.02
    """Fraction of pods with 2, 4 or 8 GPUs. Default 0.02: few, but the hardest to place. What is
    left (0.47 by default) takes one whole GPU."""

    bound: float = 0.1
    """Fraction of GPU pods that accept certain models only. Default 0.1: most run anywhere."""

    span_s: float = 86_400.0
    """Time in which the pods arrive, in seconds, on average. Default one day: one full cycle."""

    daily_swing: float = 0.6
    """How far the arrival rate swings around its mean, 0 to 1. Default 0.6: the busiest hour sees
    four times the arrivals of the quietest."""

    duration_median_s: float = 14_400.0
    """Median time that a pod runs, in seconds. Default four hours; pods with several GPUs run
    twice as long, shares half as long."""

    duration_sigma: float = 1.4
    """Spread of the logarithm of the durations. Default 1.4: the mean is 2.7 times the median."""

    queues: tuple[str, ...] = ("research", "training", "inference", "batch")
    """Queues that pods wait in. Default four; the first ones are the busiest."""

    users: int = 10
    """Users of each queue. Default 10; a few of them submit most pods."""

    def __post_init__(self) -> None:
        _need(0 <= self.seed < 2**63, "seed", self.seed, "0 to 2^63 - 1")
        _need(1 <= self.nodes <= 100_000, "nodes", self.nodes, "1 to 100000")
        _need(0 < self.load <= 100, "load", self.load, "above 0 and up to 100")
        for name in ("cpu_only", "share", "several", "bound", "daily_swing"):
            value = getattr(self, name)
            _need(0 <= value <= 1, name, value, "0 to 1")
        classes = self.cpu_only + self.share + self.several
        _need(classes <= 1 + 1e-9, "cpu_only + share + several", classes, "at most 1")
        _need(self.cpu_only <= 0.9, "cpu_only", self.cpu_only, "at most 0.9: load is GPU load")
        for name in ("span_s", "duration_median_s"):
            value = getattr(self, name)
            _need(60 <= value <= 1e9, name, value, "60 to 1e9 seconds")
        _need(0 <= self.duration_sigma <= 5, "duration_sigma", self.duration_sigma, "0 to 5")
        _need(bool(self.queues) and all(self.queues), "queues", self.queues, "one or more names")
        _need(1 <= self.users <= 10_000, "users", self.users, "1 to 10000")


def _need(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds or (isinstance(value, float) and math.isnan(value)):
        raise InputError(f"synthetic trace: {name} is {value!r}", fix=f"it may be {rule}")
