"""The choice of GPUs as Koordinator's koordlet reads it: an annotation of the pod, in JSON.

Koordinator (``apis/extension/device_share.go``, 0cbedd6): by GPU its minor number and what of it
the pod has. koordlet's hook (``pkg/koordlet/runtimehooks/hooks/gpu``, 39d7596) shows the pod's
containers these GPUs (``NVIDIA_VISIBLE_DEVICES``), and with the label
``koordinator.sh/gpu-isolation-provider=HAMi-core`` limits them to it. The other annotations are
those by which pods and device plugins are told besides (``device_plugin_adapter.go``, 09cc5f5).
"""

from __future__ import annotations

import json

from bayplan.scheduler.types import GPU_MILLI, GpuShare, Placement
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.devices import Asks
from bayplan.traces.kubernetes.gpus import Gpus
from bayplan.traces.kubernetes.koordinator import WHOLE

_PERCENT = GPU_MILLI // 100


def for_koordlet(asks: Asks, placement: Placement, gpus: Gpus, epoch_s: float) -> dict[str, str]:
    """Return the annotations that tell koordlet which GPUs a pod is to have.

    Parameters
    ----------
    asks
        What the pod asks for.
    placement
        Where it goes.
    gpus
        Those of the node.
    epoch_s
        Seconds since 1970.
    """
    given = sorted(
        (gpus.minors[grant.slot.gpu], _share(ask.ask, gpus.registered[grant.slot.gpu].memory_mib))
        for ask, grants in zip(asks, placement.grants, strict=True)
        for grant in grants
    )
    allocated = {"gpu": [{"minor": minor, "resources": dict(share)} for minor, share in given]}
    return {
        keys.KOORD_GIVEN: json.dumps(allocated, separators=(",", ":")),
        keys.KOORD_MINORS: ",".join(str(minor) for minor, _ in given),
        keys.KOORD_BOUND: str(int(epoch_s * 1e9)),
    }


def _share(ask: object, total_mib: int) -> tuple[tuple[str, str], ...]:
    """Return what a pod has of each of its GPUs, as pairs of resource and quantity."""
    core = ratio = WHOLE
    mib = total_mib
    if isinstance(ask, GpuShare):
        core, ratio = ask.milli // _PERCENT, ask.memory_milli // _PERCENT
        mib = ask.memory_mib or total_mib * ratio // WHOLE
        ratio = ratio or mib * WHOLE // total_mib
    found = [(keys.KOORD_MEMORY, f"{mib}Mi"), (keys.KOORD_RATIO, str(ratio))]
    # Who asks for no compute has no limit of it.
    return ((keys.KOORD_CORE, str(core)), *found) if core else tuple(found)
