"""Objects of the Kubernetes API, as it writes them, for tests of the extender."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from bayplan.extender.health.entries import QUARANTINED, Entry, write_entries

Object = dict[str, Any]

_uids = itertools.count(1)


def node(name: str, gpus: int = 8, **more: Any) -> Object:
    """Return a Node with ``gpus`` whole GPUs, as the device plugin and GFD show them."""
    amounts = {"cpu": "96", "memory": "768Gi", "pods": "110"}
    if gpus:
        amounts["nvidia.com/gpu"] = str(gpus)
    amounts |= more.get("amounts", {})
    labels = {"kubernetes.io/hostname": name}
    if gpus:
        labels |= {
            "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
            "nvidia.com/gpu.count": str(gpus),
            "nvidia.com/gpu.memory": "81920",
        }
    return {
        "metadata": {
            "name": name,
            "uid": f"node-{name}",
            "labels": labels | more.get("labels", {}),
            "annotations": more.get("annotations", {}),
        },
        "spec": {"unschedulable": True} if more.get("cordoned") else {},
        "status": {
            "allocatable": amounts,
            "capacity": amounts,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def hami_node(name: str, gpus: int = 2, split: int = 10) -> Object:
    """Return a Node whose GPUs HAMi's device plugin has registered."""
    register = "".join(
        f"GPU-{name}-{k},{split},81920,100,NVIDIA-NVIDIA A100,0,true,{k},hami-core:"
        for k in range(gpus)
    )
    return node(
        name,
        gpus * split,
        annotations={"hami.io/node-nvidia-register": register},
    )


def volcano_node(name: str, gpus: int = 2, split: int = 10, mode: str = "hami-core") -> Object:
    """Return a Node whose GPUs Volcano's vGPU device plugin has registered."""
    register = "".join(
        f"GPU-{name}-{k},{split},81920,NVIDIA-NVIDIA A100,true,{mode}:" for k in range(gpus)
    )
    amounts = {
        "volcano.sh/vgpu-number": str(gpus * split),
        "volcano.sh/vgpu-memory": str(gpus * 81920),
        "volcano.sh/vgpu-cores": str(gpus * 100),
    }
    said = {"volcano.sh/node-vgpu-register": register}
    return node(name, 0, amounts=amounts, annotations=said)


def koordinator_node(name: str, gpus: int = 2) -> Object:
    """Return a Node of Koordinator, whose amounts are the sum of its GPUs of 80 GiB."""
    amounts = {
        "koordinator.sh/gpu": str(gpus * 100),
        "koordinator.sh/gpu-core": str(gpus * 100),
        "koordinator.sh/gpu-memory": f"{gpus * 80}Gi",
        "koordinator.sh/gpu-memory-ratio": str(gpus * 100),
    }
    labels = {"node.koordinator.sh/gpu-model": "NVIDIA-A100-SXM4-80GB"}
    return node(name, 0, amounts=amounts, labels=labels)


def device(
    name: str, *minors: int, sick: Iterable[int] = (), labels: Mapping[str, str] | None = None
) -> Object:
    """Return the Device of a node, with GPUs by minor number, and labels of the GPUs."""
    resources = {
        "koordinator.sh/gpu-core": "100",
        "koordinator.sh/gpu-memory": "80Gi",
        "koordinator.sh/gpu-memory-ratio": "100",
    }
    said = {"node.koordinator.sh/gpu-model": "NVIDIA-A100-SXM4-80GB"}
    return {
        "apiVersion": "scheduling.koordinator.sh/v1alpha1",
        "kind": "Device",
        "metadata": {
            "name": name,
            "labels": said | {f"node.koordinator.sh/gpu-{k}": v for k, v in (labels or {}).items()},
        },
        "spec": {
            "devices": [
                {
                    "type": "gpu",
                    "id": f"GPU-{name}-{minor}",
                    "minor": minor,
                    "health": minor not in set(sick),
                    "resources": resources,
                }
                for minor in minors
            ]
        },
    }


def pod(name: str, gpus: int = 1, *, at: str = "", **more: Any) -> Object:
    """Return a Pod that asks for whole GPUs, or for ``more["asks"]``."""
    asks = {"cpu": "1", "memory": "1Gi"} | more.get("asks", {"nvidia.com/gpu": str(gpus)})
    spec: Object = {
        "schedulerName": "bayplan",
        "containers": [{"name": "main", "resources": {"requests": asks, "limits": asks}}],
    }
    if at:
        spec["nodeName"] = at
    spec |= more.get("spec", {})
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": more.get("uid") or f"uid-{next(_uids)}",
            "labels": more.get("labels", {}),
            "annotations": more.get("annotations", {}),
        },
        "spec": spec,
        "status": {"phase": more.get("phase", "Running" if at else "Pending")},
    }


def gang_pod(name: str, group: str, gpus: int = 1, **more: Any) -> Object:
    """Return a Pod of a PodGroup of scheduler-plugins."""
    labels = {"scheduling.x-k8s.io/pod-group": group} | more.pop("labels", {})
    return pod(name, gpus, labels=labels, **more)


def pod_group(name: str, least: int) -> Object:
    """Return a PodGroup of scheduler-plugins."""
    return {
        "kind": "PodGroup",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"minMember": least},
    }


def bound(thing: Object, at: str) -> Object:
    """Return a Pod as it is once it has been bound."""
    return {**thing, "spec": {**thing["spec"], "nodeName": at}}


def listed(owner: Any, kind: str, things: Iterable[Object], *now_s: float) -> None:
    """Let an owner (at a time) or a service (now) see a whole list, in two pages."""
    every = list(things)
    owner.replacing(kind)
    owner.page(kind, every[: len(every) // 2], *now_s)
    owner.page(kind, every[len(every) // 2 :], *now_s)
    owner.replaced(kind, *now_s)


def sick(thing: Object, *gpus: int, code: str = "xid-79", **more: Any) -> Object:
    """Return a node some of whose GPUs are quarantined."""
    name = thing["metadata"]["name"]
    entries = [Entry(f"GPU-{name}-{k}", k, code, "2026-11-28T21:00:00Z", **more) for k in gpus]
    said = {**thing["metadata"]["annotations"], QUARANTINED: write_entries(entries) or ""}
    return {**thing, "metadata": {**thing["metadata"], "annotations": said}}
