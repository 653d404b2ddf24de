"""How long does ``bayplan plan`` take on a dump of 1,000 nodes and 10,000 pods?

The dump is made from a seed: nodes with 8 GPUs of three models as the device plugin and GPU
feature discovery show them, pods of some forty templates with what Kubernetes writes into a pod
(tolerations, volumes, conditions), most bound, the last ones pending, some of those in gangs. The
whole process is timed, with kernels compiled before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bayplan.scheduler.compiled import warm
from measure import write_result

NODES, PODS, PENDING, RUNS = 1_000, 10_000, 1_000, 5
MODELS = (
    ("NVIDIA-A100-SXM4-80GB", 81_920),
    ("NVIDIA-H100-80GB-HBM3", 81_559),
    ("NVIDIA-L4", 23_034),
)
GPUS = 8
TEMPLATES = 40
NEWEST = "2026-01-02T00:00:00Z"

Object = dict[str, Any]


def main() -> int:
    """Measure, print and write bench/results/plan.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--preempt", default="never")
    parser.add_argument("--keep", type=Path, help="write the dump here and leave it")
    options = parser.parse_args()
    warm()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "dump.json"
        path.write_text(json.dumps(dump(options.nodes, options.pods, 42), indent=4))
        command = [sys.executable, "-c", "from bayplan.cli import main; main()", "plan"]
        command += ["--dump", str(path), "--preempt", options.preempt, "--json", "-"]
        seconds = []
        for _ in range(options.runs):
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=False)
            seconds.append(time.perf_counter() - start)
            if done.returncode not in (0, 1):
                print(done.stderr.decode(), file=sys.stderr)
                return 1
        report = json.loads(done.stdout)
        figures = {
            "nodes": options.nodes,
            "pods": options.pods,
            "preempt": options.preempt,
            "mib": round(path.stat().st_size / 2**20, 1),
            "placed": len(report["placed"]),
            "waiting": len(report["waiting"]),
            "problems": len(report["problems"]),
            "median_s": round(median(seconds), 2),
            "worst_s": round(max(seconds), 2),
        }
    print("  ".join(f"{key} {value}" for key, value in figures.items()))
    print(f"results: {write_result('plan', figures)}")
    return 0


def dump(n_nodes: int, n_pods: int, seed: int) -> Object:
    """Return a dump of a cluster, the same for the same seed."""
    rng = np.random.default_rng(seed)
    nodes = [node(i, *MODELS[int(rng.integers(len(MODELS)))]) for i in range(n_nodes)]
    templates = [template(rng) for _ in range(TEMPLATES)]
    free = [[96_000, 1_000_000, GPUS] for _ in range(n_nodes)]
    pods, start = [], 0
    pending = min(n_pods, PENDING * n_pods // PODS)
    for i in range(n_pods):
        spec = templates[int(rng.integers(TEMPLATES))]
        cpu, mib, gpus = spec
        at = ""
        if i < n_pods - pending:
            for step in range(n_nodes):
                row = (start + step) % n_nodes
                room = free[row]
                if room[0] >= cpu and room[1] >= mib and room[2] >= gpus:
                    room[0], room[1], room[2] = room[0] - cpu, room[1] - mib, room[2] - gpus
                    at, start = f"node-{row:05}", row + 1
                    break
        gang = f"gang-{i // 8}" if not at and i % 32 < 8 else ""
        pods.append(pod(i, spec, at, gang, int(rng.integers(4)) * 100))
    return {"apiVersion": "v1", "kind": "List", "items": nodes + pods}


def template(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return (millicores, MiB, GPUs) of a kind of pods."""
    gpus = int(rng.choice([0, 0, 0, 1, 1, 1, 2]))
    return int(rng.integers(1, 17)) * 500, int(rng.integers(1, 33)) * 1024, gpus


def node(i: int, product: str, mib: int) -> Object:
    """Return a node as the device plugin and GPU feature discovery show it."""
    labels = {f"feature.node.kubernetes.io/cpu-{j}": "true" for j in range(30)}
    labels |= {
        "kubernetes.io/hostname": f"node-{i:05}",
        "topology.kubernetes.io/zone": f"zone-{i % 3}",
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.memory": str(mib),
        "nvidia.com/gpu.count": str(GPUS),
        "nvidia.com/mig.strategy": "single",
    }
    room = {"cpu": "96", "memory": "1056784672Ki", "pods": "110", "nvidia.com/gpu": str(GPUS)}
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": NEWEST}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{i:05}", "labels": labels, "creationTimestamp": NEWEST},
        "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}]},
        "status": {
            "allocatable": room,
            "capacity": room,
            "conditions": [ready],
            "images": [
                {"names": [f"registry.example/image-{j}"], "sizeBytes": j} for j in range(40)
            ],
        },
    }


def pod(i: int, spec: tuple[int, int, int], at: str, gang: str, priority: int) -> Object:
    """Return a pod as Kubernetes writes it."""
    cpu, mib, gpus = spec
    amounts = {"cpu": f"{cpu}m", "memory": f"{mib}Mi"}
    amounts |= {"nvidia.com/gpu": str(gpus)} if gpus else {}
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    ]
    tolerations.append({"key": "nvidia.com/gpu", "operator": "Exists"})
    mounts = [{"name": f"volume-{j}", "mountPath": f"/data/{j}"} for j in range(4)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{i:06}",
            "namespace": f"team-{i // 8 % 12}",
            "uid": f"00000000-0000-0000-0000-{i:012}",
            "labels": {
                "app": f"app-{i % 40}",
                "pod-template-hash": f"{i % 40:08}",
                **({"scheduling.x-k8s.io/pod-group": gang} if gang else {}),
            },
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "registry.example/train:1",
                    "resources": {"requests": amounts, "limits": amounts},
                    "env": [{"name": f"NAME_{j}", "value": f"value {j}"} for j in range(12)],
                    "volumeMounts": mounts,
                }
            ],
            "tolerations": tolerations,
            "priority": priority,
            "volumes": [{"name": m["name"], "emptyDir": {}} for m in mounts],
            **({"nodeName": at} if at else {}),
        },
        "status": {
            "phase": "Running" if at else "Pending",
            "conditions": [
                {"type": each, "status": "True", "lastTransitionTime": "2026-01-01T00:01:00Z"}
                for each in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            **({"startTime": "2026-01-01T00:01:00Z"} if at else {}),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
