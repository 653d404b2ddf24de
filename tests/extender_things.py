"""Objects of the Kubernetes API, as it writes them, for tests of the extender."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
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
