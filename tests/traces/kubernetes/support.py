"""What the tests of dumps share: small objects as Kubernetes writes them, and ways to read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bayplan.traces.kubernetes import Dump, read_dump

Object = dict[str, Any]


def node(name: str = "n1", gpus: int = 0, **changes: Any) -> Object:
    """A node with 8 CPU, 16 GiB and GPUs of the device plugin; changes go to its parts."""
    room: Object = {"cpu": "8", "memory": "16Gi", "pods": "110"}
    if gpus:
        room["nvidia.com/gpu"] = str(gpus)
    room |= changes.pop("room", {})
    labels = {"kubernetes.io/hostname": name} | changes.pop("labels", {})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": changes.pop("annotations", {})},
        "spec": changes.pop("spec", {}),
        "status": {"allocatable": room} | changes,
    }


def pod(name: str = "p", at: str = "", **changes: Any) -> Object:
    """A pod with one container that asks for 1 CPU; running on a node, or pending."""
    requests = {"cpu": "1"} | changes.pop("requests", {})
    spec: Object = {"containers": [{"name": "main", "resources": {"requests": requests}}]}
    spec |= {"nodeName": at} if at else {}
    spec |= changes.pop("spec", {})
    metadata = {
        "name": name,
        "namespace": changes.pop("namespace", "default"),
        "labels": changes.pop("labels", {}),
        "annotations": changes.pop("annotations", {}),
    } | changes.pop("metadata", {})
    status = {"phase": "Running" if at else "Pending"} | changes.pop("status", {})
    assert not changes
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status
    }  # fmt: skip


def gpu_pod(name: str = "p", count: int = 1, at: str = "", **changes: Any) -> Object:
    """A pod with whole GPUs of the device plugin."""
    return pod(name, at, requests={"nvidia.com/gpu": str(count)}, **changes)


def listed(*things: Object) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": list(things)}


def written(folder: Path, *things: Object) -> Path:
    path = folder / "dump.json"
    path.write_text(json.dumps(listed(*things)))
    return path


def read(folder: Path, *things: Object) -> Dump:
    """The dump of some objects."""
    return read_dump([written(folder, *things)])


def told(dump: Dump) -> list[str]:
    """The problems of a dump, as they are printed."""
    return [str(problem) for problem in dump.problems]
