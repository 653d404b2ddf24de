"""Objects of dynamic resource allocation, as NVIDIA's driver and users write them.

Devices are those of ``dra-driver-nvidia-gpu`` 0.4 (``cmd/gpu-kubelet-plugin``: ``deviceinfo.go``,
``mig.go``, ``partitions.go``, ``consumable_shares.go``): names, attributes, capacities, one set of
counters a GPU with a counter for each memory slice, devices sorted by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayplan.scheduler.hardware import MigProfile, Product, product_named

Object = dict[str, Any]

DRIVER = "gpu.nvidia.com"
A100 = "NVIDIA-A100-SXM4-40GB"
H100 = "NVIDIA-H100-80GB-HBM3"
GPU_CLASS, MIG_CLASS = "gpu.nvidia.com", "mig.nvidia.com"
MIB = 1 << 20


def device_classes(extended: str = "") -> list[Object]:
    """Return the classes of the driver's chart; ``extended`` is the resource for whole GPUs."""
    found = []
    for name, kind in ((GPU_CLASS, "gpu"), (MIG_CLASS, "mig")):
        cel = f"device.driver == '{DRIVER}' && device.attributes['{DRIVER}'].type == '{kind}'"
        spec: Object = {"selectors": [{"cel": {"expression": cel}}]}
        if extended and kind == "gpu":
            spec["extendedResourceName"] = extended
        found.append(_object("DeviceClass", name, spec, space=""))
    return found


def whole_gpus(
    node: str,
    gpus: int = 8,
    product: str = H100,
    *,
    shares: Mapping[str, Object] | None = None,
    taints: Mapping[int, Object] | None = None,
) -> list[Object]:
    """Return the slice of a node whose GPUs are given out whole, or by ``shares`` of capacity."""
    known, devices = product_named(product), []
    for k in range(gpus):
        device = _gpu(node, known, k)
        device["capacity"] = {"memory": {"value": str(known.memory_mib * MIB)}}
        if shares is not None:
            device["allowMultipleAllocations"] = True
            device["capacity"] = {name: dict(each) for name, each in shares.items()}
        if taints and k in taints:
            device["taints"] = [taints[k]]
        devices.append(device)
    return [_slice(node, "gpus", 1, devices=devices)]


def partitionable(
    node: str, gpus: int = 1, product: str = A100, *, split: bool = True
) -> list[Object]:
    """Return the slices of a node whose GPUs can be split by MIG as pods come (DynamicMIG).

    ``split``: counters in a slice of their own, as from Kubernetes 1.35 on.
    """
    known, counters, slices = product_named(product), [], []
    for k in range(gpus):
        whole = _counters(known, known.memory_mib, known.sm_count or 0, range(known.units))
        mine = {"name": f"gpu-{k}-counter-set", "counters": whole}
        counters.append(mine)
        full = _gpu(node, known, k) | {
            "capacity": {"memory": {"value": str(known.memory_mib * MIB)}},
            "consumesCounters": [{"counterSet": mine["name"], "counters": whole}],
        }
        parts = [_part(node, known, k, profile, start)
                 for profile in known.profiles for start in profile.starts]  # fmt: skip
        devices = sorted([full, *parts], key=lambda each: str(each["name"]))
        more = {} if split else {"sharedCounters": [mine]}
        slices.append((f"gpu-{k}", {"devices": devices} | more))
    if split:
        slices.insert(0, ("counters", {"sharedCounters": counters}))
    return [_slice(node, name, len(slices), **spec) for name, spec in slices]


def static_mig(
    node: str, layouts: Sequence[Mapping[str, Sequence[int]]], product: str = A100
) -> list[Object]:
    """Return the slice of a node with fixed instances: by GPU, profiles with their starts."""
    known, devices = product_named(product), []
    for k, layout in enumerate(layouts):
        for profile in known.profiles:
            for start in layout.get(profile.name, ()):
                device = _part(node, known, k, profile, start)
                del device["consumesCounters"]
                devices.append(device)
    return [_slice(node, "gpus", 1, devices=devices)]


def request(
    name: str = "gpu", class_: str = GPU_CLASS, count: int = 1, *cel: str, **more: Any
) -> Object:
    """Return a request of a claim, with selectors."""
    exactly = {"deviceClassName": class_, "allocationMode": "ExactCount", "count": count}
    selectors = [{"cel": {"expression": each}} for each in cel]
    return {"name": name, "exactly": exactly | ({"selectors": selectors} if cel else {}) | more}


def mig(profile: str, count: int = 1, name: str = "mig") -> Object:
    """Return a request for MIG devices of a profile."""
    return request(name, MIG_CLASS, count, f"device.attributes['{DRIVER}'].profile == '{profile}'")


def claim(name: str, *requests: Object, constraints: Iterable[Object] = ()) -> Object:
    """Return a ResourceClaim."""
    return _object("ResourceClaim", name, _devices(requests, constraints))


def template(name: str, *requests: Object, constraints: Iterable[Object] = ()) -> Object:
    """Return a ResourceClaimTemplate."""
    return _object("ResourceClaimTemplate", name, {"spec": _devices(requests, constraints)})


def allocated(thing: Object, node: str, *devices: str, consumed: Object | None = None) -> Object:
    """Return a claim that has devices of a node."""
    share = {"shareID": "share", "consumedCapacity": consumed} if consumed is not None else {}
    results = [
        {"request": "gpu", "driver": DRIVER, "pool": node, "device": device, **share}
        for device in devices
    ]
    own = {"key": "metadata.name", "operator": "In", "values": [node]}
    allocation = {
        "devices": {"results": results},
        "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [own]}]},
    }
    return {**thing, "status": {"allocation": allocation}}


def claiming(thing: Object, *names: str, templates: Sequence[str] = ()) -> Object:
    """Return a pod with claims by name, and by template."""
    claims = [{"name": name, "resourceClaimName": name} for name in names]
    claims += [{"name": name, "resourceClaimTemplateName": name} for name in templates]
    return {**thing, "spec": {**thing["spec"], "resourceClaims": claims}}


def _devices(requests: Iterable[Object], constraints: Iterable[Object]) -> Object:
    found: Object = {"requests": list(requests)}
    if rules := list(constraints):
        found["constraints"] = rules
    return {"devices": found}


def _gpu(node: str, known: Product, k: int) -> Object:
    return {"name": f"gpu-{k}", "attributes": _attributes(known, "gpu", uuid=f"GPU-{node}-{k}")}


def _part(node: str, known: Product, k: int, profile: MigProfile, start: int) -> Object:
    name = profile.name.replace(".", "").replace("+", "-")
    slices = range(start, start + profile.size)
    counters = _counters(known, profile.memory_mib, profile.sm_count or 0, slices)
    return {
        "name": f"gpu-{k}-mig-{name}-{profile.profile_id}-{start}",
        "attributes": _attributes(known, "mig", profile=profile.name, parentUUID=f"GPU-{node}-{k}"),
        "capacity": {"memory": {"value": str(profile.memory_mib * MIB)}},
        "consumesCounters": [{"counterSet": f"gpu-{k}-counter-set", "counters": counters}],
    }


def _attributes(known: Product, kind: str, **texts: str) -> Object:
    found: Object = {"type": {"string": kind}, "productName": {"string": known.name}}
    found |= {"architecture": {"string": known.architecture}, "brand": {"string": "Nvidia"}}
    found |= {"driverVersion": {"version": "570.86.15"}}
    return found | {name: {"string": text} for name, text in texts.items()}


def _counters(known: Product, memory_mib: int, sm_count: int, slices: Iterable[int]) -> Object:
    counters: Object = {
        "memory": {"value": str(memory_mib * MIB)},
        "multiprocessors": {"value": str(sm_count)},
    }
    return counters | {f"memory-slice-{k}": {"value": "1"} for k in slices}


def _slice(node: str, name: str, n: int, **spec: Any) -> Object:
    pool = {"name": node, "generation": 1, "resourceSliceCount": n}
    own = {"driver": DRIVER, "pool": pool, "nodeName": node}
    return _object("ResourceSlice", f"{node}-{name}", own | spec, space="")


def _object(kind: str, name: str, spec: Object, space: str = "default") -> Object:
    metadata = {"name": name} | ({"namespace": space} if space else {})
    return {"apiVersion": "resource.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
