"""Pods in the words of each way to ask for GPUs, and what they then have."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ..controlplane.pods import node_of, phase, pod
from .running import SCHEDULER

Object = dict[str, Any]

GROUP, LEAST = (
    "pod-group.scheduling.sigs.k8s.io/name",
    "pod-group.scheduling.sigs.k8s.io/min-available",
)
NAMES = (
    GROUP,
    "scheduling.x-k8s.io/pod-group",
    "pod-group.scheduling.sigs.k8s.io",
    "scheduling.k8s.io/group-name",
    "pod-group-name",
    "gang.scheduling.koordinator.sh/name",
    "kueue.x-k8s.io/pod-group-name",
    "yunikorn.apache.org/app-id",
    "jobset.sigs.k8s.io/jobset-name",
    "training.kubeflow.org/job-name",
    "batch.kubernetes.io/job-name",
)
"""Labels or annotations that name the gang of a pod of these tests, the first that is there."""
HAMI_DEVICES = "hami.io/vgpu-devices-allocated"
VOLCANO_DEVICES = "volcano.sh/vgpu-ids-new"
KOORDINATOR_DEVICES = "scheduling.koordinator.sh/device-allocated"
GPUSHARE_INDEX, GPUSHARE_MEMORY = "ALIYUN_COM_GPU_MEM_IDX", "ALIYUN_COM_GPU_MEM_POD"


def ours(name: str, gpus: int = 0, **more: Any) -> Object:
    """Return a pod that our scheduler places."""
    return pod(name, gpus, scheduler=SCHEDULER, **more)


def gang(name: str, members: int, gpus: int, **more: Any) -> list[Object]:
    """Return the pods of a gang that starts whole."""
    labels = {GROUP: name, LEAST: str(members)}
    return [ours(f"{name}-{k}", gpus, labels=labels, **more) for k in range(members)]


def gang_of(pod: Object) -> str:
    """Return the gang of a pod, empty for one without."""
    group = pod["spec"].get("schedulingGroup", {}).get("podGroupName", "")
    said = pod["metadata"].get("labels", {}) | pod["metadata"].get("annotations", {})
    return str(group or next((said[name] for name in NAMES if name in said), ""))


def asks_of(pod: Object) -> dict[str, int]:
    """Return the devices that a pod asks for, by resource."""
    from kubernetes.utils.quantity import parse_quantity  # the plain tests run without it

    asks: dict[str, int] = defaultdict(int)
    for container in pod["spec"]["containers"]:
        for name, amount in container["resources"].get("requests", {}).items():
            if "/" in name:
                asks[name] += int(parse_quantity(amount))
    return dict(asks)


def hami_of(pods: Iterable[Object], key: str = HAMI_DEVICES) -> dict[str, tuple[int, int, int]]:
    """Return by GPU how many containers have it, and their MiB and percent of cores."""
    used: dict[str, tuple[int, int, int]] = {}
    for each in _running(pods):
        text = each["metadata"].get("annotations", {}).get(key, "")
        for device in text.replace(";", "").split(":"):
            if device:
                uuid, _, memory, cores = device.split(",")
                n, mib, percent = used.get(uuid, (0, 0, 0))
                used[uuid] = (n + 1, mib + int(memory), percent + int(cores))
    return used


def gpushare_of(pods: Iterable[Object]) -> dict[tuple[str, int], int]:
    """Return how many GiB of each GPU are given out, by node and index."""
    used: dict[tuple[str, int], int] = defaultdict(int)
    for each in _running(pods):
        said = each["metadata"].get("annotations", {})
        if GPUSHARE_INDEX in said:
            used[node_of(each), int(said[GPUSHARE_INDEX])] += int(said[GPUSHARE_MEMORY])
    return dict(used)


def koordinator_of(pods: Iterable[Object]) -> dict[tuple[str, int], tuple[int, int, int]]:
    """Return by node and minor number how many pods have a GPU, their MiB and percent of compute.

    Each is as koordlet reads it.
    """
    used: dict[tuple[str, int], tuple[int, int, int]] = {}
    for each in _running(pods):
        text = each["metadata"].get("annotations", {}).get(KOORDINATOR_DEVICES, "{}")
        for gpu in json.loads(text).get("gpu", ()):
            has, key = gpu["resources"], (node_of(each), gpu["minor"])
            n, mib, percent = used.get(key, (0, 0, 0))
            core = int(has.get("koordinator.sh/gpu-core", "0"))
            more = int(has["koordinator.sh/gpu-memory"].removesuffix("Mi"))
            used[key] = n + 1, mib + more, percent + core
    return used


def _running(pods: Iterable[Object]) -> Iterator[Object]:
    return (each for each in pods if node_of(each) and phase(each) in ("Pending", "Running"))
