from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Isolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISOLATION_UNSPECIFIED: _ClassVar[Isolation]
    MIG: _ClassVar[Isolation]
    MPS: _ClassVar[Isolation]
    TIMESLICE: _ClassVar[Isolation]
    HAMI: _ClassVar[Isolation]

class TopologyLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOPOLOGY_LEVEL_UNSPECIFIED: _ClassVar[TopologyLevel]
    GPU_ISLAND: _ClassVar[TopologyLevel]
    NODE: _ClassVar[TopologyLevel]
    NVLINK_DOMAIN: _ClassVar[TopologyLevel]
    RACK: _ClassVar[TopologyLevel]
    BLOCK: _ClassVar[TopologyLevel]
    ZONE: _ClassVar[TopologyLevel]

class Standing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STANDING_UNSPECIFIED: _ClassVar[Standing]
    BOUND: _ClassVar[Standing]
    HELD: _ClassVar[Standing]
    COMMITTED: _ClassVar[Standing]

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    WAITS: _ClassVar[Kind]
    CHOSEN: _ClassVar[Kind]
    PREEMPTS: _ClassVar[Kind]
    BOUND_TO: _ClassVar[Kind]
    NOT_BOUND: _ClassVar[Kind]
    ROOM_COMMITTED: _ClassVar[Kind]
    ROOM_RELEASED: _ClassVar[Kind]
    ROOM_EXPIRED: _ClassVar[Kind]
    ROOM_LOST: _ClassVar[Kind]
ISOLATION_UNSPECIFIED: Isolation
MIG: Isolation
MPS: Isolation
TIMESLICE: Isolation
HAMI: Isolation
TOPOLOGY_LEVEL_UNSPECIFIED: TopologyLevel
GPU_ISLAND: TopologyLevel
NODE: TopologyLevel
NVLINK_DOMAIN: TopologyLevel
RACK: TopologyLevel
BLOCK: TopologyLevel
ZONE: TopologyLevel
STANDING_UNSPECIFIED: Standing
BOUND: Standing
HELD: Standing
COMMITTED: Standing
KIND_UNSPECIFIED: Kind
WAITS: Kind
CHOSEN: Kind
PREEMPTS: Kind
BOUND_TO: Kind
NOT_BOUND: Kind
ROOM_COMMITTED: Kind
ROOM_RELEASED: Kind
ROOM_EXPIRED: Kind
ROOM_LOST: Kind

class WholeGpus(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class GpuShare(_message.Message):
    __slots__ = ("milli", "memory_mib", "count", "isolations", "memory_milli")
    MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ISOLATIONS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MILLI_FIELD_NUMBER: _ClassVar[int]
    milli: int
    memory_mib: int
    count: int
    isolations: _containers.RepeatedScalarFieldContainer[Isolation]
    memory_milli: int
    def __init__(self, milli: _Optional[int] = ..., memory_mib: _Optional[int] = ..., count: _Optional[int] = ..., isolations: _Optional[_Iterable[_Union[Isolation, str]]] = ..., memory_milli: _Optional[int] = ...) -> None: ...

class MigInstances(_message.Message):
    __slots__ = ("profile", "count")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    profile: str
    count: int
    def __init__(self, profile: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class DeviceRequest(_message.Message):
    __slots__ = ("whole", "share", "mig", "models", "alternatives", "least_memory_mib")
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    MIG_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    LEAST_MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    whole: WholeGpus
    share: GpuShare
    mig: MigInstances
    models: _containers.RepeatedScalarFieldContainer[str]
    alternatives: _containers.RepeatedCompositeFieldContainer[DeviceRequest]
    least_memory_mib: int
    def __init__(self, whole: _Optional[_Union[WholeGpus, _Mapping]] = ..., share: _Optional[_Union[GpuShare, _Mapping]] = ..., mig: _Optional[_Union[MigInstances, _Mapping]] = ..., models: _Optional[_Iterable[str]] = ..., alternatives: _Optional[_Iterable[_Union[DeviceRequest, _Mapping]]] = ..., least_memory_mib: _Optional[int] = ...) -> None: ...

class Topology(_message.Message):
    __slots__ = ("level", "preferred")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_FIELD_NUMBER: _ClassVar[int]
    level: TopologyLevel
    preferred: bool
    def __init__(self, level: _Optional[_Union[TopologyLevel, str]] = ..., preferred: _Optional[bool] = ...) -> None: ...

class Toleration(_message.Message):
    __slots__ = ("key", "operator", "value", "effect")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    key: str
    operator: str
    value: str
    effect: str
    def __init__(self, key: _Optional[str] = ..., operator: _Optional[str] = ..., value: _Optional[str] = ..., effect: _Optional[str] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("uid", "cpu_milli", "memory_mib", "devices", "resources", "node_labels", "topology", "priority", "not_preemptible", "gang", "queue", "run_time_s", "deadline_s", "tolerations")
    class ResourcesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class NodeLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    UID_FIELD_NUMBER: _ClassVar[int]
    CPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    NODE_LABELS_FIELD_NUMBER: _ClassVar[int]
    TOPOLOGY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    NOT_PREEMPTIBLE_FIELD_NUMBER: _ClassVar[int]
    GANG_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_S_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    TOLERATIONS_FIELD_NUMBER: _ClassVar[int]
    uid: str
    cpu_milli: int
    memory_mib: int
    devices: _containers.RepeatedCompositeFieldContainer[DeviceRequest]
    resources: _containers.ScalarMap[str, int]
    node_labels: _containers.ScalarMap[str, str]
    topology: Topology
    priority: int
    not_preemptible: bool
    gang: str
    queue: str
    run_time_s: float
    deadline_s: float
    tolerations: _containers.RepeatedCompositeFieldContainer[Toleration]
    def __init__(self, uid: _Optional[str] = ..., cpu_milli: _Optional[int] = ..., memory_mib: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[DeviceRequest, _Mapping]]] = ..., resources: _Optional[_Mapping[str, int]] = ..., node_labels: _Optional[_Mapping[str, str]] = ..., topology: _Optional[_Union[Topology, _Mapping]] = ..., priority: _Optional[int] = ..., not_preemptible: _Optional[bool] = ..., gang: _Optional[str] = ..., queue: _Optional[str] = ..., run_time_s: _Optional[float] = ..., deadline_s: _Optional[float] = ..., tolerations: _Optional[_Iterable[_Union[Toleration, _Mapping]]] = ...) -> None: ...

class Role(_message.Message):
    __slots__ = ("name", "members", "min_members")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MIN_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    members: _containers.RepeatedCompositeFieldContainer[Request]
    min_members: int
    def __init__(self, name: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Request, _Mapping]]] = ..., min_members: _Optional[int] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("size", "level")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    size: int
    level: TopologyLevel
    def __init__(self, size: _Optional[int] = ..., level: _Optional[_Union[TopologyLevel, str]] = ...) -> None: ...

class Spread(_message.Message):
    __slots__ = ("level", "max_members")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    MAX_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    level: TopologyLevel
    max_members: int
    def __init__(self, level: _Optional[_Union[TopologyLevel, str]] = ..., max_members: _Optional[int] = ...) -> None: ...

class Gang(_message.Message):
    __slots__ = ("name", "roles", "topology", "segment", "spread")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    TOPOLOGY_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    roles: _containers.RepeatedCompositeFieldContainer[Role]
    topology: _containers.RepeatedCompositeFieldContainer[Topology]
    segment: Segment
    spread: Spread
    def __init__(self, name: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[Role, _Mapping]]] = ..., topology: _Optional[_Iterable[_Union[Topology, _Mapping]]] = ..., segment: _Optional[_Union[Segment, _Mapping]] = ..., spread: _Optional[_Union[Spread, _Mapping]] = ...) -> None: ...

class Slot(_message.Message):
    __slots__ = ("index", "start", "size", "profile")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    index: int
    start: int
    size: int
    profile: str
    def __init__(self, index: _Optional[int] = ..., start: _Optional[int] = ..., size: _Optional[int] = ..., profile: _Optional[str] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("slot", "milli", "memory_mib")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    slot: Slot
    milli: int
    memory_mib: int
    def __init__(self, slot: _Optional[_Union[Slot, _Mapping]] = ..., milli: _Optional[int] = ..., memory_mib: _Optional[int] = ...) -> None: ...

class Granted(_message.Message):
    __slots__ = ("grants", "chosen")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    chosen: int
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., chosen: _Optional[int] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("node", "devices")
    NODE_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    node: str
    devices: _containers.RepeatedCompositeFieldContainer[Granted]
    def __init__(self, node: _Optional[str] = ..., devices: _Optional[_Iterable[_Union[Granted, _Mapping]]] = ...) -> None: ...

class NodeVersion(_message.Message):
    __slots__ = ("node", "version")
    NODE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    node: str
    version: int
    def __init__(self, node: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("text", "nodes", "code")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    text: str
    nodes: int
    code: int
    def __init__(self, text: _Optional[str] = ..., nodes: _Optional[int] = ..., code: _Optional[int] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("request", "now_s", "placement", "score", "rests_on", "reasons")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RESTS_ON_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    request: Request
    now_s: float
    placement: Placement
    score: float
    rests_on: _containers.RepeatedCompositeFieldContainer[NodeVersion]
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ..., now_s: _Optional[float] = ..., placement: _Optional[_Union[Placement, _Mapping]] = ..., score: _Optional[float] = ..., rests_on: _Optional[_Iterable[_Union[NodeVersion, _Mapping]]] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class DecideRequest(_message.Message):
    __slots__ = ("request", "nodes")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    request: Request
    nodes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ..., nodes: _Optional[_Iterable[str]] = ...) -> None: ...

class DecideGangRequest(_message.Message):
    __slots__ = ("gang", "nodes")
    GANG_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    gang: Gang
    nodes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, gang: _Optional[_Union[Gang, _Mapping]] = ..., nodes: _Optional[_Iterable[str]] = ...) -> None: ...

class GangPlan(_message.Message):
    __slots__ = ("now_s", "decisions", "bound", "missing", "first_left", "why")
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    FIRST_LEFT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    now_s: float
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    bound: _containers.RepeatedScalarFieldContainer[str]
    missing: int
    first_left: str
    why: str
    def __init__(self, now_s: _Optional[float] = ..., decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., bound: _Optional[_Iterable[str]] = ..., missing: _Optional[int] = ..., first_left: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class PreemptRequest(_message.Message):
    __slots__ = ("request", "gang", "nodes")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    GANG_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    request: Request
    gang: Gang
    nodes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ..., gang: _Optional[_Union[Gang, _Mapping]] = ..., nodes: _Optional[_Iterable[str]] = ...) -> None: ...

class Victims(_message.Message):
    __slots__ = ("node", "uids", "elsewhere", "violations", "highest_priority", "lost_gpu_s", "placement")
    NODE_FIELD_NUMBER: _ClassVar[int]
    UIDS_FIELD_NUMBER: _ClassVar[int]
    ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LOST_GPU_S_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    node: str
    uids: _containers.RepeatedScalarFieldContainer[str]
    elsewhere: _containers.RepeatedScalarFieldContainer[str]
    violations: int
    highest_priority: int
    lost_gpu_s: float
    placement: Placement
    def __init__(self, node: _Optional[str] = ..., uids: _Optional[_Iterable[str]] = ..., elsewhere: _Optional[_Iterable[str]] = ..., violations: _Optional[int] = ..., highest_priority: _Optional[int] = ..., lost_gpu_s: _Optional[float] = ..., placement: _Optional[_Union[Placement, _Mapping]] = ...) -> None: ...

class Preemption(_message.Message):
    __slots__ = ("choices", "why", "plan", "now_s")
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    choices: _containers.RepeatedCompositeFieldContainer[Victims]
    why: str
    plan: GangPlan
    now_s: float
    def __init__(self, choices: _Optional[_Iterable[_Union[Victims, _Mapping]]] = ..., why: _Optional[str] = ..., plan: _Optional[_Union[GangPlan, _Mapping]] = ..., now_s: _Optional[float] = ...) -> None: ...

class CommitRequest(_message.Message):
    __slots__ = ("decisions", "hold_s", "unchanged")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    HOLD_S_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    hold_s: float
    unchanged: bool
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., hold_s: _Optional[float] = ..., unchanged: _Optional[bool] = ...) -> None: ...

class Committed(_message.Message):
    __slots__ = ("until_s",)
    UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    until_s: float
    def __init__(self, until_s: _Optional[float] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("uids",)
    UIDS_FIELD_NUMBER: _ClassVar[int]
    uids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, uids: _Optional[_Iterable[str]] = ...) -> None: ...

class Released(_message.Message):
    __slots__ = ("released", "unknown")
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    released: _containers.RepeatedScalarFieldContainer[str]
    unknown: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, released: _Optional[_Iterable[str]] = ..., unknown: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("pod", "uid", "request")
    POD_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    pod: str
    uid: str
    request: Request
    def __init__(self, pod: _Optional[str] = ..., uid: _Optional[str] = ..., request: _Optional[_Union[Request, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("text", "node")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    text: str
    node: str
    def __init__(self, text: _Optional[str] = ..., node: _Optional[str] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SlotState(_message.Message):
    __slots__ = ("slot", "free_milli", "free_memory_mib", "milli", "memory_mib", "isolation", "clients")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    FREE_MILLI_FIELD_NUMBER: _ClassVar[int]
    FREE_MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    slot: Slot
    free_milli: int
    free_memory_mib: int
    milli: int
    memory_mib: int
    isolation: Isolation
    clients: int
    def __init__(self, slot: _Optional[_Union[Slot, _Mapping]] = ..., free_milli: _Optional[int] = ..., free_memory_mib: _Optional[int] = ..., milli: _Optional[int] = ..., memory_mib: _Optional[int] = ..., isolation: _Optional[_Union[Isolation, str]] = ..., clients: _Optional[int] = ...) -> None: ...

class Taint(_message.Message):
    __slots__ = ("key", "value", "effect")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    effect: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ..., effect: _Optional[str] = ...) -> None: ...

class NodeState(_message.Message):
    __slots__ = ("name", "version", "schedulable", "cpu_milli", "free_cpu_milli", "memory_mib", "free_memory_mib", "gpu_model", "gpu_memory_mib", "anonymous_gpus", "slots", "labels", "row", "taints")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEDULABLE_FIELD_NUMBER: _ClassVar[int]
    CPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    FREE_CPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    FREE_MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    GPU_MODEL_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_GPUS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    TAINTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    schedulable: bool
    cpu_milli: int
    free_cpu_milli: int
    memory_mib: int
    free_memory_mib: int
    gpu_model: str
    gpu_memory_mib: int
    anonymous_gpus: bool
    slots: _containers.RepeatedCompositeFieldContainer[SlotState]
    labels: _containers.ScalarMap[str, str]
    row: int
    taints: _containers.RepeatedCompositeFieldContainer[Taint]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., schedulable: _Optional[bool] = ..., cpu_milli: _Optional[int] = ..., free_cpu_milli: _Optional[int] = ..., memory_mib: _Optional[int] = ..., free_memory_mib: _Optional[int] = ..., gpu_model: _Optional[str] = ..., gpu_memory_mib: _Optional[int] = ..., anonymous_gpus: _Optional[bool] = ..., slots: _Optional[_Iterable[_Union[SlotState, _Mapping]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., row: _Optional[int] = ..., taints: _Optional[_Iterable[_Union[Taint, _Mapping]]] = ...) -> None: ...

class PodState(_message.Message):
    __slots__ = ("uid", "standing", "placement", "priority", "gang", "until_s")
    UID_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    GANG_FIELD_NUMBER: _ClassVar[int]
    UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    uid: str
    standing: Standing
    placement: Placement
    priority: int
    gang: str
    until_s: float
    def __init__(self, uid: _Optional[str] = ..., standing: _Optional[_Union[Standing, str]] = ..., placement: _Optional[_Union[Placement, _Mapping]] = ..., priority: _Optional[int] = ..., gang: _Optional[str] = ..., until_s: _Optional[float] = ...) -> None: ...

class SnapshotPart(_message.Message):
    __slots__ = ("now_s", "nodes", "pods", "placement")
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    PODS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    now_s: float
    nodes: _containers.RepeatedCompositeFieldContainer[NodeState]
    pods: _containers.RepeatedCompositeFieldContainer[PodState]
    placement: str
    def __init__(self, now_s: _Optional[float] = ..., nodes: _Optional[_Iterable[_Union[NodeState, _Mapping]]] = ..., pods: _Optional[_Iterable[_Union[PodState, _Mapping]]] = ..., placement: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DecisionEvent(_message.Message):
    __slots__ = ("time_s", "kind", "uid", "node", "why", "victims", "client", "missed")
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    VICTIMS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    time_s: float
    kind: Kind
    uid: str
    node: str
    why: str
    victims: _containers.RepeatedScalarFieldContainer[str]
    client: str
    missed: int
    def __init__(self, time_s: _Optional[float] = ..., kind: _Optional[_Union[Kind, str]] = ..., uid: _Optional[str] = ..., node: _Optional[str] = ..., why: _Optional[str] = ..., victims: _Optional[_Iterable[str]] = ..., client: _Optional[str] = ..., missed: _Optional[int] = ...) -> None: ...
