"""The choice of GPUs as device plugins of other projects read it: annotations of the pod.

Formats: HAMi 2.10 (``pkg/device``: uuid, vendor, MiB and percent of cores by device, a colon after
each device and a semicolon after each container) and gpushare (``ALIYUN_COM_GPU_MEM_*``).
"""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.reading import Seen
from bayplan.scheduler.types import GPU_MILLI, Placement
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.gpus import Gpus
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in

ALLOCATING = "allocating"
PHASE = "hami.io/bind-phase"

_VENDOR = "NVIDIA"
_HAMI_NAMES = (keys.GPU, keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES)
_MIB_A_GIB = 1024


def chosen(
    seen: Seen, placement: Placement, gpus: Gpus, epoch_s: float, *, by_hami: bool = False
) -> dict[str, str]:
    """Return the annotations that tell a node's device plugin which GPUs a pod is to have.

    Parameters
    ----------
    seen
        The pod, with its object.
    placement
        Where it goes.
    gpus
        Those of the node.
    epoch_s
        Seconds since 1970, which both formats carry.
    by_hami
        Whether HAMi's device plugin gives whole GPUs out there.
    """
    if seen.way is Way.HAMI and seen.thing is not None:
        containers = objects_in(dict_of(seen.thing.get("spec")).get("containers"))
        return _for_hami([*map(_asks, containers)], placement, gpus, epoch_s)
    if seen.asking and by_hami:
        return _for_hami(seen.asking, placement, gpus, epoch_s)
    if seen.way is Way.ALIYUN:
        return _for_gpushare(placement, gpus, epoch_s)
    return {}


def is_allocating(annotations: Object) -> bool:
    """Whether HAMi's device plugin has still to give a pod its devices.

    Parameters
    ----------
    annotations
        The pod's.
    """
    return annotations.get(PHASE) == ALLOCATING


def _for_hami(
    asking: Sequence[bool], placement: Placement, gpus: Gpus, epoch_s: float
) -> dict[str, str]:
    grants = iter(placement.grants)
    containers = []
    for asks in asking:
        devices = next(grants, ()) if asks else ()
        containers.append(
            "".join(
                f"{gpus.registered[grant.slot.gpu].uuid},{_VENDOR},"
                f"{grant.memory_mib or gpus.registered[grant.slot.gpu].memory_mib},"
                f"{grant.milli * 100 // GPU_MILLI}:"
                for grant in devices
            )
        )
    text = "".join(f"{each};" for each in containers)
    now = str(int(epoch_s))
    return {
        "hami.io/vgpu-node": placement.node,
        "hami.io/vgpu-time": now,
        "hami.io/vgpu-devices-to-allocate": text,
        "hami.io/vgpu-devices-allocated": text,
        "hami.io/bind-time": now,
        PHASE: ALLOCATING,
    }


def _asks(container: Object) -> bool:
    resources = dict_of(container.get("resources"))
    names = {*dict_of(resources.get("limits")), *dict_of(resources.get("requests"))}
    return any(name in names for name in _HAMI_NAMES)


def _for_gpushare(placement: Placement, gpus: Gpus, epoch_s: float) -> dict[str, str]:
    (grant,) = [grant for grants in placement.grants for grant in grants]
    return {
        keys.ALIYUN_INDEX: str(grant.slot.gpu),
        "ALIYUN_COM_GPU_MEM_POD": str(grant.memory_mib // gpus.aliyun_mib),
        "ALIYUN_COM_GPU_MEM_DEV": str(gpus.memory_mib // gpus.aliyun_mib),
        "ALIYUN_COM_GPU_MEM_ASSUME_TIME": str(int(epoch_s * 1e9)),
        "ALIYUN_COM_GPU_MEM_ASSIGNED": "false",
    }
