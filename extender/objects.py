"""The objects of the Kubernetes API that the extender reads, restricted to the fields it reads.

They stay plain dictionaries, as ``bayplan.traces.kubernetes`` reads them. The schemas here only
tell the decoder what to keep: everything else (``managedFields``, images, probes, environment) is
skipped without making an object of it. Go writes ``null`` for a slice or map that is not there, so
each field may be ``null``. A field of another type than the API's is a ``msgspec.ValidationError``
that names its path.

Sources: Kubernetes API reference 1.37 (core/v1 Pod and Node, scheduling.k8s.io/v1 PriorityClass
and v1beta1 PodGroup and Workload, policy/v1 PodDisruptionBudget,
resource.k8s.io/v1); the PodGroups of
scheduler-plugins, Volcano and KAI; Koordinator's Device (scheduling.koordinator.sh/v1alpha1).
"""

from __future__ import annotations

from typing import Any, TypedDict, cast

import msgspec

from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of

Labels = dict[str, str] | None
Quantities = dict[str, str | int | float] | None
Objects = list[Object] | None


class There(TypedDict, total=False):
    """An object of which only its being there matters: decoded as an empty one."""


class Owner(TypedDict, total=False):
    """``metadata.ownerReferences[]``."""

    apiVersion: str
    kind: str
    name: str
    uid: str
    controller: bool | None


class Metadata(TypedDict, total=False):
    """``metadata``, of any object."""

    name: str
    namespace: str | None
    uid: str | None
    resourceVersion: str | None
    creationTimestamp: str | None
    deletionTimestamp: str | None
    labels: Labels
    annotations: Labels
    ownerReferences: list[Owner] | None


class Resources(TypedDict, total=False):
    """``resources`` of a container or of a pod."""

    requests: Quantities
    limits: Quantities
    claims: Objects


class Port(TypedDict, total=False):
    """``ports[]`` of a container."""

    containerPort: int
    hostPort: int | None
    hostIP: str | None
    protocol: str | None


class Container(TypedDict, total=False):
    """A container or an init container."""

    name: str
    resources: Resources | None
    ports: list[Port] | None
    restartPolicy: str | None


class Claimed(TypedDict, total=False):
    """``persistentVolumeClaim`` of a volume."""

    claimName: str


class Volume(TypedDict, total=False):
    """``spec.volumes[]``: of most kinds only the name is kept."""

    name: str
    persistentVolumeClaim: Claimed | None
    ephemeral: There | None


class Condition(TypedDict, total=False):
    """``status.conditions[]``; heartbeats are left out, so that they change nothing."""

    type: str
    status: str
    reason: str | None
    message: str | None
    lastTransitionTime: str | None


class PodSpec(TypedDict, total=False):
    """``spec`` of a pod."""

    nodeName: str | None
    schedulerName: str | None
    priority: int | None
    priorityClassName: str | None
    preemptionPolicy: str | None
    terminationGracePeriodSeconds: int | None
    nodeSelector: Labels
    tolerations: Objects
    affinity: Object | None
    topologySpreadConstraints: Objects
    schedulingGates: Objects
    schedulingGroup: Object | None
    workloadRef: Object | None
    resourceClaims: Objects
    containers: list[Container] | None
    initContainers: list[Container] | None
    overhead: Quantities
    resources: Resources | None
    volumes: list[Volume] | None


class PodStatus(TypedDict, total=False):
    """``status`` of a pod."""

    phase: str | None
    startTime: str | None
    nominatedNodeName: str | None
    conditions: list[Condition] | None
    resourceClaimStatuses: Objects
    extendedResourceClaimStatus: Object | None


class Pod(TypedDict, total=False):
    """A pod."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: PodSpec
    status: PodStatus | None


class NodeSpec(TypedDict, total=False):
    """``spec`` of a node."""

    unschedulable: bool | None
    taints: Objects
    providerID: str | None


class NodeInfo(TypedDict, total=False):
    """``status.nodeInfo`` of a node: which boot it is in."""

    bootID: str | None


class NodeStatus(TypedDict, total=False):
    """``status`` of a node."""

    allocatable: Quantities
    capacity: Quantities
    conditions: list[Condition] | None
    nodeInfo: NodeInfo | None


class Node(TypedDict, total=False):
    """A node."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: NodeSpec | None
    status: NodeStatus | None


class PodGroup(TypedDict, total=False):
    """A PodGroup or a Workload of any project: their specs are small, and are kept whole."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: Object | None


class PriorityClass(TypedDict, total=False):
    """A priority class."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    value: int
    globalDefault: bool | None
    preemptionPolicy: str | None


class BudgetStatus(TypedDict, total=False):
    """``status`` of a disruption budget."""

    disruptionsAllowed: int


class PodDisruptionBudget(TypedDict, total=False):
    """A disruption budget."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: Object | None
    status: BudgetStatus | None


class DeviceObject(TypedDict, total=False):
    """A ResourceSlice, a ResourceClaimTemplate or a DeviceClass: their specs are kept whole."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: Object | None


class KoordinatorGpu(TypedDict, total=False):
    """``spec.devices[]`` of a Device; topology and virtual functions are left out."""

    type: str | None
    id: str | None
    minor: int | None
    health: bool | None
    resources: Quantities


class DeviceSpec(TypedDict, total=False):
    """``spec`` of a Device."""

    devices: list[KoordinatorGpu] | None


class Device(TypedDict, total=False):
    """The devices of a node, as Koordinator has them."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: DeviceSpec | None


class ResourceClaimStatus(TypedDict, total=False):
    """``status`` of a claim; what drivers report of its devices is left out."""

    allocation: Object | None
    reservedFor: Objects


class ResourceClaim(TypedDict, total=False):
    """A claim of devices."""

    apiVersion: str | None
    kind: str | None
    metadata: Metadata
    spec: Object | None
    status: ResourceClaimStatus | None


SCHEMAS: dict[str, Any] = {
    "Pod": Pod,
    "Node": Node,
    "PodGroup": PodGroup,
    "Workload": PodGroup,
    "PriorityClass": PriorityClass,
    "PodDisruptionBudget": PodDisruptionBudget,
    "ResourceSlice": DeviceObject,
    "ResourceClaim": ResourceClaim,
    "ResourceClaimTemplate": DeviceObject,
    "DeviceClass": DeviceObject,
    "Device": Device,
}
"""What is kept of an object, by kind."""

_DECODERS = {kind: msgspec.json.Decoder(schema) for kind, schema in SCHEMAS.items()}


def decode(kind: str, data: bytes | msgspec.Raw) -> Object:
    """Return one object, restricted to what is read of its kind.

    Parameters
    ----------
    kind
        One of ``SCHEMAS``.
    data
        The object's JSON, UTF-8.

    Raises
    ------
    msgspec.DecodeError
        It is no JSON, or (``msgspec.ValidationError``) a field has another type than in the API.
    """
    return cast("Object", _DECODERS[kind].decode(data))


def uid_of(thing: Object) -> str:
    """Return an object's UID, empty where it has none.

    Parameters
    ----------
    thing
        The object.
    """
    return str(metadata_of(thing).get("uid") or "")


def version_of(thing: Object) -> str:
    """Return an object's ``resourceVersion``, empty where it has none.

    Parameters
    ----------
    thing
        The object.
    """
    return str(metadata_of(thing).get("resourceVersion") or "")


def node_of(pod: Object) -> str:
    """Return the node that a pod is bound to, empty while it waits.

    Parameters
    ----------
    pod
        The pod.
    """
    return str(dict_of(pod.get("spec")).get("nodeName") or "")
