"""What crosses the engine's doors: requests, nodes, placements, decisions. Data, no behaviour.

Units: CPU in millicores, memory in MiB, GPU compute in milli-GPU (1000 = one GPU), time in
seconds. State is integers; floats are scores and simulated time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bayplan.scheduler.constraints.types import Constraints, Taint
    from bayplan.scheduler.sharing import Sharing

GPU_MILLI = 1000
"""Milli-GPU in one whole GPU."""

MAX_AMOUNT = 10**12
"""The largest amount of anything on a node or in a request: sums of them stay exact."""

ANONYMOUS = -1
"""The GPU index of a slot whose GPU the device plugin picks: a count, no index promised."""


class Isolation(Enum):
    """How a share of a GPU is kept apart from its co-residents."""

    MIG = "mig"
    MPS = "mps"
    TIMESLICE = "timeslice"
    HAMI = "hami"


class TopologyLevel(IntEnum):
    """Where the devices of a pod, or the pods of a gang, are to stay together; small is near."""

    GPU_ISLAND = 0
    NODE = 1
    NVLINK_DOMAIN = 2
    RACK = 3
    BLOCK = 4
    ZONE = 5


class Reason(IntEnum):
    """Why a node cannot hold a request: the first check that failed, in this order.

    ``text`` says it to people. From ``GPU_FREE`` on they are shortages; those before are lasting.
    """

    text: str

    def __new__(cls, code: int, text: str) -> Reason:
        """Make the member of a code, with its text."""
        reason = int.__new__(cls, code)
        reason._value_ = code
        reason.text = text
        return reason

    FITS = 0, "fits"
    EXCLUDED = 1, "not among the candidates"
    CLAIM_NODE = 2, "a claim that the pod shares is on another node"
    CORDONED = 3, "the node takes no new pods"
    TAINT = 4, "the node has a taint that the pod does not tolerate"
    NODE_LABELS = 5, "a required node label is missing or differs"
    NODE_AFFINITY = 6, "the node does not match the pod's node affinity"
    GPU_MODEL = 7, "no GPU of an allowed model"
    GPU_UUID = 8, "no GPU by a uuid that the pod allows"
    GPU_COUNT = 9, "too few GPUs, or each too small"
    GPU_ANONYMOUS = 10, "a share needs a GPU index, and the node's device plugin picks"
    ISOLATION = 11, "no GPU offers an accepted isolation"
    PROFILE = 12, "no GPU offers the MIG profile"
    MIG_SPAN = 13, "shares of several GPUs, and MIG instances cannot work together"
    GPU_UNHEALTHY = 14, "enough GPUs, but too many of them are unhealthy and take no new pods"
    TOPOLOGY = 15, "no GPU island of the node is as large as the pod requires"
    MIXED_DEVICES = 16, "device requests of different kinds in one pod are not decided yet"
    CPU_CAPACITY = 17, "the node has less CPU"
    MEMORY_CAPACITY = 18, "the node has less memory"
    RESOURCE_CAPACITY = 19, "the node has less of another resource"
    SPREAD_LABEL = 20, "the node lacks the label by which the pod is to be spread"
    POD_AFFINITY = 21, "no pod that this one must be near is in the node's domain"
    GPU_FREE = 22, "too few GPUs with enough free"
    GPU_MEMORY_FREE = 23, "too little GPU memory free beside the memory of the co-residents"
    GPU_CLIENTS = 24, "no client or replica left on the GPUs with enough free"
    MIG_PLACE = 25, "enough of a GPU free, but no place where the MIG profile may start"
    CPU_FREE = 26, "too little CPU free"
    MEMORY_FREE = 27, "too little memory free"
    RESOURCE_FREE = 28, "too little of another resource free"
    TOPOLOGY_SPREAD = 29, "the node's domain would hold too many more of the pods than others"
    POD_ANTI_AFFINITY = 30, "a pod in the node's domain and this one must keep apart"
    ISLAND_FREE = 31, "enough GPUs free, but not enough of them in one GPU island"


FIRST_SHORTAGE = Reason.GPU_FREE
"""Reasons from here on go away when pods leave; those before do not.

``POD_AFFINITY`` goes away when pods come, and ``TOPOLOGY_SPREAD`` then too.
"""


@dataclass(frozen=True, slots=True)
class WholeGpus:
    """``count`` whole GPUs; 0 is the CPU-only end of a list of alternatives."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class GpuShare:
    """A share of each of ``count`` different GPUs.

    ``milli`` (1 to 1000) and ``memory_mib`` are per GPU; ``memory_milli`` states the memory in
    thousandths of the GPU's instead. A share without memory asks for
    ``floor(milli × GPU memory / 1000)``, one without milli for ``floor(1000 × MiB / GPU memory)``,
    at least 1: shares that add up to a GPU fit on it.
    ``isolations`` are the accepted ones in order of wish: the first that any node can give is
    taken. Empty accepts whatever is there. On a MIG GPU a share takes the smallest profile that
    covers it, in compute and in memory.
    """

    milli: int = 0
    memory_mib: int = 0
    count: int = 1
    isolations: tuple[Isolation, ...] = ()
    memory_milli: int = 0


@dataclass(frozen=True, slots=True)
class MigInstances:
    """``count`` MIG instances of a profile, by its NVIDIA name (``1g.10gb``)."""

    profile: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """The devices of one container or one claim.

    ``models`` are the allowed GPU models (empty: any; order and
    repeats do not matter). ``claim`` names an allocation that
    several pods may share; empty means that the pod itself owns it. ``alternatives`` are tried in
    order when ``ask`` cannot be had. Each of the GPUs, or MIG instances, has ``least_memory_mib``
    at least, whatever of it is asked for, and a uuid that is one of ``uuids`` (empty: any) and none
    of ``not_uuids``; both are sorted.
    """

    ask: WholeGpus | GpuShare | MigInstances
    models: tuple[str, ...] = ()
    claim: str = ""
    alternatives: tuple[DeviceRequest, ...] = ()
    least_memory_mib: int = 0
    uuids: tuple[str, ...] = ()
    not_uuids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """How near to each other the devices or the gang members are to be."""

    level: TopologyLevel
    required: bool = True


class Request(NamedTuple):
    """What one pod asks for.

    ``resources`` are other countable resources by name (TPUs, NICs), sorted by name.
    ``node_labels`` must all be on the node. ``run_time_s`` is an estimate, not a limit.
    ``constraints`` are taints, affinity and spread; None is a pod that none concern. ``images`` are
    the names of its containers' images, one a container, for policies that look at them.
    """

    uid: str
    cpu_milli: int = 0
    memory_mib: int = 0
    devices: tuple[DeviceRequest, ...] = ()
    resources: tuple[tuple[str, int], ...] = ()
    node_labels: tuple[tuple[str, str], ...] = ()
    topology: Topology | None = None
    priority: int = 0
    preemptible: bool = True
    disruption_budgets: tuple[str, ...] = ()
    gang: str = ""
    queue: str = ""
    run_time_s: float | None = None
    deadline_s: float | None = None
    constraints: Constraints | None = None
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A node as its owner sees it: capacity, not what is free.

    All ``gpu_count`` GPUs of a node are of one model. ``anonymous_gpus``: the device plugin
    picks the GPU, so that only counts can be planned. ``gpu_memory_mib`` 0 means unknown.
    ``sharing`` says how its GPUs are shared: nothing is ungoverned, one entry is for all GPUs,
    several are one a GPU. ``taints`` concern only pods with constraints. ``gpu_island``: NVLink
    joins so many GPUs with consecutive indices; 0 is as the catalogue says of the model.
    ``images`` are the container images on it by name, each with its MiB.
    ``unhealthy`` are the indices of GPUs that take no new pods, ascending; pods on them stay. Where
    the device plugin picks, only their number counts. ``gpu_uuids`` are (index, uuid) of those GPUs
    that some request names, ascending: a GPU that nobody names needs none.
    """

    name: str
    cpu_milli: int = 0
    memory_mib: int = 0
    gpu_count: int = 0
    gpu_model: str = ""
    gpu_memory_mib: int = 0
    anonymous_gpus: bool = False
    schedulable: bool = True
    labels: tuple[tuple[str, str], ...] = ()
    resources: tuple[tuple[str, int], ...] = ()
    sharing: tuple[Sharing, ...] = ()
    taints: tuple[Taint, ...] = ()
    gpu_island: int = 0
    images: tuple[tuple[str, int], ...] = ()
    unhealthy: tuple[int, ...] = ()
    gpu_uuids: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """The unit of sharing: a GPU of a node, or a MIG instance on it.

    ``gpu`` is the index on the node or ``ANONYMOUS``. A MIG instance takes
    ``[start, start + size)`` on the axis of placement units, and has a ``profile``; ``size`` 0 is
    the GPU itself.
    """

    gpu: int
    start: int = 0
    size: int = 0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an owner gets of one slot."""

    slot: Slot
    milli: int
    memory_mib: int


class Placement(NamedTuple):
    """Where a request goes: a node, and for each device request its grants.

    ``chosen`` says per device request which one was taken: 0 the first wish, k the k-th
    alternative.
    """

    node: str
    grants: tuple[tuple[Grant, ...], ...] = ()
    chosen: tuple[int, ...] = ()


class Decision(NamedTuple):
    """What the engine says to a request at ``now_s``: a placement, or reasons.

    ``rests_on`` are the (node, version) pairs that the placement was made for. ``reasons`` has
    the number of nodes for each reason (in the order of ``Reason``) when nothing was found, for
    the request's first wish. ``unmodelled`` names what the pod wants and nothing here looks at.
    """

    request: Request
    now_s: float
    placement: Placement | None
    score: float = 0.0
    rests_on: tuple[tuple[str, int], ...] = ()
    reasons: tuple[tuple[Reason, int], ...] = ()
    unmodelled: tuple[str, ...] = ()


class Pod(NamedTuple):
    """A pod that holds room on a node.

    ``held_until_s`` is set while the room is only held (filter has promised, bind has not come).
    ``last_checkpoint_s`` is the time up to which its work is safe.
    """

    request: Request
    placement: Placement
    start_s: float
    expected_end_s: float | None = None
    last_checkpoint_s: float | None = None
    held_until_s: float | None = None
