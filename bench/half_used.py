"""A cluster half of which is in use, and a service over it that nothing is bound by."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from bayplan.extender.service.calls import PodName
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from bayplan.extender.verbs import Scores
from bayplan.traces.kubernetes.objects import Object


class Decides(Service):
    """The service over a cluster of which half is in use, or nothing; nothing is ever bound.

    After each pod its time goes on by more than a hold lasts, so that the cluster stays as it is.
    """

    def __init__(self, n_nodes: int, *, empty: bool = False) -> None:
        super().__init__(Settings(), Nobody(), lambda: self.now_s, Numbers(CollectorRegistry()))
        self.now_s, self.warm = 0.0, True
        rng = np.random.default_rng(5)
        used = rng.integers(0, 9, n_nodes).tolist()
        nodes = [_node(name_of(i)) for i in range(n_nodes)]
        pods = [_running(i, name_of(i), n) for i, n in enumerate(used) if n and not empty]
        for kind, things in (("Node", nodes), ("Pod", pods)):
            self.replacing(kind)
            self.page(kind, things)
            self.replaced(kind)

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        scores = super().prioritize(pod, names)
        with suppress(RuntimeError):  # behind the reply, if there is a loop
            asyncio.get_running_loop().call_later(0.0, self.go_on)
        return scores

    def go_on(self) -> None:
        """Let a pod's room be free again."""
        self.now_s += 1000.0
        self.owner.tick(self.now_s)


class Nobody:
    """An API server that nobody asks."""

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None: ...

    async def touch(self, pod: PodName, key: str, value: str) -> None: ...

    async def evict(self, pod: PodName) -> None: ...

    async def read(self, path: str) -> Object | None: ...

    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None: ...


def name_of(i: int) -> str:
    """Return the name of a node, as long as a cloud's."""
    return f"ip-10-{i >> 16}-{i >> 8 & 255}-{i & 255}.eu-central-1.compute.internal"


def _node(name: str) -> Object:
    """Return a node of eight whole GPUs, as the device plugin and GFD show it."""
    amounts = {"cpu": "192", "memory": "2Ti", "pods": "110", "nvidia.com/gpu": "8"}
    labels = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.memory": "81559"}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {"allocatable": amounts},
    }


def _running(k: int, node: str, gpus: int) -> Object:
    asks = {"cpu": str(4 * gpus), "memory": f"{32 * gpus}Gi", "nvidia.com/gpu": str(gpus)}
    return {
        "metadata": {"name": f"runs-{k}", "namespace": "team", "uid": f"runs-{k}"},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "train", "resources": {"requests": asks}}],
        },
        "status": {"phase": "Running"},
    }


def cpu_s(pid: int) -> float:
    """Return what all threads of a process have run, in seconds."""
    total = 0.0
    for each in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):
            total += int(each.read_text(encoding="ascii").split()[0]) / 1e9
    return total


def pin(core: int) -> None:
    """Keep this process on one core, if there are two; the server's is another than ours."""
    with suppress(AttributeError, OSError):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(0, {cores[core]})
