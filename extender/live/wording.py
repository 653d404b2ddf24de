"""What Volcano's and Koordinator's words may not say: what no component of a node keeps to.

Sources: volcano-vgpu-device-plugin (``pkg/plugin/server.go``, bafde93: ``Allocate`` hands a pod's
GPUs out for ``volcano.sh/vgpu-number`` alone, by the place of the container) and Volcano
(``pkg/scheduler/api/devices/nvidia/vgpu``, 00a7133); Koordinator
(``pkg/scheduler/plugins/deviceshare/utils.go``, 138d457: which resources go together).
"""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in
from bayplan.traces.kubernetes.registry import HAMI_CORE
from bayplan.traces.kubernetes.resources import BadField

RESOURCES = "spec.containers[*].resources"
ANNOTATION = "metadata.annotations."

_SPREAD = "spread"
_MEMORY, _RATIO, _CORE = {keys.KOORD_MEMORY}, {keys.KOORD_RATIO}, {keys.KOORD_CORE}
_TOGETHER = tuple(
    frozenset(each)
    for each in (
        {keys.KOORD_GPU},
        *(memory | core | shared
          for memory in (_MEMORY, _RATIO)
          for core in (set[str](), _CORE)
          for shared in (set[str](), {keys.KOORD_SHARED})),
    )
)  # fmt: skip


def check_volcano(spec: Object, annotations: Object) -> None:
    """Raise where Volcano's vGPU device plugin would not give a pod what it asks for.

    Parameters
    ----------
    spec, annotations
        The pod's, which waits.

    Raises
    ------
    BadField
        The first such word.
    """
    mode = str(annotations.get(keys.VOLCANO_MODE, HAMI_CORE))
    if mode != HAMI_CORE:
        raise BadField(
            ANNOTATION + keys.VOLCANO_MODE,
            f"{mode[:40]!r}: Volcano's own scheduler has to choose the instance; write {HAMI_CORE}",
        )
    if annotations.get(keys.VOLCANO_SPREAD) == _SPREAD:
        raise BadField(
            ANNOTATION + keys.VOLCANO_SPREAD,
            "nothing keeps pods of a group off each other's GPUs, Volcano's scheduler would",
        )
    for path, names in _named(spec, "initContainers"):
        if found := sorted(name for name in names if name.startswith(keys.VOLCANO)):
            raise BadField(f"{path}.{found[0]}", "Volcano gives no GPUs to init containers")
    for path, names in _named(spec, "containers"):
        found = [name for name in keys.VOLCANO_NAMES if name in names]
        if found and keys.VOLCANO_NUMBER not in found:
            raise BadField(
                f"{path}.{found[0]}",
                f"without {keys.VOLCANO_NUMBER}, for which alone the device plugin gives GPUs out",
            )


def check_koordinator(spec: Object, annotations: Object) -> None:
    """Raise where koordlet would not give a pod what it asks for, or another choice is its own.

    Parameters
    ----------
    spec, annotations
        The pod's, which waits.

    Raises
    ------
    BadField
        The first such word.
    """
    for key in keys.KOORD_CHOICES:
        if key in annotations:
            raise BadField(
                ANNOTATION + key,
                "nothing on the nodes enforces it, Koordinator's scheduler would choose so",
            )
    every = {
        name
        for which in ("containers", "initContainers")
        for _, names in _named(spec, which)
        for name in names
        if name.startswith(keys.KOORD)
    }
    if others := sorted(every.difference(keys.KOORD_NAMES)):
        raise BadField(f"{RESOURCES}.{others[0]}", "Koordinator's own scheduler has to choose it")
    if every not in _TOGETHER:
        raise BadField(
            RESOURCES,
            f"asks for {' and '.join(sorted(every))}; Koordinator takes {keys.KOORD_GPU} alone, or"
            " one of gpu-memory-ratio and gpu-memory, with gpu-core and gpu.shared if you like",
        )


def _named(spec: Object, which: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the path and the names of the resources of each container."""
    for index, each in enumerate(objects_in(spec.get(which))):
        has = dict_of(each.get("resources"))
        names = {*dict_of(has.get("requests")), *dict_of(has.get("limits"))}
        yield f"spec.{which}[{index}].resources", names
