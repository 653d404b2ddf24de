"""Who on a node enforces what a pod asks for: shares are promises that somebody must keep.

The device plugin hands out ``nvidia.com/gpu`` and MIG resources by itself. Amounts of GPU memory
and compute are kept by the device plugin of the project whose words the pod uses, and by no other
one. Annotations alone (KAI) are kept by that project's own binder, which does not run behind us.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from bayplan.extender.live.wording import check_koordinator, check_volcano
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in
from bayplan.traces.kubernetes.registry import HAMI_REGISTER, VOLCANO_REGISTER, is_hami_core
from bayplan.traces.kubernetes.resources import BadField


class Way(Enum):
    """A way to ask for a share of a GPU; the value names who enforces it.

    ``PLUGIN`` is no share: whole GPUs that are to be together, which others would not keep to.
    """

    HAMI = "HAMi's device plugin"
    VOLCANO = "Volcano's vGPU device plugin"
    ALIYUN = "gpushare's device plugin"
    KOORDINATOR = "Koordinator's koordlet"
    PLUGIN = "NVIDIA's device plugin"


_HAMI = frozenset({keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES})
_KAI = (keys.KAI_FRACTION, keys.KAI_MEMORY)
_UNKEPT = frozenset({*_KAI, *keys.GAS_CHOICES})
"""Annotations that ask for a part of a GPU or for certain ones, and that no node keeps to."""
_UUIDS = (keys.HAMI_UUIDS, keys.HAMI_NOT_UUIDS)
_WISHES = frozenset({*_UUIDS, keys.GPU_TOPOLOGY})
_NO_SHARES = frozenset({"cpu", "memory", "ephemeral-storage", keys.GPU})
"""What most pods ask for: whole GPUs at most."""


def way_of(spec: Object, annotations: Object) -> Way | None:
    """Return whose words a pod asks for shares in; None: anybody gives it whole devices, or none.

    Parameters
    ----------
    spec, annotations
        The pod's.

    Raises
    ------
    BadField
        In words that nothing on any node enforces.
    """
    if not _UNKEPT.isdisjoint(annotations):
        _refuse(spec, annotations)
    names = set(_resource_names(spec))
    if _NO_SHARES.issuperset(names) and _WISHES.isdisjoint(annotations):
        return None
    if names & _HAMI:
        return Way.HAMI
    if keys.GPU in names and not spec.get("nodeName"):
        _refuse_uuids(annotations)
    if any(name.startswith(keys.VOLCANO) for name in names):
        if not spec.get("nodeName"):
            check_volcano(spec, annotations)
        return Way.VOLCANO
    if any(name.startswith(keys.ALIYUN) for name in names):
        return Way.ALIYUN
    if any(name.startswith(keys.KOORD) for name in names):
        if not spec.get("nodeName"):
            check_koordinator(spec, annotations)
        return Way.KOORDINATOR
    return Way.PLUGIN if keys.GPU_TOPOLOGY in annotations and keys.GPU in names else None


def _refuse_uuids(annotations: Object) -> None:
    """Raise on certain GPUs that a pod wishes for among whole ones."""
    for key in _UUIDS:
        if key in annotations:
            raise BadField(
                f"metadata.annotations.{key}",
                "nothing on the nodes enforces it: NVIDIA's device plugin picks the GPUs, and"
                f" HAMi's takes those that we choose only beside {keys.HAMI_MEMORY},"
                " gpumem-percentage or gpucores",
            )


def _refuse(spec: Object, annotations: Object) -> None:
    """Raise on annotations that no component of a node would keep to."""
    for key in _KAI:
        if key in annotations:
            raise BadField(
                f"metadata.annotations.{key}",
                "nothing on the nodes enforces it, KAI's binder would; ask by"
                f" {keys.HAMI_MEMORY} where HAMi runs, or for a MIG profile",
            )
    if spec.get("nodeName") or not any(n.startswith(keys.INTEL) for n in _resource_names(spec)):
        return
    for key in keys.GAS_CHOICES:
        if key in annotations:
            raise BadField(
                f"metadata.annotations.{key}",
                "nothing on the nodes enforces it, Intel's GPU Aware Scheduling would: its device"
                " plugin picks the card",
            )


def asking(spec: Object) -> tuple[bool, ...]:
    """Return which containers ask for GPUs as NVIDIA's device plugin has them; empty: none does.

    Parameters
    ----------
    spec
        The pod's spec.
    """
    found = tuple(
        [
            keys.GPU in dict_of(has.get("requests")) or keys.GPU in dict_of(has.get("limits"))
            for each in objects_in(spec.get("containers"))
            for has in (dict_of(each.get("resources")),)
        ]
    )
    return found if any(found) else ()


def ways_on(node: Object) -> frozenset[Way]:
    """Return who enforces shares on a node, by what is registered there.

    Parameters
    ----------
    node
        The Node object.
    """
    annotations = dict_of(metadata_of(node).get("annotations"))
    status = dict_of(node.get("status"))
    amounts = dict_of(status.get("allocatable")) or dict_of(status.get("capacity"))
    found = set()
    if annotations.get(HAMI_REGISTER):
        found.add(Way.HAMI)
    if is_hami_core(str(annotations.get(VOLCANO_REGISTER) or "")):
        found.add(Way.VOLCANO)
    if keys.ALIYUN_COUNT in amounts:
        found.add(Way.ALIYUN)
    if keys.KOORD_CORE in amounts:
        found.add(Way.KOORDINATOR)
    if keys.GPU in amounts and not found:
        found.add(Way.PLUGIN)
    return frozenset(found)


def missing(way: Way | None, others: Sequence[Way] = (Way.HAMI,)) -> str:
    """Return why a node does not do that does not enforce a share, or enforces only shares.

    Parameters
    ----------
    way
        How the pod asks; None: for whole GPUs.
    others
        Who gives out GPUs where such a pod does not go.
    """
    if way is None and tuple(others) == (Way.HAMI,):
        return (
            f"{Way.HAMI.value} gives GPUs there to pods whose GPUs are written for it:"
            " set devices.hami = true"
        )
    if way is None:
        names = " or ".join(each.value for each in others)
        return f"{names} gives GPUs there, to pods that ask in its own words"
    if way is Way.PLUGIN:
        return f"nothing there keeps the GPUs together: {way.value} does not give them out"
    return f"nothing on the node enforces the share: {way.value} is not registered there"


def _resource_names(spec: Object) -> list[str]:
    found: list[str] = []
    for container in (
        *objects_in(spec.get("containers")),
        *objects_in(spec.get("initContainers")),
    ):
        resources = dict_of(container.get("resources"))
        found += dict_of(resources.get("requests"))
        found += dict_of(resources.get("limits"))
    return found
