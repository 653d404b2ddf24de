"""The names that users' clusters already have: resources, labels, annotations, by project."""

from __future__ import annotations

GPU = "nvidia.com/gpu"
PRODUCT, GPU_MEMORY = "nvidia.com/gpu.product", "nvidia.com/gpu.memory"
GPU_ISLAND = "bayplan.io/gpu-island"
"""Of a node: NVLink joins so many of its GPUs, in groups with consecutive indices."""

GANG_OF_JOB = "bayplan.io/gang"
"""Of a pod: ``job`` lets the pods of its Job start together; by itself a Job is no gang."""

OURS = "bayplan.io/"
GPU_MODELS, LEAST_MEMORY = "bayplan.io/gpu-models", "bayplan.io/gpu-memory"
GPU_TOPOLOGY = "bayplan.io/gpu-topology"
"""Of a pod: which of the GPUs that it asks for will do. See ``refining``."""

QUEUE = "bayplan.io/queue"
"""Of a pod: the label names its queue; the scheduling gate lets it wait for its turn there."""

RUN_TIME = "bayplan.io/run-time"
"""Of a pod: how long it is expected to run, for backfilling. See ``run_time``."""

NUDGED = "bayplan.io/nudged"
"""Of a pod: the extender has touched it, so that kube-scheduler looks at it again."""

REPARTITION, REPARTITIONED = "bayplan.io/repartition", "bayplan.io/repartitioned"
"""Of a node: how far its repartitioning is, and when the last one ended."""

MIG_PREFIX, GPU_SHARED = "nvidia.com/mig-", "nvidia.com/gpu.shared"
GPU_COUNT = "nvidia.com/gpu.count"
MIG_STRATEGY, MIG_CAPABLE = "nvidia.com/mig.strategy", "nvidia.com/mig.capable"
MIG_CONFIG, MIG_STATE = "nvidia.com/mig.config", "nvidia.com/mig.config.state"
MIG_MANAGER = "nvidia.com/gpu.deploy.mig-manager"
REPLICAS, STRATEGY = "nvidia.com/gpu.replicas", "nvidia.com/gpu.sharing-strategy"

HAMI_MEMORY, HAMI_PERCENT = "nvidia.com/gpumem", "nvidia.com/gpumem-percentage"
HAMI_CORES, HAMI_PRIORITY = "nvidia.com/gpucores", "nvidia.com/priority"
HAMI_MODE = "nvidia.com/vgpu-mode"
HAMI_TYPES, HAMI_NOT_TYPES = "nvidia.com/use-gputype", "nvidia.com/nouse-gputype"
HAMI_UUIDS, HAMI_NOT_UUIDS = "nvidia.com/use-gpuuuid", "nvidia.com/nouse-gpuuuid"

VOLCANO = "volcano.sh/"
VOLCANO_NUMBER, VOLCANO_MEMORY = "volcano.sh/vgpu-number", "volcano.sh/vgpu-memory"
VOLCANO_CORES, VOLCANO_PERCENT = "volcano.sh/vgpu-cores", "volcano.sh/vgpu-memory-percentage"
VOLCANO_NAMES = (VOLCANO_NUMBER, VOLCANO_MEMORY, VOLCANO_PERCENT, VOLCANO_CORES)
VOLCANO_UUIDS, VOLCANO_NOT_UUIDS = "volcano.sh/vgpu-use-gpuuuid", "volcano.sh/vgpu-nouse-gpuuuid"
VOLCANO_MODE, VOLCANO_SPREAD = "volcano.sh/vgpu-mode", "volcano.sh/vgpu-podgroup-policy"

VOLCANO_OLD = ("volcano.sh/gpu-memory", "volcano.sh/gpu-number")
"""Of Volcano's GPU sharing before its vGPU device plugin."""

ALIYUN = "aliyun.com/gpu"
ALIYUN_MEMORY, ALIYUN_COUNT = "aliyun.com/gpu-mem", "aliyun.com/gpu-count"
ALIYUN_INDEX = "ALIYUN_COM_GPU_MEM_IDX"

KOORD = "koordinator.sh/"
KOORD_GPU, KOORD_CORE = "koordinator.sh/gpu", "koordinator.sh/gpu-core"
KOORD_MEMORY, KOORD_RATIO = "koordinator.sh/gpu-memory", "koordinator.sh/gpu-memory-ratio"
KOORD_SHARED = "koordinator.sh/gpu.shared"
KOORD_NAMES = (KOORD_GPU, KOORD_CORE, KOORD_MEMORY, KOORD_RATIO, KOORD_SHARED)
KOORD_MODEL = "node.koordinator.sh/gpu-model"
KOORD_VENDOR = "node.koordinator.sh/gpu-vendor"
KOORD_PARTITIONS = "node.koordinator.sh/gpu-partition-policy"
KOORD_GIVEN = "scheduling.koordinator.sh/device-allocated"
KOORD_MINORS = "scheduling.koordinator.sh/gpu-minors"
KOORD_BOUND = "scheduling.koordinator.sh/bind-timestamp"
KOORD_CHOICES = (
    "scheduling.koordinator.sh/device-allocate-hint",
    "scheduling.koordinator.sh/device-joint-allocate",
    "scheduling.koordinator.sh/gpu-partition-spec",
)
"""Annotations by which Koordinator's scheduler chooses among the devices of a node."""

YUNIKORN_APP = "yunikorn.apache.org/app-id"
YUNIKORN_TASK_GROUP = "yunikorn.apache.org/task-group-name"
YUNIKORN_TASK_GROUPS = "yunikorn.apache.org/task-groups"

KOORD_GANG = "gang.scheduling.koordinator.sh/name"
KOORD_GANGS = "gang.scheduling.koordinator.sh/groups"

INTEL = "gpu.intel.com/"
INTEL_MEMORY = "gpu.intel.com/memory.max"
GAS_CHOICES = ("gas-allow", "gas-deny", "gas-same-gpu", "gas-allocate-xelink")
"""Annotations by which Intel's GPU Aware Scheduling chooses among the cards of a node."""

KAI_FRACTION, KAI_MEMORY = "gpu-fraction", "gpu-memory"
KAI_DEVICES = "gpu-fraction-num-devices"
KAI_GROUP = "runai-gpu-group"
KAI_RESERVATIONS = frozenset({"kai-resource-reservation", "runai-reservation"})
"""Namespaces of pods that hold a GPU for those that share it: not pods of their own."""

SHARED_PREFIXES = (KOORD, ALIYUN, VOLCANO, HAMI_MEMORY, HAMI_CORES, HAMI_PRIORITY)
"""Resources that say how GPUs are shared: part of a device request, never counted by themselves."""
