"""The choice of GPUs as components of other projects read it on nodes: annotations of the pod.

Formats: HAMi 2.10 (``pkg/device``) and Volcano (``pkg/scheduler/api/devices/nvidia/vgpu``,
00a7133; its device plugin's ``pkg/util/util.go``, 434eb44): uuid, vendor, MiB and percent of cores
by device, a colon after each device, a semicolon after or between the containers; gpushare
(``ALIYUN_COM_GPU_MEM_*``). Koordinator's is ``koordinating``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.koordinating import for_koordlet
from bayplan.extender.live.reading import Seen
from bayplan.scheduler.types import GPU_MILLI, GpuShare, Placement
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.gpus import Gpus
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in

ALLOCATING = "allocating"

_VENDOR = "NVIDIA"


@dataclass(frozen=True, slots=True)
class DevicePlugin:
    """How a device plugin is told, and tells, of HAMi's family: both fork one protocol.

    ``names`` are the resources by which a container asks, ``behind`` what ends the last one. The
    other fields are keys of annotations: the node, when it was chosen and bound, the devices that
    are to be given and those that the pod has, and how far the plugin is with it. ``derives``: who
    asks for no cores is held to the part of them that its memory is of the GPU's; else to nothing.
    """

    names: tuple[str, ...]
    node: str
    time: str
    to_allocate: str
    allocated: str
    bind_time: str
    phase: str
    behind: str = ""
    derives: bool = False


PLUGINS = {
    Way.HAMI: DevicePlugin(
        names=(keys.GPU, keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES),
        node="hami.io/vgpu-node",
        time="hami.io/vgpu-time",
        to_allocate="hami.io/vgpu-devices-to-allocate",
        allocated="hami.io/vgpu-devices-allocated",
        bind_time="hami.io/bind-time",
        phase="hami.io/bind-phase",
        behind=";",
        derives=True,
    ),
    Way.VOLCANO: DevicePlugin(
        names=keys.VOLCANO_NAMES,
        node="volcano.sh/vgpu-node",
        time="volcano.sh/vgpu-time",
        to_allocate="volcano.sh/devices-to-allocate",
        allocated="volcano.sh/vgpu-ids-new",
        bind_time="volcano.sh/bind-time",
        phase="volcano.sh/bind-phase",
    ),
}
"""Those that give a pod its GPUs by its annotations, one pod of a node at a time."""


def chosen(
    seen: Seen, placement: Placement, gpus: Gpus, epoch_s: float, *, giver: Way | None = None
) -> dict[str, str]:
    """Return the annotations that tell a node which GPUs a pod is to have.

    Parameters
    ----------
    seen
        The pod, with its object.
    placement
        Where it goes.
    gpus
        Those of the node.
    epoch_s
        Seconds since 1970, which the formats carry.
    giver
        Whose device plugin gives the pod its GPUs there, one of ``PLUGINS``; None: none of these.
    """
    if giver is not None:
        plugin = PLUGINS[giver]
        asking = seen.asking or _asking(seen, plugin)
        limits = [plugin.derives or _limits(ask.ask) for ask in seen.facts.room[2]]
        return _for_plugin(plugin, asking, limits, placement, gpus, epoch_s)
    if seen.way is Way.ALIYUN:
        return _for_gpushare(placement, gpus, epoch_s)
    if seen.way is Way.KOORDINATOR:
        return for_koordlet(seen.facts.room[2], placement, gpus, epoch_s)
    return {}


def is_allocating(annotations: Object) -> bool:
    """Whether a device plugin has still to give a pod its devices.

    Parameters
    ----------
    annotations
        The pod's.
    """
    return any(annotations.get(plugin.phase) == ALLOCATING for plugin in PLUGINS.values())


def bound_at_s(annotations: Object) -> float:
    """Return when a pod was bound to a node of such a plugin, in seconds since 1970; 0: never.

    Parameters
    ----------
    annotations
        The pod's.
    """
    told = [str(annotations.get(plugin.bind_time) or "") for plugin in PLUGINS.values()]
    return max(float(text) if text.isascii() and text.isdecimal() else 0.0 for text in told)


def _asking(seen: Seen, plugin: DevicePlugin) -> tuple[bool, ...]:
    """Return which containers ask for what a plugin gives out."""
    containers = objects_in(dict_of((seen.thing or {}).get("spec")).get("containers"))
    return tuple(_asks(each, plugin.names) for each in containers)


def _limits(ask: object) -> bool:
    """Whether a pod says how much of the compute it has."""
    return not isinstance(ask, GpuShare) or bool(ask.milli)


def _asks(container: Object, names: Sequence[str]) -> bool:
    resources = dict_of(container.get("resources"))
    stated = {*dict_of(resources.get("limits")), *dict_of(resources.get("requests"))}
    return any(name in stated for name in names)


def _for_plugin(
    plugin: DevicePlugin,
    asking: Sequence[bool],
    limits: Sequence[bool],
    placement: Placement,
    gpus: Gpus,
    epoch_s: float,
) -> dict[str, str]:
    grants = zip(placement.grants, limits, strict=True)
    containers = []
    for asks in asking:
        devices, limited = next(grants, ((), False)) if asks else ((), False)
        containers.append(
            "".join(
                f"{gpus.registered[grant.slot.gpu].uuid},{_VENDOR},"
                f"{grant.memory_mib or gpus.registered[grant.slot.gpu].memory_mib},"
                f"{grant.milli * 100 // GPU_MILLI if limited else 0}:"
                for grant in devices
            )
        )
    text = ";".join(containers) + plugin.behind
    now = str(int(epoch_s))
    return {
        plugin.node: placement.node,
        plugin.time: now,
        plugin.to_allocate: text,
        plugin.allocated: text,
        plugin.bind_time: now,
        plugin.phase: ALLOCATING,
    }


def _for_gpushare(placement: Placement, gpus: Gpus, epoch_s: float) -> dict[str, str]:
    (grant,) = [grant for grants in placement.grants for grant in grants]
    return {
        keys.ALIYUN_INDEX: str(grant.slot.gpu),
        "ALIYUN_COM_GPU_MEM_POD": str(grant.memory_mib // gpus.aliyun_mib),
        "ALIYUN_COM_GPU_MEM_DEV": str(gpus.memory_mib // gpus.aliyun_mib),
        "ALIYUN_COM_GPU_MEM_ASSUME_TIME": str(int(epoch_s * 1e9)),
        "ALIYUN_COM_GPU_MEM_ASSIGNED": "false",
    }
