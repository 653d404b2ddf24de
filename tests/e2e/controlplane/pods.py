"""Pods that ask for GPUs, and what an API server says about pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

RUNS_FOR = "bayplan.test/runs-for"
"""The annotation that says after how long KWOK ends a pod, such as ``2s``; else it runs on."""


def pod(name: str, gpus: int = 0, *, namespace: str = "default", scheduler: str = "",
        runs_for: str = "", resources: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None,
        **spec: Any) -> Object:  # fmt: skip
    """Return a pod of one container.

    Parameters
    ----------
    name, namespace
        Which pod.
    gpus
        How many ``nvidia.com/gpu`` it asks for.
    scheduler
        Who places it; kube-scheduler's default profile where empty.
    runs_for
        After how long it ends; it runs on where empty.
    resources
        What it asks for besides.
    annotations, labels
        The pod's.
    spec
        Further fields of the pod's spec, such as ``priorityClassName``.
    """
    limits = {"cpu": "1", "memory": "1Gi"} | dict(resources or {})
    if gpus:
        limits["nvidia.com/gpu"] = str(gpus)
    container = {"name": "main", "image": "none", "resources": {"limits": limits}}
    said = dict(annotations or {}) | ({RUNS_FOR: runs_for} if runs_for else {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": said,
            "labels": dict(labels or {}),
        },
        "spec": {
            "containers": [container],
            "restartPolicy": "Never",
            **({"schedulerName": scheduler} if scheduler else {}),
            **spec,
        },
    }


def node_of(pod: Object) -> str:
    """Return the node that a pod is bound to, empty where it is not."""
    return str(pod["spec"].get("nodeName", ""))


def phase(pod: Object) -> str:
    """Return a pod's phase: Pending, Running, Succeeded or Failed."""
    return str(pod["status"]["phase"])
