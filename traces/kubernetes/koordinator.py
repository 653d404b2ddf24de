"""The GPUs of a node as Koordinator has them: by number, in an object ``Device`` named as the node.

``scheduling.koordinator.sh/v1alpha1`` (Koordinator's ``apis/scheduling/v1alpha1/device_types.go``,
28f6cd8): koordlet writes for each GPU its minor number, uuid, health and
``koordinator.sh/gpu-memory``; the node's own amounts are only the sum of the healthy ones
(``pkg/slo-controller/noderesource/plugins/gpudeviceresource``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bayplan.scheduler.hardware import find_product
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.gpus import MAX_GPUS, Gpus
from bayplan.traces.kubernetes.nodes import NodeFacts
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in
from bayplan.traces.kubernetes.quantity import MIB, NANO, down
from bayplan.traces.kubernetes.registry import Registered
from bayplan.traces.kubernetes.resources import BadField, amounts_of

NVIDIA, HONOR = "nvidia", "Honor"
WHOLE = 100
"""``koordinator.sh/gpu-core`` and ``gpu-memory-ratio`` of a GPU."""


@dataclass(frozen=True, slots=True)
class Devices:
    """The GPUs of one node, by minor number.

    ``closed`` says why koordlet alone does not give them out as we write them; empty: it does.
    """

    gpus: tuple[Registered, ...] = ()
    minors: tuple[int, ...] = ()
    model: str = ""
    closed: str = ""


def read_devices(thing: Object) -> Devices:
    """Return the GPUs of a node.

    Parameters
    ----------
    thing
        The Device object.

    Raises
    ------
    BadField
        A GPU has no number, or the number of another one, or no memory.
    """
    labels = dict_of(metadata_of(thing).get("labels"))
    model = str(labels.get(keys.KOORD_MODEL) or "")
    found: dict[int, Registered] = {}
    for index, each in enumerate(objects_in(dict_of(thing.get("spec")).get("devices"))):
        if each.get("type") != "gpu":
            continue
        path, minor = f"spec.devices[{index}]", each.get("minor")
        if not isinstance(minor, int) or minor < 0:
            raise BadField(f"{path}.minor", f"{str(minor)[:40]!r} is no number of a GPU")
        if minor in found:
            raise BadField(f"{path}.minor", f"{minor} is the number of another GPU, too")
        amounts = amounts_of(each.get("resources"), f"{path}.resources")
        mib = down(amounts.get(keys.KOORD_MEMORY, 0), NANO * MIB)
        if not mib:
            raise BadField(f"{path}.resources.{keys.KOORD_MEMORY}", "states no memory of the GPU")
        uuid, healthy = str(each.get("id") or ""), each.get("health") is True
        found[minor] = Registered(uuid, 0, mib, WHOLE, model, healthy)
    minors = tuple(sorted(found))[:MAX_GPUS]
    return Devices(tuple(found[minor] for minor in minors), minors, model, closed_by(labels))


def with_devices(facts: NodeFacts, devices: Devices) -> NodeFacts:
    """Return a node with the GPUs of its Device object in place of those that its amounts make.

    Parameters
    ----------
    facts
        The node by its amounts.
    devices
        Its GPUs.
    """
    product = devices.model or facts.gpus.product
    known = find_product(product) if product else None
    gpus = Gpus(
        len(devices.gpus),
        known.name if known else product,
        min(gpu.memory_mib for gpu in devices.gpus),
        product=product,
        registered=devices.gpus,
        minors=devices.minors,
    )
    node = replace(
        facts.node,
        gpu_count=gpus.count,
        gpu_model=gpus.model,
        gpu_memory_mib=gpus.memory_mib,
        anonymous_gpus=False,
        sharing=(),
        unhealthy=tuple(k for k, gpu in enumerate(devices.gpus) if not gpu.healthy),
    )
    return replace(facts, node=node, gpus=gpus)


def closed_by(labels: Object) -> str:
    """Return why GPUs are not given out by koordlet as we write them; empty where they are.

    Parameters
    ----------
    labels
        Those of a Device or of its Node.
    """
    vendor = str(labels.get(keys.KOORD_VENDOR) or NVIDIA)
    if vendor != NVIDIA:
        return f"its GPUs are of {vendor}, whose device plugin is told otherwise"
    if labels.get(keys.KOORD_PARTITIONS) == HONOR:
        return f"{keys.KOORD_PARTITIONS} is {HONOR}, and only Koordinator's scheduler keeps to it"
    return ""
