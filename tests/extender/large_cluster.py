"""A large cluster on a stub API server in a process of its own, for benchmarks.

``python -m extender.large_cluster --nodes 10000 --pods 100000`` in ``tests/`` prints its address;
a number of pods on standard input lets so many pods change, and the end of it ends the process.
Pods are as long as real ones of a training job are: most of it is what nobody reads.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator

from .stub_api import Stub, running
from .stub_world import BUDGETS, CLASSES, NODES, PODS, Change, Stored, Thing, World, key_of

TIME = "2026-11-02T08:{:02}:{:02}Z"
GPUS = (4, 2, 1, 1)
"""Of the first pods of each node, 8 in all; the others have none, and ten of them fit."""
PLACE = "@{}@"
"""What is replaced in a template, which is made to JSON once."""


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--pods", type=int, default=100_000)
    parser.add_argument("--token", default="")
    options = parser.parse_args()
    stub = Stub(world_of(options.nodes, options.pods), token=options.token)
    with running(stub):
        print(stub.url, flush=True)
        for line in sys.stdin:
            change(stub.world, int(line))
            print(stub.world.version, flush=True)
    return 0


def world_of(nodes: int, pods: int) -> World:
    """Return a cluster of nodes with 8 GPUs and pods of training jobs on them."""
    world = World()
    world.serve(NODES, PODS, BUDGETS)
    for name, value in (("train", 50), ("inference", 125)):
        world.put(CLASSES, {"metadata": {"name": name, "uid": f"uid-{name}"}, "value": value})
    filled(world, NODES, (node_raw(i, 1000 + i) for i in range(nodes)))
    filled(world, PODS, (pod_raw(i, nodes, 100_000 + i) for i in range(pods)))
    world.version = 100_000 + pods
    return world


def filled(world: World, path: str, things: Iterator[tuple[str, str, bytes]]) -> None:
    """Put objects in that are bytes already, without a log of it."""
    known = world.things[path]
    for space, name, raw in things:
        known[key_of(space, name)] = Stored(raw, True)


def change(world: World, count: int) -> None:
    """Let pods change, each by an event."""
    pods = world.things[PODS]
    for key in random.Random(count).choices(sorted(pods), k=count):
        with world.news:
            world.version += 1
            before = pods[key]
            old = json.loads(before.raw)["metadata"]["resourceVersion"]
            text = before.raw.replace(
                f'"resourceVersion":"{old}"'.encode(),
                f'"resourceVersion":"{world.version}"'.encode(),
            )
            pods[key] = Stored(text, True)
            world.log.append(Change(world.version, PODS, before, pods[key]))
            world.news.notify_all()


def pod_raw(index: int, nodes: int, version: int) -> tuple[str, str, bytes]:
    """Return (namespace, name, JSON) of a pod."""
    rng = random.Random(index)
    job, rank = divmod(index, 8)
    turn, node = divmod(index, max(1, nodes))
    waiting = (index + turn) % 20 == 0 or not nodes
    template = WAITING if waiting else RUNNING
    space, name = f"team-{job % 40}", f"llm-train-{job}-worker-{rank}"
    values = {
        "name": name,
        "space": space,
        "job": f"llm-train-{job}",
        "rank": str(rank),
        "uid": f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{rng.getrandbits(12):03x}"
        f"-a{rng.getrandbits(12):03x}-{rng.getrandbits(48):012x}",
        "owner": f"{job:08x}-0000-4000-a000-{job:012x}",
        "version": str(version),
        "node": f"gpu-node-{node}",
        "gpus": str(GPUS[turn]) if turn < len(GPUS) else "0",
        "time": TIME.format(rng.randrange(60), rng.randrange(60)),
        "ip": f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
    }
    return space, name, filled_in(template, values)


def node_raw(index: int, version: int) -> tuple[str, str, bytes]:
    """Return ("", name, JSON) of a node."""
    name = f"gpu-node-{index}"
    values = {"name": name, "version": str(version), "rack": f"rack-{index // 40}"}
    return "", name, filled_in(NODE, values)


def filled_in(template: str, values: dict[str, str]) -> bytes:
    """Return a template with its places filled."""
    for key, value in values.items():
        template = template.replace(PLACE.format(key), value)
    return template.encode()


def at(key: str) -> str:
    return PLACE.format(key)


def managed(manager: str, *fields: str) -> Thing:
    """Return an entry of ``managedFields``, as long as they are."""
    tree: Thing = {}
    for field in fields:
        place = tree
        for part in field.split("/"):
            place = place.setdefault(f"f:{part}", {})
        place["."] = {}
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-11-02T08:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": tree,
    }


def container() -> Thing:
    amounts = {"cpu": "12", "memory": "96Gi", "nvidia.com/gpu": at("gpus")}
    env = {
        "MASTER_ADDR": "@job@-master-0.@space@.svc.cluster.local",
        "MASTER_PORT": "23456",
        "WORLD_SIZE": "8",
        "RANK": at("rank"),
        "NCCL_DEBUG": "WARN",
        "NCCL_IB_HCA": "mlx5_0,mlx5_1,mlx5_2,mlx5_3",
        "HF_HOME": "/mnt/cache/huggingface",
        "PYTHONUNBUFFERED": "1",
    }
    return {
        "name": "pytorch",
        "image": "registry.example.com/ml/llm-train:2026.11.1-cuda12.8",
        "command": ["torchrun", "--nnodes=8", "--nproc-per-node=@gpus@", "train.py"],
        "args": ["--config=/etc/train/config.yaml", "--resume=latest"],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "resources": {"limits": amounts, "requests": amounts},
        "ports": [{"name": "pytorchjob-port", "containerPort": 23456, "protocol": "TCP"}],
        "volumeMounts": [
            {"name": "data", "mountPath": "/mnt/data"},
            {"name": "shm", "mountPath": "/dev/shm"},
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 30},
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }


def pod_template(waiting: bool) -> str:
    """Return the JSON of a pod with places to fill."""
    labels = {
        "app.kubernetes.io/name": "llm-train",
        "app.kubernetes.io/part-of": "research",
        "kueue.x-k8s.io/queue-name": "gpu",
        "training.kubeflow.org/job-name": at("job"),
        "training.kubeflow.org/operator-name": "pytorchjob-controller",
        "training.kubeflow.org/replica-index": at("rank"),
        "training.kubeflow.org/replica-type": "worker",
        "scheduling.x-k8s.io/pod-group": at("job"),
    }
    metadata = {
        "name": at("name"),
        "namespace": at("space"),
        "uid": at("uid"),
        "resourceVersion": at("version"),
        "creationTimestamp": at("time"),
        "labels": labels,
        "annotations": {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "example.com/owner": "research@example.com",
        },
        "ownerReferences": [
            {
                "apiVersion": "kubeflow.org/v1",
                "kind": "PyTorchJob",
                "name": at("job"),
                "uid": at("owner"),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": [
            managed(
                "training-operator",
                *[f"metadata/labels/{key.replace('/', '~')}" for key in labels],
                "metadata/ownerReferences/k:{uid}",
                *[f"spec/containers/pytorch/{key}" for key in container()],
                "spec/affinity",
                "spec/restartPolicy",
                "spec/tolerations",
                "spec/volumes/data/persistentVolumeClaim/claimName",
            ),
            managed(
                "kubelet", "status/conditions/Ready", "status/containerStatuses", "status/podIP"
            ),
        ],
    }
    spec: Thing = {
        "schedulerName": "bayplan",
        "priority": 50,
        "priorityClassName": "train",
        "preemptionPolicy": "PreemptLowerPriority",
        "restartPolicy": "OnFailure",
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "trainer",
        "terminationGracePeriodSeconds": 30,
        "nodeSelector": {"nvidia.com/gpu.present": "true"},
        "tolerations": [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300},
        ],
        "containers": [container()],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "datasets"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Gi"}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        ],
    }
    told = ("PodScheduled",) if waiting else ("Initialized", "Ready", "PodScheduled")
    status: Thing = {
        "phase": "Pending" if waiting else "Running",
        "qosClass": "Guaranteed",
        "conditions": [
            {
                "type": each,
                "status": "False" if waiting else "True",
                "lastProbeTime": None,
                "lastTransitionTime": at("time"),
            }
            for each in told
        ],
    }
    if not waiting:
        spec["nodeName"] = at("node")
        status |= {
            "startTime": at("time"),
            "hostIP": at("ip"),
            "podIP": at("ip"),
            "containerStatuses": [
                {
                    "name": "pytorch",
                    "ready": True,
                    "restartCount": 0,
                    "image": "registry.example.com/ml/llm-train:2026.11.1-cuda12.8",
                    "imageID": "registry.example.com/ml/llm-train@sha256:" + "0" * 64,
                    "containerID": "containerd://" + "0" * 64,
                    "state": {"running": {"startedAt": at("time")}},
                }
            ],
        }
    return json.dumps({"metadata": metadata, "spec": spec, "status": status}, separators=(",", ":"))


def node_template() -> str:
    """Return the JSON of a node with places to fill."""
    amounts = {
        "cpu": "128",
        "memory": "1056262196Ki",
        "nvidia.com/gpu": "8",
        "pods": "110",
        "ephemeral-storage": "1759333352Ki",
    }
    labels = {
        "kubernetes.io/hostname": at("name"),
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": "zone-a",
        "topology.kubernetes.io/rack": at("rack"),
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.memory": "81559",
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.present": "true",
    }
    labels |= {f"feature.node.kubernetes.io/cpu-cpuid.FLAG{i}": "true" for i in range(40)}
    conditions = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    status = {
        "capacity": amounts,
        "allocatable": amounts,
        "conditions": [
            {
                "type": each,
                "status": "True" if each == "Ready" else "False",
                "lastHeartbeatTime": "2026-11-02T08:05:00Z",
                "lastTransitionTime": "2026-11-02T08:00:00Z",
                "reason": "Kubelet",
                "message": "kubelet is as it should be",
            }
            for each in conditions
        ],
        "nodeInfo": {"kernelVersion": "6.8.0", "kubeletVersion": "v1.37.1"},
        "images": [
            {"names": [f"registry.example.com/ml/image-{i}@sha256:{'0' * 64}"], "sizeBytes": 10**9}
            for i in range(40)
        ],
    }
    thing = {
        "metadata": {
            "name": at("name"),
            "uid": "uid-@name@",
            "resourceVersion": at("version"),
            "creationTimestamp": "2026-11-01T08:00:00Z",
            "labels": labels,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
            "managedFields": [managed("kubelet", *[f"status/{key}" for key in status])],
        },
        "spec": {
            "providerID": "example:///zone-a/@name@",
            "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
        },
        "status": status,
    }
    return json.dumps(thing, separators=(",", ":"))


RUNNING, WAITING, NODE = pod_template(False), pod_template(True), node_template()


if __name__ == "__main__":
    sys.exit(main())
