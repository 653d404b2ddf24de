"""What bench/throughput.py places: nodes, pods, and the profile of kube-scheduler for them."""

from __future__ import annotations

import random
from typing import Any

from e2e.controlplane import nodes
from e2e.controlplane.nodes import GPU, GPU_SHARED
from e2e.extender.asking import GROUP, gang, ours

Object = dict[str, Any]

REPLICAS = 4
"""How many pods share a GPU of the nodes that share theirs (time-slicing under its own name)."""
SHARED_NODES = 0.1
SHARES, GANGS = 0.3, 0.1
"""Parts of the pods; the others ask for whole GPUs."""
MEMBERS = (4, 5, 6, 7, 8)
WHOLE, CHANCES = (1, 2, 4, 8), (65, 20, 10, 5)
"""GPUs of a pod, and how often in a hundred: 1.85 in the mean."""


def nodes_of(count: int) -> list[Object]:
    """Return nodes with 8 GPUs, a tenth of which share them."""
    shared = int(SHARED_NODES * count)
    return [
        nodes.time_sliced(f"n{k:05}", REPLICAS, renamed=True)
        if k < shared
        else nodes.plain(f"n{k:05}")
        for k in range(count)
    ]


def pods_of(count: int, seed: int) -> list[Object]:
    """Return pods; their names sort in the order in which they are to come, gangs in one piece.

    Of 5,000 on 1,000 nodes, shares take 47 % of what there is for them and others 85 %.
    """
    rng = random.Random(seed)
    n_shares, left = int(SHARES * count), int(GANGS * count)
    units = ["share"] * n_shares + ["whole"] * (count - n_shares - left)
    while left:
        # The last ones are of such sizes that all members are in gangs.
        sizes = [size for size in MEMBERS if size == left or left - size >= min(MEMBERS)] or [left]
        units.append(f"gang {rng.choice(sizes)}")
        left -= int(units[-1].split()[1])
    rng.shuffle(units)
    pods: list[Object] = []
    for n, unit in enumerate(units):
        name = f"p{n:05}"
        if unit == "share":
            pods.append(ours(name, resources={GPU_SHARED: "1"}))
        elif unit == "whole":
            pods.append(ours(name, rng.choices(WHOLE, CHANCES)[0]))
        else:
            pods += gang(name, int(unit.split()[1]), 1)
    return pods


def least_of(pods: list[Object]) -> dict[str, int]:
    """Return how many pods each gang has."""
    least: dict[str, int] = {}
    for pod in pods:
        if name := pod["metadata"]["labels"].get(GROUP):
            least[name] = least.get(name, 0) + 1
    return least


def scheduler_config(scheduler: str, sampling: int) -> Object:
    """Return keys of KubeSchedulerConfiguration: one that packs, as a cluster of GPUs has it.

    With spreading, or no score at all, pods of 8 GPUs would soon find no node without us.
    """
    packing = {
        "type": "MostAllocated",
        "resources": [{"name": name, "weight": 1} for name in (GPU, GPU_SHARED)],
    }
    score = {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit", "weight": 1}]}
    return {
        "percentageOfNodesToScore": sampling,
        "podMaxBackoffSeconds": 10,
        "profiles": [
            {
                "schedulerName": scheduler,
                "plugins": {"score": score},
                "pluginConfig": [
                    {"name": "NodeResourcesFit", "args": {"scoringStrategy": packing}}
                ],
            }
        ],
    }
