"""Objects as each project writes them: which gang, how many of it, and what they ask for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bayplan.scheduler.types import Topology, TopologyLevel
from bayplan.traces.kubernetes.minima import wrong_with
from bayplan.traces.kubernetes.pods import member_of
from bayplan.traces.kubernetes.schemes import BY_KEY, SCHEMES, named_by, rivals_of

from .support import Object, node, pod, read, told

Sizes = list[tuple[str, int, int | None]]
"""Role, members and least, by role."""


@dataclass(frozen=True)
class Family:
    """Pods of one gang in the words of a project, and what is read of them."""

    name: str
    members: list[Object]
    sizes: Sizes
    things: list[Object] = field(default_factory=list)
    queue: str = ""
    topology: tuple[Topology, ...] = ()


def group(api: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": api, "kind": "PodGroup", "metadata": metadata, "spec": spec}


def task_groups(**least: int) -> str:
    """The annotation as users write it; keys that are not read are left in."""
    return json.dumps(
        [
            {"name": name, "minMember": n, "minResource": {"cpu": "1", "nvidia.com/gpu": "1"},
             "nodeSelector": {}, "tolerations": [], "affinity": {}}
            for name, n in least.items()
        ]
    )  # fmt: skip


def volcano() -> Family:
    """A Job of Volcano: the controller makes the PodGroup and the pods."""
    said = {
        "scheduling.k8s.io/group-name": "mpi-3f1c",
        "volcano.sh/job-name": "mpi",
        "volcano.sh/queue-name": "research",
        "scheduling.volcano.sh/queue-name": "research",
        "volcano.sh/preemptable": "true",
    }
    members = [
        pod(f"mpi-{task}-{k}", annotations=said | {"volcano.sh/task-spec": task},
            labels={"volcano.sh/job-name": "mpi"})
        for task, n in (("master", 1), ("worker", 3))
        for k in range(n)
    ]  # fmt: skip
    spec = {"minMember": 3, "minTaskMember": {"master": 1, "worker": 2}, "queue": "research"}
    return Family(
        "mpi-3f1c",
        members,
        [("master", 1, 1), ("worker", 3, 2)],
        [group("scheduling.volcano.sh/v1beta1", "mpi-3f1c", spec)],
        queue="research",
    )


def kai() -> Family:
    """A PyTorchJob as KAI's podgrouper leaves it."""
    members = [
        pod(
            f"train-{part}-{k}",
            annotations={"pod-group-name": "pg-train-77"},
            labels={"kai.scheduler/queue": "team-a", "kai.scheduler/subgroup-name": part},
        )
        for part, n in (("master", 1), ("worker", 4))
        for k in range(n)
    ]
    spec = {
        "minMember": 4,
        "queue": "team-a",
        "priorityClassName": "train",
        "subGroups": [
            {"name": "all"},
            {"name": "master", "parent": "all", "minMember": 1},
            {"name": "worker", "parent": "all", "minMember": 3},
        ],
        "topologyConstraint": {
            "topology": "datacenter",
            "requiredTopologyLevel": "topology.example.com/rack",
            "preferredTopologyLevel": "nvidia.com/gpu.clique",
        },
    }
    rack = Topology(TopologyLevel.RACK)
    clique = Topology(TopologyLevel.NVLINK_DOMAIN, required=False)
    return Family(
        "pg-train-77",
        members,
        [("master", 1, 1), ("worker", 4, 3)],
        [group("scheduling.run.ai/v2alpha2", "pg-train-77", spec)],
        queue="team-a",
        topology=(rack, clique),
    )


def koordinator() -> Family:
    """Annotations alone: no PodGroup is made for these."""
    prefix = "gang.scheduling.koordinator.sh"
    said = {
        f"{prefix}/name": "gang-a",
        f"{prefix}/min-available": "2",
        f"{prefix}/total-number": "3",
        f"{prefix}/mode": "NonStrict",
        f"{prefix}/waiting-time": "30s",
        f"{prefix}/groups": '["default/gang-a"]',
    }
    labels = {"quota.scheduling.koordinator.sh/name": "gold"}
    members = [pod(f"w-{k}", annotations=said, labels=labels) for k in range(3)]
    return Family("gang-a", members, [("", 3, 2)], queue="gold")


def koordinator_group() -> Family:
    """A PodGroup of the API group that Koordinator keeps of older scheduler-plugins."""
    members = [pod(f"w-{k}", labels={"pod-group.scheduling.sigs.k8s.io": "g"}) for k in range(3)]
    spec = {"minMember": 2, "scheduleTimeoutSeconds": 600}
    return Family("g", members, [("", 3, 2)], [group("scheduling.sigs.k8s.io/v1alpha1", "g", spec)])


def kueue() -> Family:
    """Plain pods: all of a group are there before any is admitted."""
    labels = {"kueue.x-k8s.io/queue-name": "user-queue", "kueue.x-k8s.io/pod-group-name": "set"}
    labels["kueue.x-k8s.io/managed"] = "true"
    said = {
        "kueue.x-k8s.io/pod-group-total-count": "3",
        "kueue.x-k8s.io/podset-required-topology": "cloud.provider.com/topology-block",
    }
    members = [pod(f"set-{k}", labels=labels, annotations=said) for k in range(3)]
    block = Topology(TopologyLevel.BLOCK)
    return Family("set", members, [("", 3, 3)], queue="user-queue", topology=(block,))


def yunikorn() -> Family:
    """Ray by KubeRay: every pod has all task groups."""
    said = {"yunikorn.apache.org/task-groups": task_groups(headgroup=1, worker=2)}
    said["yunikorn.apache.org/schedulingPolicyParameters"] = "gangSchedulingStyle=Hard"
    labels = {"yunikorn.apache.org/app-id": "ray-1", "yunikorn.apache.org/queue": "root.ml"}
    members = [
        pod(f"ray-{task}-{k}", labels=labels,
            annotations=said | {"yunikorn.apache.org/task-group-name": task})
        for task, n in (("headgroup", 1), ("worker", 3))
        for k in range(n)
    ]  # fmt: skip
    return Family("ray-1", members, [("headgroup", 1, 1), ("worker", 3, 2)], queue="root.ml")


def spark() -> Family:
    """Executors have the name of their task group only, and the driver of all."""
    groups = task_groups(**{"spark-driver": 1, "spark-executor": 2})
    members = [
        pod(
            f"pi-{role}",
            labels={"spark-app-selector": "spark-9", "spark-role": role.partition("-")[0]},
            annotations={"yunikorn.apache.org/task-group-name": f"spark-{role.partition('-')[0]}"}
            | ({"yunikorn.apache.org/task-groups": groups} if role == "driver" else {}),
        )
        for role in ("driver", "executor-1", "executor-2")
    ]
    return Family("spark-9", members, [("spark-driver", 1, 1), ("spark-executor", 2, 2)])


def goedel() -> Family:
    key = {"godel.bytedance.com/pod-group-name": "pg"}
    members = [pod(f"w-{k}", labels=key, annotations=key) for k in range(3)]
    spec = {"minMember": 2, "scheduleTimeoutSeconds": 300}
    return Family(
        "pg", members, [("", 3, 2)], [group("scheduling.godel.kubewharf.io/v1alpha1", "pg", spec)]
    )


FAMILIES = (
    volcano, kai, koordinator, koordinator_group, kueue, yunikorn, spark, goedel
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES, ids=lambda made: made.__name__)
def test_objects_of_a_project_are_read_as_it_means_them(family: object, tmp_path: Path) -> None:
    said: Family = family()  # type: ignore[operator]
    dump = read(tmp_path, node(), *said.things, *said.members, pod("alone"))
    assert told(dump) == []
    (gang,) = dump.gangs
    assert gang.name == f"default/{said.name}"
    assert [(r.name, len(r.members), r.min_members) for r in gang.roles] == said.sizes
    assert gang.topology == said.topology
    least = sum(n or 0 for _, _, n in said.sizes)
    assert dump.gang_min == {f"default/{said.name}": least}
    assert {each.queue for each in dump.pending if each.gang} == {said.queue}


def test_a_pod_group_of_another_project_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    members = [pod(f"w-{k}", annotations={"pod-group-name": "g"}) for k in range(3)]
    others = [
        group("scheduling.volcano.sh/v1beta1", "g", {"minMember": 1}),
        group("scheduling.x-k8s.io/v1alpha1", "g", {"minMember": 1}),
    ]
    own = group("scheduling.run.ai/v2alpha2", "g", {"minMember": 2})
    assert read(tmp_path, node(), *others, *members).gang_min == {"default/g": 3}
    assert read(tmp_path, node(), *others, own, *members).gang_min == {"default/g": 2}


def test_parts_that_need_more_than_the_whole_says_have_it(tmp_path: Path) -> None:
    labels = [{"kai.scheduler/subgroup-name": part} for part in "aabb"]
    members = [
        pod(f"w-{k}", annotations={"pod-group-name": "g"}, labels=each)
        for k, each in enumerate(labels)
    ]
    parts = [{"name": "a", "minMember": 2}, {"name": "b", "minMember": 1}]
    own = group("scheduling.run.ai/v2alpha2", "g", {"minMember": 1, "subGroups": parts})
    assert read(tmp_path, node(), own, *members).gang_min == {"default/g": 3}
    own["spec"]["minMember"] = 4
    assert read(tmp_path, node(), own, *members).gang_min == {"default/g": 4}


def test_a_driver_of_spark_waits_for_nobody_until_it_has_made_executors(tmp_path: Path) -> None:
    driver, *executors = spark().members
    alone = read(tmp_path, node(), driver)
    assert (alone.gangs, alone.gang_min, told(alone)) == ((), {}, [])
    assert read(tmp_path, node(), driver, executors[0]).gang_min == {"default/spark-9": 3}


def test_task_groups_that_may_be_empty_need_nobody(tmp_path: Path) -> None:
    said = {TASK: "w", TASKS: task_groups(w=2, spare=0)}
    members = [pod(f"w-{k}", labels=APP, annotations=said) for k in range(3)]
    dump = read(tmp_path, node(), *members)
    assert (told(dump), dump.gang_min) == ([], {"default/a": 2})


def test_words_of_a_scheme_that_does_not_count_divide_nothing(tmp_path: Path) -> None:
    said = {"scheduling.k8s.io/group-name": "g", TASK: "w", TASKS: task_groups(w=1, v=9)}
    members = [pod(f"w-{k}", labels=APP, annotations=said) for k in range(3)]
    dump = read(tmp_path, node(), *members)
    assert (told(dump), dump.gang_min) == ([], {"default/g": 3})


def test_a_basic_policy_asks_for_no_gang(tmp_path: Path) -> None:
    own = group("scheduling.k8s.io/v1beta1", "g", {"schedulingPolicy": {"basic": {}}})
    spec = {"schedulingGroup": {"podGroupName": "g"}}
    members = [pod(f"w-{k}", spec=spec) for k in range(3)]
    assert read(tmp_path, node(), own, *members).gang_min == {"default/g": 1}


def test_what_is_not_looked_at_of_a_pod_group_is_told(tmp_path: Path) -> None:
    spec = {"minMember": 2, "networkTopology": {"mode": "hard", "highestTierAllowed": 1}}
    members = [pod(f"w-{k}", annotations={"scheduling.k8s.io/group-name": "g"}) for k in range(2)]
    dump = read(tmp_path, node(), group("scheduling.volcano.sh/v1beta1", "g", spec), *members)
    assert told(dump) == ["gang default/g: PodGroup.spec.networkTopology: not looked at"]


APP = {"yunikorn.apache.org/app-id": "a"}
TASK, TASKS = "yunikorn.apache.org/task-group-name", "yunikorn.apache.org/task-groups"
GANGS = "gang.scheduling.koordinator.sh/groups"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"labels": {"kueue.x-k8s.io/pod-group-name": "g"},
          "annotations": {"kueue.x-k8s.io/pod-group-total-count": "four"}},
         "kueue.x-k8s.io/pod-group-total-count: 'four' is no whole number from 1 on"),
        ({"annotations": {"scheduling.k8s.io/group-name": "g",
                          "scheduling.volcano.sh/group-min-member": "0"}},
         "scheduling.volcano.sh/group-min-member: '0' is no whole number from 1 on"),
        ({"annotations": {"gang.scheduling.koordinator.sh/name": "a",
                          GANGS: '["default/a", "default/b"]'}},
         f"{GANGS}: ties gangs to each other, which is not done; give all of them one"
         " gang.scheduling.koordinator.sh/name"),
        ({"annotations": {TASK: "w"}},
         f"{TASK}: 'w' of which application? Give the label yunikorn.apache.org/app-id"),
        ({"labels": APP, "annotations": {TASK: "w", TASKS: "[{"}},
         f'{TASKS}: cannot be read; write [{{"name": "workers", "minMember": 4}}]'),
        ({"labels": APP, "annotations": {TASK: "w", TASKS: '[{"name": "w", "minMember": "2"}]'}},
         f'{TASKS}: cannot be read; write [{{"name": "workers", "minMember": 4}}]'),
        ({"labels": APP, "annotations": {TASK: "w", TASKS: task_groups(w=2)[:-1] + ", 7]"}},
         f'{TASKS}: cannot be read; write [{{"name": "workers", "minMember": 4}}]'),
        ({"labels": APP, "annotations": {TASK: "w", TASKS: "[" * 100_000}},
         f'{TASKS}: cannot be read; write [{{"name": "workers", "minMember": 4}}]'),
        ({"labels": APP, "annotations": {TASK: "x", TASKS: task_groups(a=1, b=2)}},
         f"{TASK}: 'x' is none of a, b"),
    ],
)  # fmt: skip
def test_words_about_gangs_that_cannot_be_used_are_told(
    changes: Object, line: str, tmp_path: Path
) -> None:
    thing = pod(**changes)
    assert told(read(tmp_path, node(), thing)) == [f"pod default/p: {line}"]
    wrong = wrong_with(member_of(thing))
    assert wrong is not None
    assert f"{wrong.field}: {wrong.text}" == line


def test_names_of_one_gang_by_two_keys_may_differ(tmp_path: Path) -> None:
    said = {"scheduling.k8s.io/group-name": "pg-1", "kueue.x-k8s.io/pod-group-total-count": "2"}
    labels = {"kueue.x-k8s.io/pod-group-name": "train", "ray.io/cluster": "c"}
    members = [pod(f"w-{k}", annotations=said, labels=labels) for k in range(2)]
    dump = read(tmp_path, node(), *members)
    assert told(dump) == []
    assert dump.gang_min == {"default/pg-1": 2}
    member = member_of(members[0])
    assert named_by(member) == ("scheduling.k8s.io/group-name", "pg-1")
    assert rivals_of(member, "scheduling.k8s.io/group-name") == (
        ("kueue.x-k8s.io/pod-group-name", "train"),
    )


def test_one_gang_by_another_key_in_several_is_told(tmp_path: Path) -> None:
    members = [
        pod(f"w-{k}", annotations={"pod-group-name": "x"},
            labels={"scheduling.x-k8s.io/pod-group": f"g{k // 2}"})
        for k in range(4)
    ]  # fmt: skip
    assert told(read(tmp_path, node(), *members)) == [
        "gang default/x: pod-group-name: has pods of different gangs: g0, g1"
    ]


def test_intels_resources_are_counted_and_its_memory_in_mib(tmp_path: Path) -> None:
    room = {"gpu.intel.com/i915": "2", "gpu.intel.com/millicores": "2000",
            "gpu.intel.com/memory.max": str(32 * 2**30)}  # fmt: skip
    asks = {"gpu.intel.com/i915": "1", "gpu.intel.com/millicores": "500",
            "gpu.intel.com/memory.max": "8G"}  # fmt: skip
    dump = read(tmp_path, node(room=room), pod(requests=asks))
    assert dump.nodes[0].resources == (
        ("gpu.intel.com/i915", 2),
        ("gpu.intel.com/memory.max", 32 * 1024),
        ("gpu.intel.com/millicores", 2000),
        ("pods", 110),
    )
    assert dump.pending[0].devices == ()
    assert dump.pending[0].resources == (
        ("gpu.intel.com/i915", 1),
        ("gpu.intel.com/memory.max", 7630),  # 8e9 / 2**20, rounded up
        ("gpu.intel.com/millicores", 500),
        ("pods", 1),
    )
    assert told(dump) == []


def test_volcanos_old_words_for_shares_are_a_problem(tmp_path: Path) -> None:
    dump = read(tmp_path, node(), pod(requests={"volcano.sh/gpu-memory": "1024"}))
    assert told(dump) == [
        "pod default/p: spec.containers[*].resources: volcano.sh/gpu-memory is of Volcano's old GPU"
        " sharing, which is not read; ask by volcano.sh/vgpu-number and volcano.sh/vgpu-memory"
    ]


def test_keys_are_different_and_those_of_owners_come_last() -> None:
    assert len(BY_KEY) == len(SCHEMES)
    by_owner = [scheme.by_owner for scheme in SCHEMES]
    assert by_owner == sorted(by_owner)


def test_no_word_belongs_to_two_schemes() -> None:
    words = [word for scheme in SCHEMES for word in scheme.words]
    assert len(words) == len(set(words))
    assert [scheme.key for scheme in SCHEMES if not scheme.words] == ["spec.schedulingGroup"]
    assert SCHEMES[0].key == "spec.schedulingGroup"
