"""Pods in the words of other projects, none of which runs here: gangs, shares, contradictions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from time import monotonic, sleep
from typing import Any

import pytest

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.nodes import H100, plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, phase
from .asking import gang_of, ours
from .auditing import audited
from .checks import check
from .kinds import (
    GODEL_POD_GROUPS,
    JOB_SETS,
    KAI_POD_GROUPS,
    OLD_POD_GROUPS,
    POD_GROUPS,
    PYTORCH_JOBS,
    RAY_CLUSTERS,
    VOLCANO_POD_GROUPS,
    Kind,
    defined,
    make,
    owned_by,
)
from .running import NOT_COUNTED, Extender, Setup, extender

pytestmark = pytest.mark.controlplane

N_MEMBERS, GPUS = 4, 4
"""A gang fills two nodes of eight GPUs."""
COUNT = "kueue.x-k8s.io/pod-group-total-count"
APP = "yunikorn.apache.org/app-id"
TASK, TASKS = "yunikorn.apache.org/task-group-name", "yunikorn.apache.org/task-groups"
KOORDINATOR = "gang.scheduling.koordinator.sh"


@pytest.fixture(scope="module")
def running(plane: Plane) -> Iterator[Extender]:
    """The cluster has the kinds of these projects, and none of their schedulers."""
    setup = Setup({"gangs": {"hold_s": 20.0, "settle_s": 1.0}}, timeout_s=10.0)
    with (
        defined(
            plane.client,
            VOLCANO_POD_GROUPS,
            KAI_POD_GROUPS,
            OLD_POD_GROUPS,
            POD_GROUPS,
            GODEL_POD_GROUPS,
            JOB_SETS,
            PYTORCH_JOBS,
            RAY_CLUSTERS,
        ),
        extender(plane, "foreign", setup) as started,
    ):
        yield started


def tasks(**least: int) -> str:
    return json.dumps([{"name": name, "minMember": n} for name, n in least.items()])


def said_by(project: str, name: str) -> tuple[Object, tuple[Kind, Object] | None]:
    """Return what the pods of a gang say, and the PodGroup that there is of it."""
    least: Object = {"minMember": N_MEMBERS}
    return {
        "volcano": (
            {"annotations": {"scheduling.k8s.io/group-name": name}},
            (VOLCANO_POD_GROUPS, least | {"queue": "default", "minTaskMember": {}}),
        ),
        "kai": (
            {"annotations": {"pod-group-name": name}, "labels": {"kai.scheduler/queue": "team"}},
            (KAI_POD_GROUPS, least | {"queue": "team"}),
        ),
        "koordinator": (
            {"annotations": {f"{KOORDINATOR}/name": name,
                             f"{KOORDINATOR}/min-available": str(N_MEMBERS)}}, None,
        ),
        "koordinator-group": (
            {"labels": {"pod-group.scheduling.sigs.k8s.io": name}}, (OLD_POD_GROUPS, least),
        ),
        "kueue": (
            {"labels": {"kueue.x-k8s.io/pod-group-name": name},
             "annotations": {COUNT: str(N_MEMBERS)}}, None,
        ),
        "yunikorn": (
            {"labels": {APP: name},
             "annotations": {TASK: "workers", TASKS: tasks(workers=N_MEMBERS)}}, None,
        ),
    }[project]  # fmt: skip


def gang(client: Client, project: str, name: str) -> list[Object]:
    """Make what there is of a gang but for its pods, and return these."""
    said, group = said_by(project, name)
    if group is not None:
        make(client, group[0], name, group[1])
    return [ours(f"{name}-{k}", GPUS, **said) for k in range(N_MEMBERS)]


def bound(client: Client, name: str) -> int:
    """Return how many pods of a gang are bound."""
    pods = client.list("Pod", "default")
    return sum(gang_of(each) == name and bool(node_of(each)) for each in pods)


PROJECTS = ("volcano", "kai", "koordinator", "koordinator-group", "kueue", "yunikorn")


@pytest.mark.parametrize("project", PROJECTS)
def test_a_gang_starts_whole_and_a_second_one_when_there_is_room(
    client: Client, running: Extender, project: str
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    first, second = f"{project}-1", f"{project}-2"
    pods, others = gang(client, project, first), gang(client, project, second)
    with audited(running.plane, dict.fromkeys((first, second), N_MEMBERS)) as audit:
        client.create_all(pods[:-1])
        missing = f"Gang default/{first} waits: 3 of 4 pods exist"
        wait_for("its event", lambda: _said(client, f"{first}-0", missing))
        sleep(1)
        assert bound(client, first) == 0
        client.create(pods[-1])
        wait_for("all", lambda: bound(client, first) == N_MEMBERS, 30.0)
        client.create_all(others)
        wait_for("its event", lambda: events(client, f"{second}-0", "FailedScheduling"))
        assert bound(client, second) == 0
        for each in pods:
            client.delete("Pod", each["metadata"]["name"])
        wait_for("the other", lambda: bound(client, second) == N_MEMBERS, 45.0)
        check(client, running, [each["metadata"]["name"] for each in others], audit)
        assert audit.in_part_s(monotonic()) == {}


GROUP_OF_FOUR = {"minMember": N_MEMBERS}
JOB_OF_FOUR = {"replicas": 1, "name": "w", "template": {"spec": {"parallelism": N_MEMBERS}}}
NAMED: dict[str, tuple[Object, tuple[Kind, Object] | None]] = {
    "scheduler-plugins": (
        {"labels": {"scheduling.x-k8s.io/pod-group": "g"}}, (POD_GROUPS, GROUP_OF_FOUR),
    ),
    "scheduler-plugins-by-pods": (
        {"labels": {"pod-group.scheduling.sigs.k8s.io/name": "g",
                    "pod-group.scheduling.sigs.k8s.io/min-available": "4"}}, None,
    ),
    "volcano-by-pods": (
        {"annotations": {"scheduling.volcano.sh/group-name": "g",
                         "scheduling.volcano.sh/group-min-member": "4"}}, None,
    ),
    "volcano-tiers": (
        {"annotations": {"scheduling.k8s.io/group-name": "g"}},
        (VOLCANO_POD_GROUPS, GROUP_OF_FOUR | {"networkTopology": {"mode": "hard"}}),
    ),
    "kai-by-pods": (
        {"annotations": {"pod-group-name": "g", "kai.scheduler/batch-min-member": "4"}}, None,
    ),
    "koordinator-not-strict": (
        {"annotations": {f"{KOORDINATOR}/name": "g", f"{KOORDINATOR}/min-available": "4",
                         f"{KOORDINATOR}/mode": "NonStrict"}}, None,
    ),
    "godel": (
        {"annotations": {"godel.bytedance.com/pod-group-name": "g"}},
        (GODEL_POD_GROUPS, GROUP_OF_FOUR),
    ),
    "yunikorn-soft": (
        {"labels": {APP: "g"},
         "annotations": {TASK: "w", TASKS: tasks(w=4), "yunikorn.apache.org/"
                         "schedulingPolicyParameters": "gangSchedulingStyle=Soft"}}, None,
    ),
    "leader-worker-set": (
        {"labels": {"leaderworkerset.sigs.k8s.io/name": "g",
                    "leaderworkerset.sigs.k8s.io/group-index": "0"},
         "annotations": {"leaderworkerset.sigs.k8s.io/size": "4"}}, None,
    ),
    "job-set": (
        {"labels": {"jobset.sigs.k8s.io/jobset-name": "g"}},
        (JOB_SETS, {"replicatedJobs": [JOB_OF_FOUR]}),
    ),
    "kubeflow": (
        {"labels": {"training.kubeflow.org/job-name": "g"}},
        (PYTORCH_JOBS, {"pytorchReplicaSpecs": {"Worker": {"replicas": N_MEMBERS}}}),
    ),
    "ray": (
        {"labels": {"ray.io/cluster": "g"}},
        (RAY_CLUSTERS, {"workerGroupSpecs": [{"replicas": N_MEMBERS - 1}]}),
    ),
}  # fmt: skip
"""Each other way in which a gang of four is named, and what there is of it."""
OWNERS = (JOB_SETS, PYTORCH_JOBS, RAY_CLUSTERS)


@pytest.mark.parametrize("way", NAMED)
def test_a_gang_that_is_named_otherwise_waits_for_all_of_its_pods_too(
    client: Client, running: Extender, way: str
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    said, there = NAMED[way]
    pods = [ours(f"{way}-{k}", GPUS, **said) for k in range(N_MEMBERS)]
    if there is not None:
        kind, spec = there
        thing = make(client, kind, "g", spec)
        for each in pods if kind in OWNERS else ():
            each["metadata"]["ownerReferences"] = owned_by(thing)
    names = [each["metadata"]["name"] for each in pods]
    try:
        client.create_all(pods[:-1])
        _explained(client, running, names[0], "3 of 4 pods exist")
        assert not any(map(node_of, client.list("Pod", "default")))
        client.create(pods[-1])
        wait_for("all", lambda: all(map(node_of, client.list("Pod", "default"))), 30.0)
        check(client, running, names)
    finally:
        if there is not None:
            group, version, _, plural = there[0]
            client.call("DELETE", f"apis/{group}/{version}/namespaces/default/{plural}/g")


TOPOLOGY: dict[str, Object] = {
    key: {"annotations": {key: "topology.kubernetes.io/rack"}}
    for key in (
        "kueue.x-k8s.io/podset-required-topology", "kueue.x-k8s.io/podset-preferred-topology",
        "kai.scheduler/topology-required-placement", "kai.scheduler/topology-preferred-placement",
    )
}  # fmt: skip


@pytest.mark.parametrize("key", [*TOPOLOGY, "topologyConstraint"])
def test_a_gang_that_wishes_so_starts_in_one_rack(
    client: Client, running: Extender, key: str
) -> None:
    racks = {"a": "small", "b": "large", "c": "large"}
    label = "topology.kubernetes.io/rack"
    made = [plain(name) for name in racks]
    for each in made:
        each["metadata"]["labels"][label] = racks[each["metadata"]["name"]]
    add_nodes(client, *made)
    name = f"rack-{key.rpartition('/')[2].lower()}"
    if key in TOPOLOGY:
        said = {"pod-group-name": name, "kai.scheduler/batch-min-member": "4"}
        annotations = said | TOPOLOGY[key]["annotations"]
    else:
        annotations = {"pod-group-name": name}
        spec = GROUP_OF_FOUR | {key: {"requiredTopologyLevel": label}}
        make(client, KAI_POD_GROUPS, name, spec)
    placed = run(client, *(ours(f"{name}-{k}", GPUS, annotations=annotations) for k in range(4)))
    assert {node_of(each) for each in placed.values()} == {"b", "c"}
    check(client, running, list(placed))


def parts_of(project: str, name: str) -> tuple[dict[str, Object], tuple[Kind, Object] | None]:
    """Return what pods of the parts a and b say, one and two of which must start."""
    parts, least = ("a", "b"), {"a": 1, "b": 2}
    groups = [{"name": part, "minMember": n} for part, n in least.items()]
    return {
        "volcano": (
            {part: {"annotations": {"scheduling.k8s.io/group-name": name,
                                    "volcano.sh/task-spec": part}} for part in parts},
            (VOLCANO_POD_GROUPS, {"minMember": 3, "minTaskMember": least}),
        ),
        "kai": (
            {part: {"annotations": {"pod-group-name": name},
                    "labels": {"kai.scheduler/subgroup-name": part}} for part in parts},
            (KAI_POD_GROUPS, {"minMember": 3, "subGroups": groups}),
        ),
        "yunikorn": (
            {part: {"labels": {APP: name},
                    "annotations": {TASK: part, TASKS: tasks(**least)}} for part in parts}, None,
        ),
    }[project]  # fmt: skip


@pytest.mark.parametrize("project", ["volcano", "kai", "yunikorn"])
def test_parts_of_a_gang_have_minima_of_their_own(
    client: Client, running: Extender, project: str
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    said, group = parts_of(project, f"{project}-parts")
    if group is not None:
        make(client, group[0], f"{project}-parts", group[1])
    pods = [ours(f"{part}-{k}", GPUS, **said[part]) for part in "ab" for k in range(2)]
    client.create_all(pods[:-1])
    _explained(client, running, "a-0", "1 of 2 pods of b exist")
    assert not any(map(node_of, client.list("Pod", "default")))
    client.create(pods[-1])
    wait_for("all", lambda: all(map(node_of, client.list("Pod", "default"))), 30.0)
    check(client, running, [each["metadata"]["name"] for each in pods])


def test_pods_of_kueue_wait_until_the_last_is_admitted(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    gates = [{"name": "kueue.x-k8s.io/admission"}]
    pods = gang(client, "kueue", "admitted")
    for each in pods[1:]:
        each["spec"]["schedulingGates"] = gates
    client.create_all(pods)
    gated = "1 of 4 pods exist, 3 more are gated"
    wait_for("its event", lambda: _said(client, "admitted-0", gated))
    for each in pods[1:]:
        client.patch("Pod", each["metadata"]["name"], {"spec": {"schedulingGates": None}})
    wait_for("all", lambda: bound(client, "admitted") == N_MEMBERS, 30.0)
    check(client, running, [each["metadata"]["name"] for each in pods])


def test_two_keys_that_divide_pods_differently_are_refused(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    key = "scheduling.k8s.io/group-name"
    names = ["x", "x", "y", "y"]
    pods = [
        ours(f"torn-{k}", GPUS, labels={"kueue.x-k8s.io/pod-group-name": "torn"},
             annotations={key: name, COUNT: "4"})
        for k, name in enumerate(names)
    ]  # fmt: skip
    client.create_all(pods)
    told = wait_for("its event", lambda: _said(client, "torn-3", "keep one key"))
    assert "kueue.x-k8s.io/pod-group-name puts its pods into default/torn with" in told
    page = running.page("/explain/default/torn-3")
    assert "keep one key that names gangs" in page["problem"]
    sleep(1)
    assert all(not node_of(each) for each in client.list("Pod", "default"))
    for each in pods:
        change = {"metadata": {"annotations": {key: "x"}}}
        client.patch("Pod", each["metadata"]["name"], change)
    wait_for("all", lambda: all(map(node_of, client.list("Pod", "default"))), 45.0)
    check(client, running, [each["metadata"]["name"] for each in pods])


VGPU = {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "1024",
        "volcano.sh/vgpu-cores": "50"}  # fmt: skip
KOORD = {"koordinator.sh/gpu-core": "50", "koordinator.sh/gpu-memory-ratio": "50"}
HALF = {"koordinator.sh/gpu": "50"}
VOLCANO_OFF = "set devices.volcano = true, or leave such pods to its own scheduler"
KOORD_OFF = "set devices.koordinator = true, or leave such pods to its own scheduler"
REFUSED: dict[str, tuple[Object, str]] = {
    "kai-fraction": (
        {"annotations": {"gpu-fraction": "0.5"}},
        "gpu-fraction: nothing on the nodes enforces it, KAI's binder would",
    ),
    "kai-memory": (
        {"annotations": {"gpu-memory": "4096"}},
        "gpu-memory: nothing on the nodes enforces it, KAI's binder would",
    ),
    "volcano": (
        {"resources": VGPU}, VOLCANO_OFF,
    ),
    "volcano-percent": (
        {"resources": {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory-percentage": "50"}},
        VOLCANO_OFF,
    ),
    "volcano-no-number": (
        {"resources": {"volcano.sh/vgpu-memory": "1024"}},
        "volcano.sh/vgpu-memory: without volcano.sh/vgpu-number",
    ),
    "volcano-mig": (
        {"resources": VGPU, "annotations": {"volcano.sh/vgpu-mode": "mig"}},
        "vgpu-mode: 'mig': Volcano's own scheduler has to choose the instance",
    ),
    "volcano-spread": (
        {"resources": VGPU, "annotations": {"volcano.sh/vgpu-podgroup-policy": "spread"}},
        "vgpu-podgroup-policy: nothing keeps pods of a group off each other's GPUs",
    ),
    "volcano-uuid": (
        {"resources": {"nvidia.com/gpu": "1"},
         "annotations": {"volcano.sh/vgpu-nouse-gpuuuid": "GPU-1"}},
        "vgpu-nouse-gpuuuid: Volcano's word beside nvidia.com/gpu",
    ),
    "volcano-old-memory": (
        {"resources": {"volcano.sh/gpu-memory": "10"}}, "is of Volcano's old GPU sharing",
    ),
    "volcano-old-number": (
        {"resources": {"volcano.sh/gpu-number": "1"}}, "is of Volcano's old GPU sharing",
    ),
    "koordinator": ({"resources": KOORD}, KOORD_OFF),
    "koordinator-gpu": ({"resources": HALF}, KOORD_OFF),
    "koordinator-shared": (
        {"resources": {"koordinator.sh/gpu.shared": "1", "koordinator.sh/gpu-memory": "50"}},
        KOORD_OFF,
    ),
    "koordinator-core": (
        {"resources": {"koordinator.sh/gpu-core": "50"}},
        "asks for koordinator.sh/gpu-core; Koordinator takes koordinator.sh/gpu alone",
    ),
    **{
        name.replace(".sh/", "-"): (
            {"resources": HALF | {name: "1"}},
            f"{name}: Koordinator's own scheduler has to choose it",
        )
        for name in ("koordinator.sh/rdma", "koordinator.sh/fpga")
    },
    **{
        key.partition("/")[2]: (
            {"resources": HALF, "annotations": {key: "{}"}},
            f"{key}: nothing on the nodes enforces it, Koordinator's scheduler would choose so",
        )
        for key in (
            "scheduling.koordinator.sh/device-allocate-hint",
            "scheduling.koordinator.sh/device-joint-allocate",
            "scheduling.koordinator.sh/gpu-partition-spec",
        )
    },
    "two-ways": (
        {"resources": VGPU | HALF},
        "asks for GPUs by Volcano (volcano.sh/vgpu-*) and by Koordinator (koordinator.sh/gpu*)",
    ),
    **{
        name: (
            {"resources": {f"gpu.intel.com/{card}": "1"}, "annotations": {name: "card0"}},
            f"{name}: nothing on the nodes enforces it, Intel's GPU Aware Scheduling would",
        )
        for name, card in (("gas-deny", "i915"), ("gas-allow", "xe"), ("gas-same-gpu", "i915"),
                           ("gas-allocate-xelink", "xe"))
    },
    "two-queues": (
        {"labels": {"kai.scheduler/queue": "a", "kueue.x-k8s.io/queue-name": "b"}},
        "names two queues, b (kueue.x-k8s.io/queue-name) and a (kai.scheduler/queue)",
    ),
    "count": (
        {"labels": {"kueue.x-k8s.io/pod-group-name": "g"}, "annotations": {COUNT: "four"}},
        "pod-group-total-count: 'four' is no whole number from 1 on",
    ),
    "task-group": (
        {"labels": {APP: "app"}, "annotations": {TASK: "x", TASKS: tasks(w=2)}},
        "task-group-name: 'x' is none of w",
    ),
    "tied-gangs": (
        {"annotations": {f"{KOORDINATOR}/name": "a",
                         f"{KOORDINATOR}/groups": '["default/a","default/b"]'}},
        "ties gangs to each other, which is not done",
    ),
}  # fmt: skip


def test_what_nothing_enforces_or_nobody_can_read_is_refused_by_its_key(
    client: Client, running: Extender
) -> None:
    """The node has all of it, as far as kube-scheduler can see."""
    names = {name for asked, _ in REFUSED.values() for name in asked.get("resources", ())}
    shown = sorted(names - {"nvidia.com/gpu", *NOT_COUNTED})
    amounts = dict.fromkeys(shown, "100") | {"volcano.sh/vgpu-memory": "81559"}
    add_nodes(client, _with("a", amounts))
    client.create_all(ours(name, **asked) for name, (asked, _) in REFUSED.items())
    for name, (_, why) in REFUSED.items():
        for reason in ("FailedScheduling", "BayplanPending"):  # kube-scheduler's, and our own
            told = wait_for(f"{reason} of {name}", partial(events, client, name, reason))
            assert why.casefold() in _joined(told[0]["message"]).casefold()
        assert phase(client.get("Pod", name)) == "Pending"
    check(client, running, list(REFUSED))


def test_intels_resources_are_counted_by_node(client: Client, running: Extender) -> None:
    memory = {"gpu.intel.com/memory.max": str(32 * 2**30)}
    has = {"gpu.intel.com/i915": "4", "gpu.intel.com/millicores": "1250"} | memory
    has |= {"gpu.intel.com/xe": "1", "gpu.intel.com/tiles": "2", "gpu.intel.com/i915_monitoring":
            "1"}  # fmt: skip
    add_nodes(client, _with("a", has), _with("b", has), plain("c"))
    asks = {"gpu.intel.com/i915": "1", "gpu.intel.com/millicores": "500",
            "gpu.intel.com/memory.max": "8Gi"}  # fmt: skip
    placed = run(client, *(ours(f"card-{k}", resources=asks) for k in range(4)))
    assert sorted(node_of(each) for each in placed.values()) == ["a", "a", "b", "b"]
    client.create(ours("more", resources=asks))
    wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
    for name in ("xe", "tiles", "i915_monitoring"):
        one = {f"gpu.intel.com/{name}": has[f"gpu.intel.com/{name}"]}
        made = run(client, *(ours(f"{name[:4]}-{k}", resources=one) for k in range(2)))
        assert {node_of(each) for each in made.values()} == {"a", "b"}
        placed |= made
    check(client, running, [*placed, "more"])


def _explained(client: Client, running: Extender, pod: str, part: str) -> None:
    """Wait until a pod is said to wait for some reason.

    Another Event with the number of pods that there are by now is not made at once.
    """
    wait_for("its event", lambda: events(client, pod, "BayplanPending"))
    wait_for(part, lambda: part in running.page(f"/explain/default/{pod}")["text"])


def _said(client: Client, pod: str, part: str) -> str:
    """Return the newest message to a pod that has some words in it."""
    told = [_joined(each["message"]) for each in events(client, pod, "BayplanPending")]
    return next((text for text in reversed(told) if part in text), "")


def _joined(lines: str) -> str:
    """Return the note of an Event without its folds."""
    return " ".join(lines.split())


def _with(name: str, amounts: dict[str, str]) -> Object:
    """Return a node that shows other devices, too."""
    made: dict[str, Any] = plain(name, H100)
    for which in ("capacity", "allocatable"):
        made["status"][which] |= amounts
    return made
