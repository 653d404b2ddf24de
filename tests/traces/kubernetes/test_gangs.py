"""Which pods start together, by the keys of many projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.gangs.types import Role
from bayplan.scheduler.types import Topology, TopologyLevel
from bayplan.traces.kubernetes import Dump

from .support import Object, node, pod, read, told

VOLCANO = "scheduling.k8s.io/group-name"


def pods(n: int = 3, **changes: Any) -> list[Object]:
    return [pod(f"w-{i}", **changes) for i in range(n)]


def sizes(dump: Dump) -> dict[str, list[tuple[str, int, int | None]]]:
    """(role, members, least) by gang."""
    return {
        gang.name: [(role.name, len(role.members), role.min_members) for role in gang.roles]
        for gang in dump.gangs
    }


NAMED: list[tuple[Object, str]] = [
    ({"spec": {"schedulingGroup": {"podGroupName": "g"}}}, "g"),
    ({"spec": {"workloadRef": {"name": "w", "podGroup": "g"}}}, "w/g"),
    ({"labels": {"scheduling.x-k8s.io/pod-group": "g"}}, "g"),
    ({"labels": {"pod-group.scheduling.sigs.k8s.io/name": "g"}}, "g"),
    ({"annotations": {VOLCANO: "g"}}, "g"),
    ({"annotations": {"scheduling.volcano.sh/group-name": "g"}}, "g"),
    ({"annotations": {"pod-group-name": "g"}}, "g"),
    ({"annotations": {"gang.scheduling.koordinator.sh/name": "g"}}, "g"),
    ({"annotations": {"godel.bytedance.com/pod-group-name": "g"}}, "g"),
    ({"labels": {"kueue.x-k8s.io/pod-group-name": "g"}}, "g"),
    ({"labels": {"yunikorn.apache.org/app-id": "g"},
      "annotations": {"yunikorn.apache.org/task-group-name": "workers"}}, "g"),
    ({"labels": {"leaderworkerset.sigs.k8s.io/name": "g",
                 "leaderworkerset.sigs.k8s.io/group-index": "0"}}, "g-0"),
    ({"labels": {"jobset.sigs.k8s.io/jobset-name": "g"}}, "g"),
    ({"labels": {"training.kubeflow.org/job-name": "g"}}, "g"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "name"), NAMED)
def test_every_key_names_a_gang(changes: Object, name: str, tmp_path: Path) -> None:
    dump = read(tmp_path, node(), *pods(3, **changes), pod("alone"))
    assert told(dump) == []
    assert sizes(dump) == {f"default/{name}": [("", 3, 3)]}
    assert [r.gang for r in dump.pending] == [f"default/{name}"] * 3 + [""]
    assert dump.gang_min == {f"default/{name}": 3}


def test_an_earlier_key_takes_precedence(tmp_path: Path) -> None:
    both = {
        "labels": {"scheduling.x-k8s.io/pod-group": "first"},
        "annotations": {VOLCANO: "second"},
    }
    assert list(sizes(read(tmp_path, node(), *pods(2, **both)))) == ["default/first"]


def test_keys_that_divide_pods_otherwise_contradict(tmp_path: Path) -> None:
    members = [
        pod(name, labels={"scheduling.x-k8s.io/pod-group": "g"}, annotations={VOLCANO: other})
        for name, other in (("a", "x"), ("b", "y"))
    ]
    dump = read(tmp_path, node(), *members)
    assert told(dump) == [f"gang default/g: {VOLCANO}: names different gangs of its members: x, y"]
    assert sizes(dump) == {"default/g": [("", 2, 2)]}


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": {VOLCANO: "g", "scheduling.volcano.sh/group-min-member": "2"}},
        {"annotations": {"gang.scheduling.koordinator.sh/name": "g",
                         "gang.scheduling.koordinator.sh/min-available": "2"}},
        {"labels": {"pod-group.scheduling.sigs.k8s.io/name": "g",
                    "pod-group.scheduling.sigs.k8s.io/min-available": "2"}},
        {"labels": {"kueue.x-k8s.io/pod-group-name": "g"},
         "annotations": {"kueue.x-k8s.io/pod-group-total-count": "2"}},
        {"annotations": {"pod-group-name": "g", "kai.scheduler/batch-min-member": "2"}},
        {"labels": {"yunikorn.apache.org/app-id": "g"},
         "annotations": {"yunikorn.apache.org/task-group-name": "w",
                         "yunikorn.apache.org/task-groups": '[{"name":"w","minMember":2}]'}},
    ],
)  # fmt: skip
def test_annotations_say_how_many_must_start(changes: Object, tmp_path: Path) -> None:
    dump = read(tmp_path, node(), *pods(3, **changes))
    assert told(dump) == []
    assert sizes(dump) == {"default/g": [("", 3, 2)]}


@pytest.mark.parametrize(
    "spec",
    [
        {"minMember": 2},
        {"schedulingPolicy": {"gang": {"minCount": 2}}},
        {"policy": {"gang": {"minCount": 2}}},
    ],
)
def test_the_pod_group_says_how_many_must_start(spec: Object, tmp_path: Path) -> None:
    group = {"kind": "PodGroup", "metadata": {"name": "g", "namespace": "default"}, "spec": spec}
    dump = read(tmp_path, node(), group, *pods(3, annotations={VOLCANO: "g"}))
    assert sizes(dump) == {"default/g": [("", 3, 2)]}


def test_a_workload_says_it_for_each_of_its_groups(tmp_path: Path) -> None:
    workload = {
        "kind": "Workload",
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"podGroups": [{"name": "g", "policy": {"gang": {"minCount": 2}}}]},
    }
    members = [
        pod(
            f"{key}-{i}",
            spec={"workloadRef": {"name": "w", "podGroup": "g", "podGroupReplicaKey": key}},
        )
        for key in ("0", "1")
        for i in range(3)
    ]
    dump = read(tmp_path, node(), workload, *members)
    assert sizes(dump) == {"default/w/g/0": [("", 3, 2)], "default/w/g/1": [("", 3, 2)]}


def test_two_sizes_contradict(tmp_path: Path) -> None:
    group = {
        "kind": "PodGroup", "metadata": {"name": "g", "namespace": "default"},
        "spec": {"minMember": 3},
    }  # fmt: skip
    annotations = {VOLCANO: "g", "scheduling.volcano.sh/group-min-member": "2"}
    dump = read(tmp_path, node(), group, *pods(3, annotations=annotations))
    assert told(dump) == [
        "gang default/g: min members: PodGroup.spec.minMember 3,"
        " scheduling.volcano.sh/group-min-member 2; the first is taken"
    ]
    assert dump.gang_min == {"default/g": 3}


def test_roles_are_told_apart_where_all_must_start(tmp_path: Path) -> None:
    def member(name: str, role: str) -> Object:
        labels = {
            "training.kubeflow.org/job-name": "job",
            "training.kubeflow.org/replica-type": role,
        }
        return pod(name, labels=labels)

    dump = read(
        tmp_path, node(), *[member(f"w-{i}", "worker") for i in (10, 9)], member("m", "master")
    )
    assert sizes(dump) == {"default/job": [("master", 1, None), ("worker", 2, None)]}
    assert [m.uid for m in dump.gangs[0].roles[1].members] == ["default/w-9", "default/w-10"]


def test_a_group_of_one_pod_is_no_gang(tmp_path: Path) -> None:
    dump = read(tmp_path, node(), pod(annotations={"pod-group-name": "g"}))
    assert dump.gangs == ()
    assert dump.pending[0].gang == ""


def test_a_pod_that_waits_for_absent_others_is_one(tmp_path: Path) -> None:
    annotations = {VOLCANO: "g", "scheduling.volcano.sh/group-min-member": "4"}
    dump = read(tmp_path, node(), pod(annotations=annotations))
    assert sizes(dump) == {"default/g": [("", 1, 4)]}


def test_members_that_run_belong_to_the_gang_and_running_gangs_have_a_least_size(
    tmp_path: Path,
) -> None:
    running = [pod(f"r-{i}", at="n1", annotations={VOLCANO: "old"}) for i in range(2)]
    mixed = [
        pod("m-0", at="n1", annotations={VOLCANO: "new"}),
        pod("m-1", annotations={VOLCANO: "new"}),
    ]
    dump = read(tmp_path, node(), *running, *mixed)
    assert sizes(dump) == {"default/new": [("", 2, 2)]}
    assert dump.gang_min == {"default/old": 2, "default/new": 2}
    assert dump.gangs[0].roles == (Role("", (dump.bound[2].request, dump.pending[0]), 2),)


def test_topology_annotations_are_wishes_of_the_gang(tmp_path: Path) -> None:
    annotations = {
        VOLCANO: "g",
        "kueue.x-k8s.io/podset-required-topology": "topology.kubernetes.io/zone",
        "kai.scheduler/topology-preferred-placement": "nvidia.com/gpu.clique",
    }
    dump = read(tmp_path, node(), *pods(2, annotations=annotations))
    assert dump.gangs[0].topology == (
        Topology(TopologyLevel.ZONE),
        Topology(TopologyLevel.NVLINK_DOMAIN, required=False),
    )
    near = {VOLCANO: "g", "kueue.x-k8s.io/podset-required-topology": "bayplan.io/gpu-island"}
    dump = read(tmp_path, node(), *pods(2, annotations=near))
    assert dump.gangs[0].topology == (Topology(TopologyLevel.GPU_ISLAND),)
    odd = {VOLCANO: "g", "kueue.x-k8s.io/podset-required-topology": "example.com/floor"}
    dump = read(tmp_path, node(), *pods(2, annotations=odd))
    assert told(dump) == [
        "gang default/g: metadata.annotations.kueue.x-k8s.io/podset-required-topology:"
        " 'example.com/floor' is no topology level that is known; not looked at"
    ]
