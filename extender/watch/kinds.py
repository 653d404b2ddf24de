"""What is watched: the kinds of objects, where the API server has them, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bayplan.extender.objects import SCHEMAS

NODES, PODS, PRIORITY_CLASSES = "Node", "Pod", "PriorityClass"
BUDGETS = "PodDisruptionBudget"
POD_GROUPS = "PodGroup.scheduling.k8s.io"
_OF_PROJECTS = (
    ("scheduling.x-k8s.io", "v1alpha1"),
    ("scheduling.sigs.k8s.io", "v1alpha1"),
    ("scheduling.volcano.sh", "v1beta1"),
    ("scheduling.run.ai", "v2alpha2"),
    ("scheduling.godel.kubewharf.io", "v1alpha1"),
)
"""API groups and versions of the PodGroups that clusters have of other projects."""
RESOURCE_SLICES, RESOURCE_CLAIMS = "ResourceSlice", "ResourceClaim"
RESOURCE_TEMPLATES, DEVICE_CLASSES = "ResourceClaimTemplate", "DeviceClass"
KOORDINATOR_DEVICES = "Device"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects; ``name`` tells PodGroups of two projects apart.

    ``versions`` are those of its API group that are understood, the wanted one first; ``group`` is
    empty for the core API. An ``optional`` kind need not be there. ``fields`` is a field selector.
    ``after`` are kinds that are to be in step before this one is listed first.
    """

    name: str
    kind: str
    group: str
    versions: tuple[str, ...]
    plural: str
    optional: bool = False
    fields: str = ""
    after: tuple[str, ...] = ()

    @property
    def schema(self) -> Any:
        """What is kept of its objects."""
        return SCHEMAS[self.kind]

    def path(self, version: str) -> str:
        """Return the path of the collection, over all namespaces.

        Parameters
        ----------
        version
            One of ``versions``.
        """
        root = f"/apis/{self.group}" if self.group else "/api"
        return f"{root}/{version}/{self.plural}"


GROUPS = "scheduling.k8s.io"
RESOURCES = "resource.k8s.io"


def _of_devices(name: str, plural: str) -> Kind:
    return Kind(name, name, RESOURCES, ("v1",), plural, optional=True)


DEVICE_KINDS = (
    _of_devices(DEVICE_CLASSES, "deviceclasses"),
    _of_devices(RESOURCE_SLICES, "resourceslices"),
    _of_devices(RESOURCE_TEMPLATES, "resourceclaimtemplates"),
    _of_devices(RESOURCE_CLAIMS, "resourceclaims"),
)
"""Those of dynamic resource allocation, which are watched with ``devices.dra``."""

OF_KOORDINATOR = Kind(
    KOORDINATOR_DEVICES,
    KOORDINATOR_DEVICES,
    "scheduling.koordinator.sh",
    ("v1alpha1",),
    "devices",
    optional=True,
)
"""Which GPUs nodes of Koordinator have; watched with ``devices.koordinator``."""

KINDS = (
    Kind(NODES, "Node", "", ("v1",), "nodes"),
    Kind(PRIORITY_CLASSES, "PriorityClass", GROUPS, ("v1",), "priorityclasses"),
    Kind(
        POD_GROUPS,
        "PodGroup",
        GROUPS,
        ("v1", "v1beta1", "v1alpha3", "v1alpha2"),
        "podgroups",
        optional=True,
    ),
    *(
        Kind(f"PodGroup.{group}", "PodGroup", group, (version,), "podgroups", optional=True)
        for group, version in _OF_PROJECTS
    ),
    Kind(BUDGETS, "PodDisruptionBudget", "policy", ("v1",), "poddisruptionbudgets"),
    *DEVICE_KINDS,
    OF_KOORDINATOR,
    # What a pod asks for is read by the GPUs that there are, its priority by its class.
    Kind(
        PODS,
        "Pod",
        "",
        ("v1",),
        "pods",
        # One that ends is then deleted, as far as its watch tells.
        fields="status.phase!=Succeeded,status.phase!=Failed",
        after=(
            NODES,
            PRIORITY_CLASSES,
            POD_GROUPS,
            KOORDINATOR_DEVICES,
            *(f"PodGroup.{group}" for group, _ in _OF_PROJECTS),
        ),
    ),
)
"""All kinds, in the order in which they are first listed."""


def followed(*, devices: bool, koordinator: bool = False) -> tuple[Kind, ...]:
    """Return the kinds that are watched.

    Parameters
    ----------
    devices
        Whether those of dynamic resource allocation are among them.
    koordinator
        Whether Koordinator's Devices are.
    """
    off = () if devices else DEVICE_KINDS
    return tuple(
        kind for kind in KINDS if kind not in off and (koordinator or kind is not OF_KOORDINATOR)
    )
