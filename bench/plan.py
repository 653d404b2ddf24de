"""How long does ``bayplan plan`` take on a dump of 1,000 nodes and 10,000 pods?

The dump is made from a seed. Nodes have 8 GPUs of three models as the device plugin and GPU feature
discovery show them, and a taint; of twenty nodes one is cut into MIG instances (strategy mixed) and
one is HAMi's. Pods are of some forty templates with what Kubernetes writes into a pod (tolerations,
volumes, conditions), some with node affinity, some kept apart from their like; disruption budgets
protect a part. Most are bound; the last ones wait, more than fit, some of them in gangs. The whole
process is timed, by the clock and by CPU, with kernels and bytecode compiled before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
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
SPLIT = 10
GPU, VGPU, VGPU_MIB = "nvidia.com/gpu", "vgpu", 8_000
KINDS = {
    "plain": {GPU: GPUS},
    "mig": {"nvidia.com/mig-1g.10gb": 7 * GPUS},
    "hami": {VGPU: SPLIT * GPUS},
}
"""What nodes have of GPUs, by kind."""

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
        # As an installed command runs: compiled once, the first run does not count.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        seconds, cpu = [], []
        for _ in range(options.runs + 1):
            start, used = time.perf_counter(), cpu_s()
            done = subprocess.run(command, capture_output=True, check=False, env=environment)
            seconds.append(time.perf_counter() - start)
            cpu.append(cpu_s() - used)
            if done.returncode not in (0, 1):
                print(done.stderr.decode(), file=sys.stderr)
                return 1
        del seconds[0], cpu[0]
        report = json.loads(done.stdout)
        figures = {
            "nodes": options.nodes,
            "pods": options.pods,
            "preempt": options.preempt,
            "mib": round(path.stat().st_size / 2**20, 1),
            "placed": len(report["placed"]),
            "waiting": len(report["waiting"]),
            "evicted": len(report["evicted"]),
            "problems": len(report["problems"]),
            "median_s": round(median(seconds), 2),
            "worst_s": round(max(seconds), 2),
            "median_cpu_s": round(median(cpu), 2),
        }
    print("  ".join(f"{key} {value}" for key, value in figures.items()))
    print(f"results: {write_result('plan', figures)}")
    return 0


def cpu_s() -> float:
    """Return the CPU seconds of all child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Template:
    """What a kind of pods asks for: ``what`` is a resource of GPUs, ``n`` of it."""

    cpu: int
    mib: int
    what: str = ""
    n: int = 0
    zones: tuple[str, ...] = ()
    apart: bool = False


def dump(n_nodes: int, n_pods: int, seed: int) -> Object:
    """Return a dump of a cluster, the same for the same seed."""
    rng = np.random.default_rng(seed)
    nodes = [node(i, *MODELS[int(rng.integers(len(MODELS)))]) for i in range(n_nodes)]
    templates = [template(rng, i) for i in range(TEMPLATES)]
    free = [{"cpu": 96_000, "mib": 1_000_000, "": 0} | room(i) for i in range(n_nodes)]
    pods, start = [], 0
    pending = min(n_pods, PENDING * n_pods // PODS)
    for i in range(n_pods):
        number = int(rng.integers(TEMPLATES))
        spec = templates[number]
        at, gpu = "", 0
        if i < n_pods - pending:
            for step in range(n_nodes):
                row = (start + step) % n_nodes
                left = free[row]
                if (
                    left["cpu"] >= spec.cpu
                    and left["mib"] >= spec.mib
                    and (left.get(spec.what, 0) >= spec.n)
                ):
                    gpu = left.get(spec.what, 0) - 1
                    left["cpu"], left["mib"] = left["cpu"] - spec.cpu, left["mib"] - spec.mib
                    left[spec.what] = left.get(spec.what, 0) - spec.n
                    at, start = f"node-{row:05}", row + 1
                    break
        elif i % 4 == 0:
            spec = Template(8_000, 65_536, GPU, GPUS)  # more of them than fit
        gang = f"gang-{i // 8}" if not at and i % 32 < 8 else ""
        pods.append(pod(i, number, spec, at, gang, gpu // SPLIT, int(rng.integers(4)) * 100))
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [*nodes, *pods, *[budget(team, app) for team in range(12) for app in (0, 1, 2)]],
    }


def kind_of(i: int) -> str:
    """Return what kind of node the i-th is."""
    return {0: "mig", 1: "hami"}.get(i % 20, "plain")


def room(i: int) -> dict[str, int]:
    """Return what a node has of GPUs."""
    return KINDS[kind_of(i)]


def template(rng: np.random.Generator, i: int) -> Template:
    """Return a kind of pods."""
    cpu, mib = int(rng.integers(1, 17)) * 500, int(rng.integers(1, 33)) * 1024
    if i == 0:
        return Template(cpu, mib, "nvidia.com/mig-1g.10gb", 1)
    if i == 1:
        return Template(cpu, mib, VGPU, 1)
    gpus = int(rng.choice([0, 0, 0, 1, 1, 1, 2]))
    zones = ("zone-0", "zone-1") if i % 8 == 2 else ()
    return Template(cpu, mib, GPU if gpus else "", gpus, zones, i % 16 == 3)


def node(i: int, product: str, mib: int) -> Object:
    """Return a node as the device plugin, GPU feature discovery and HAMi show it."""
    kind = kind_of(i)
    labels = {f"feature.node.kubernetes.io/cpu-{j}": "true" for j in range(30)}
    labels |= {
        "kubernetes.io/hostname": f"node-{i:05}",
        "topology.kubernetes.io/zone": f"zone-{i % 3}",
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.memory": str(mib),
        "nvidia.com/gpu.count": str(GPUS),
        "nvidia.com/mig.strategy": "mixed",
    }
    devices = {GPU if name == VGPU else name: str(n) for name, n in room(i).items()}
    amounts = {"cpu": "96", "memory": "1056784672Ki", "pods": "110", **devices}
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": NEWEST}
    register = "".join(
        f"GPU-{i}-{gpu},{SPLIT},81920,100,NVIDIA-{product},0,true,{gpu},hami-core:"
        for gpu in range(GPUS)
    )
    annotations = {"hami.io/node-nvidia-register": register} if kind == "hami" else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"node-{i:05}",
            "labels": labels,
            "annotations": annotations,
            "creationTimestamp": NEWEST,
        },
        "spec": {"taints": [{"key": GPU, "effect": "NoSchedule", "value": "present"}]},
        "status": {
            "allocatable": amounts,
            "capacity": amounts,
            "conditions": [ready],
            "images": [
                {"names": [f"registry.example/image-{j}"], "sizeBytes": j} for j in range(40)
            ],
        },
    }


def pod(i: int, number: int, spec: Template, at: str, gang: str, gpu: int, priority: int) -> Object:
    """Return a pod as Kubernetes writes it."""
    amounts = {"cpu": f"{spec.cpu}m", "memory": f"{spec.mib}Mi"}
    given = {}
    if spec.what == VGPU:
        amounts |= {GPU: "1", "nvidia.com/gpumem": str(VGPU_MIB)}
        if at:
            used = f"GPU-{int(at[5:])}-{gpu},NVIDIA,{VGPU_MIB},0:;"
            given = {"hami.io/vgpu-devices-allocated": used}
    elif spec.what:
        amounts |= {spec.what: str(spec.n)}
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    ]
    tolerations.append({"key": GPU, "operator": "Exists"})
    mounts = [{"name": f"volume-{j}", "mountPath": f"/data/{j}"} for j in range(4)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{i:06}",
            "namespace": f"team-{i // 8 % 12}",
            "uid": f"00000000-0000-0000-0000-{i:012}",
            "labels": {
                "app": f"app-{number}",
                "pod-template-hash": f"{number:08}",
                **({"scheduling.x-k8s.io/pod-group": gang} if gang else {}),
            },
            "annotations": given,
            "creationTimestamp": f"2026-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z",
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
            "affinity": affinity(number, spec),
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


def affinity(number: int, spec: Template) -> Object:
    """Return where pods of a template may go."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    found: Object = {}
    if spec.zones:
        zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": list(spec.zones)}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}
        found["nodeAffinity"] = {required: terms}
    if spec.apart:
        selector = {"matchLabels": {"app": f"app-{number}"}}
        term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
        found["podAntiAffinity"] = {required: [term]}
    return found


def budget(team: int, app: int) -> Object:
    """Return a disruption budget that protects one app of a team."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"app-{app}", "namespace": f"team-{team}"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": f"app-{app}"}}},
        "status": {"disruptionsAllowed": 1},
    }


if __name__ == "__main__":
    sys.exit(main())
