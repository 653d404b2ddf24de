"""What a replay is made of: workload, policies, seeds, load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.mig.rules import MigRule
from bayplan.simulator.sharing import Cut
from bayplan.traces import NodeTable, PodTable

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One cluster and workload, to be packed by several policies and seeds.

    ``load`` is the GPU demand that arrives, over the cluster's GPU capacity. ``arrivals`` and
    ``node_orders`` map a seed to rows of the tables, instead of an order drawn for that seed.
    ``cuts`` are the ways in which the GPUs are shared, ``places`` says where new MIG instances
    start. ``nodes_file`` and ``pods_file`` are what messages call the tables.
    """

    nodes: NodeTable
    pods: PodTable
    load: float = 1.3
    arrivals: Mapping[int, IntArray] = field(default_factory=dict)
    node_orders: Mapping[int, IntArray] = field(default_factory=dict)
    cuts: tuple[Cut, ...] = (Cut(),)
    places: MigRule = MigRule.MAX_OPTIONS
    nodes_file: str = "--nodes"
    pods_file: str = "--pods"

    def __post_init__(self) -> None:
        if not 0.01 <= self.load <= _MAX_LOAD:
            raise InputError(
                f"--load {self.load}", fix=f"give a number from 0.01 to {_MAX_LOAD}, such as 1.3"
            )
        if not self.capacity_milli:
            raise InputError(
                "no node has a GPU", file=self.nodes_file, fix="replay needs a cluster with GPUs"
            )
        if not int((self.pods.gpu_count * self.pods.gpu_milli).sum()):
            raise InputError(
                "no pod asks for a GPU",
                file=self.pods_file,
                fix="replay needs a trace of GPU pods",
            )
        # Given arrivals are taken as they are, and so is a trace that is large by itself.
        if not self.arrivals and self.expected_pods > max(_MAX_PODS, len(self.pods)):
            raise InputError(
                f"--load {self.load}: some {self.expected_pods:.0e} pods would have to arrive",
                fix="give a lower load, or a trace in which more pods ask for GPUs",
            )

    @property
    def expected_pods(self) -> float:
        """How many pods arrive when pods are drawn until the load is reached, on average."""
        demand = int((self.pods.gpu_count * self.pods.gpu_milli).sum())
        return len(self.pods) * max(1.0, self.load * self.capacity_milli / demand)

    @property
    def capacity_milli(self) -> int:
        """Milli-GPU of the whole cluster."""
        return 1000 * int(self.nodes.gpu_count.sum())


def parse_seeds(text: str, what: str = "--seeds") -> list[int]:
    """Read ``42-51`` or ``1,2,7-9`` as a list of seeds, in the order given.

    Parameters
    ----------
    text
        The seeds.
    what
        Where they stand, for errors.

    Raises
    ------
    InputError
        What is wrong with it, and an example.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (is_count(first) and (not dash or is_count(last))):
            raise InputError(f"{what} {text!r}: {part.strip()!r} is no seed", fix=_EXAMPLE)
        start, stop = int(first), int(last or first)
        if stop < start:
            raise InputError(f"{what} {text!r}: {part.strip()!r} runs backwards", fix=_EXAMPLE)
        if stop - start >= _MAX_SEEDS:
            raise InputError(f"{what} {text!r}: more than {_MAX_SEEDS} seeds", fix=_EXAMPLE)
        seeds += range(start, stop + 1)
    twice = sorted(seed for seed, n in Counter(seeds).items() if n > 1)
    if twice:
        raise InputError(f"{what} {text!r}: seed {twice[0]} stands there twice", fix=_EXAMPLE)
    return seeds


_EXAMPLE = "give whole numbers and ranges, such as 42-51 or 1,2,7-9"
_MAX_SEEDS = 10_000
_MAX_LOAD = 100.0
_MAX_PODS = 5_000_000


def is_count(text: str) -> bool:
    """Whether a text is a whole number that 64 bits hold, in plain digits."""
    return text.isascii() and text.isdigit() and len(text) < 19
