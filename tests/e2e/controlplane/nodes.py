"""Nodes as an API server has them where a device plugin or Koordinator runs on them.

Labels are those of GPU feature discovery (``internal/lm`` of k8s-device-plugin 0.20): sizes in MiB,
``replicas`` 1 without sharing, ``-SHARED`` behind a product that is shared under its own name.
Allocatable is what the device plugin registers with the kubelet, whose part KWOK plays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bayplan.scheduler.hardware import MigProfile, Product, product_named, profile_named

Object = dict[str, Any]

H100 = "NVIDIA-H100-80GB-HBM3"
GPU, GPU_SHARED, MIG = "nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-"
COMPUTE = {"Ampere": (8, 0), "Hopper": (9, 0), "Blackwell": (10, 0)}
"""CUDA compute capabilities of the data centre GPUs, by architecture."""


def plain(name: str, product: str = H100, count: int = 8, **labels: str) -> Object:
    """Return a node of whole GPUs. Each label adds to those there, as ``zone="a"`` does."""
    return _node(name, {GPU: count}, _gpus(product, count) | labels)


def mig_single(name: str, profile: str, each: int, product: str = H100, gpus: int = 8) -> Object:
    """Return a node whose GPUs have so many equal MIG instances each, advertised as GPUs."""
    count = each * gpus
    instance = _mig_labels("nvidia.com/gpu", product_named(product), product, profile, count)
    labels = _gpus(product, gpus) | instance
    return _node(name, {GPU: count}, labels | {"nvidia.com/mig.strategy": "single"})


def mig_mixed(name: str, instances: Mapping[str, int], product: str = H100,
              gpus: int = 8, whole: int = 0) -> Object:  # fmt: skip
    """Return a node with so many MIG instances by profile, and some GPUs without MIG."""
    resources, labels = {GPU: whole}, _gpus(product, gpus)
    for profile, count in instances.items():
        resource = MIG + profile.replace("+", ".")
        resources[resource] = count
        labels |= _mig_labels(resource, product_named(product), product, profile, count)
    return _node(name, resources, labels | {"nvidia.com/mig.strategy": "mixed"})


def time_sliced(name: str, replicas: int, product: str = H100, gpus: int = 8, *,
                renamed: bool = False) -> Object:  # fmt: skip
    """Return a node whose GPUs are each advertised so often, also as ``nvidia.com/gpu.shared``."""
    labels = _gpus(product, gpus) | {"nvidia.com/gpu.replicas": str(replicas)}
    labels["nvidia.com/gpu.sharing-strategy"] = "time-slicing"
    if renamed:
        return _node(name, {GPU: 0, GPU_SHARED: gpus * replicas}, labels)
    labels["nvidia.com/gpu.product"] += "-SHARED"
    return _node(name, {GPU: gpus * replicas}, labels)


def mps(name: str, replicas: int, product: str = H100, gpus: int = 8) -> Object:
    """Return a node whose GPUs are each shared by so many clients of MPS."""
    node = time_sliced(name, replicas, product, gpus)
    node["metadata"]["labels"] |= {
        "nvidia.com/gpu.sharing-strategy": "mps",
        "nvidia.com/mps.capable": "true",
    }
    return node


def hami(name: str, split: int = 10, product: str = H100, gpus: int = 8) -> Object:
    """Return a node of HAMi's device plugin: its register is an annotation, by GPU."""
    memory_mib = product_named(product).memory_mib
    register = [
        {
            "id": uuid(name, index),
            "index": index,
            "count": split,
            "devmem": memory_mib,
            "devcore": 100,
            "type": product.replace("-", " "),
            "mode": "hami-core",
            "health": True,
        }
        for index in range(gpus)
    ]
    node = _node(name, {GPU: gpus * split}, {"gpu": "on"})
    node["metadata"]["annotations"] = {
        "hami.io/node-handshake": "Reported_2026-01-01 00:00:00",
        "hami.io/node-nvidia-register": json.dumps(register, separators=(",", ":")),
    }
    return node


def gpushare(name: str, product: str = H100, gpus: int = 8) -> Object:
    """Return a node of the gpushare device plugin, which counts memory in GiB."""
    memory_gib = product_named(product).memory_mib // 1024
    resources = {"aliyun.com/gpu-count": gpus, "aliyun.com/gpu-mem": gpus * memory_gib}
    return _node(name, resources, {"gpushare": "true"})


def volcano(name: str, split: int = 10, product: str = H100, gpus: int = 8) -> Object:
    """Return a node of Volcano's vGPU device plugin, whose register is an annotation, too."""
    memory_mib = product_named(product).memory_mib
    model = f"NVIDIA-{product.replace('-', ' ')}"
    register = "".join(
        f"{uuid(name, index)},{split},{memory_mib},{model},true,hami-core:" for index in range(gpus)
    )
    resources = {
        "volcano.sh/vgpu-number": gpus * split,
        "volcano.sh/vgpu-memory": gpus * memory_mib,
        "volcano.sh/vgpu-cores": gpus * 100,
    }
    node = _node(name, resources, {})
    node["metadata"]["annotations"] = {"volcano.sh/node-vgpu-register": register}
    return node


def koordinator(name: str, product: str = H100, gpus: int = 8) -> Object:
    """Return a node of Koordinator; which GPUs it has stands in its Device."""
    resources = {
        "koordinator.sh/gpu": gpus * 100,
        "koordinator.sh/gpu-core": gpus * 100,
        "koordinator.sh/gpu-memory": gpus * product_named(product).memory_mib << 20,
        "koordinator.sh/gpu-memory-ratio": gpus * 100,
    }
    return _node(name, resources, {"node.koordinator.sh/gpu-model": product})


def device(name: str, product: str = H100, gpus: int = 8) -> Object:
    """Return the Device of a node of Koordinator, whose minor numbers begin at 1."""
    memory = f"{product_named(product).memory_mib}Mi"
    amounts = {"gpu-core": "100", "gpu-memory": memory, "gpu-memory-ratio": "100"}
    return {
        "apiVersion": "scheduling.koordinator.sh/v1alpha1",
        "kind": "Device",
        "metadata": {"name": name, "labels": {"node.koordinator.sh/gpu-model": product}},
        "spec": {
            "devices": [
                {
                    "type": "gpu",
                    "id": uuid(name, index),
                    "minor": index + 1,
                    "health": True,
                    "resources": {f"koordinator.sh/{k}": text for k, text in amounts.items()},
                }
                for index in range(gpus)
            ]
        },
    }


def uuid(node: str, index: int) -> str:
    """Return the name that NVML would give a GPU of ours."""
    digits = f"{node.encode().hex():0>12}"[-12:]
    return f"GPU-00000000-0000-0000-{index:04x}-{digits}"


def _gpus(product: str, count: int) -> dict[str, str]:
    known = product_named(product)
    major, minor = COMPUTE[known.architecture]
    said = {
        "gpu.present": "true",
        "gpu.product": product,
        "gpu.family": known.architecture.lower(),
        "gpu.count": count,
        "gpu.memory": known.memory_mib,
        "gpu.replicas": 1,
        "gpu.sharing-strategy": "none",
        "gpu.compute.major": major,
        "gpu.compute.minor": minor,
        "mig.capable": str(bool(known.profiles)).lower(),
        "mig.strategy": "none",
        "mps.capable": "false",
    }
    return {f"nvidia.com/{key}": str(value) for key, value in said.items()}


def _mig_labels(
    resource: str, known: Product, product: str, profile: str, count: int
) -> dict[str, str]:
    found: MigProfile = profile_named(known, profile)
    said = {
        "product": f"{product}-MIG-{profile.replace('+', '.')}",
        "count": count,
        "memory": found.memory_mib,
        "replicas": 1,
        "slices.gi": found.compute_slices,
        "slices.ci": found.compute_slices,
        "multiprocessors": found.sm_count,
        "engines.copy": found.copy_engines,
        "engines.decoder": found.nvdec,
    }
    return {f"{resource}.{key}": str(value) for key, value in said.items() if value is not None}


def _node(name: str, resources: Mapping[str, int], labels: Mapping[str, str]) -> Object:
    room = {"cpu": "192", "memory": "2Ti", "ephemeral-storage": "1Ti", "pods": "250"}
    amounts = room | {resource: str(count) for resource, count in resources.items()}
    own = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "feature.node.kubernetes.io/pci-10de.present": "true",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": own | dict(labels)},
        "status": {"capacity": dict(amounts), "allocatable": dict(amounts)},
    }
