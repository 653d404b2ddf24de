"""What is kept of an object is what is read of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from bayplan.extender.objects import SCHEMAS, decode, node_of, uid_of, version_of
from bayplan.traces.kubernetes.gangs import groups_of
from bayplan.traces.kubernetes.nodes import read_node
from bayplan.traces.kubernetes.objects import dict_of
from bayplan.traces.kubernetes.pods import PodReader, member_of

POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {
        "name": "p",
        "namespace": "team",
        "uid": "u-1",
        "resourceVersion": "12",
        "creationTimestamp": "2026-11-01T10:00:00Z",
        "labels": {"app": "x", "kai.scheduler/queue": "research"},
        "annotations": {"pod-group-name": "g", "gpu-fraction": "0.5"},
        "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "o", "controller": True}
        ],
    },
    "spec": {
        "schedulerName": "bayplan",
        "priority": 5,
        "preemptionPolicy": "Never",
        "nodeSelector": {"pool": "a"},
        "schedulingGroup": {"podGroupName": "native"},
        "schedulingGates": [{"name": "bayplan.io/queue"}],
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "h", "labelSelector": {"matchLabels": {"app": "x"}}}
                ]
            }
        },
        "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone"}],
        "containers": [
            {
                "name": "c",
                "resources": {"requests": {"cpu": "1500m"}, "limits": {"memory": "3Gi"}},
                "ports": [{"containerPort": 80, "hostPort": 80}],
            }
        ],
        "initContainers": [
            {"name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}
        ],
        "overhead": {"cpu": "250m"},
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "d"}}],
    },
    "status": {
        "phase": "Pending",
        "startTime": "2026-11-01T10:00:01Z",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
    },
}  # fmt: skip

NODE: dict[str, Any] = {
    "kind": "Node",
    "metadata": {"name": "n", "labels": {"nvidia.com/gpu.product": "Tesla-T4"}},
    "spec": {"unschedulable": True, "taints": [{"key": "k", "effect": "NoSchedule"}]},
    "status": {
        "allocatable": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "2"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}

BALLAST = {"managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}]}


def encoded(thing: dict[str, Any]) -> bytes:
    return json.dumps(thing).encode()


def test_all_that_is_read_of_a_pod_is_kept() -> None:
    assert decode("Pod", encoded(POD)) == POD


def test_all_that_is_read_of_a_node_is_kept() -> None:
    assert decode("Node", encoded(NODE)) == NODE


def test_what_is_not_read_is_not_kept() -> None:
    heavy = POD | {"metadata": POD["metadata"] | BALLAST}
    heavy["spec"] = POD["spec"] | {
        "containers": [POD["spec"]["containers"][0] | {"env": [{"name": "A", "value": "secret"}]}],
        "volumes": [*POD["spec"]["volumes"], {"name": "w", "emptyDir": {"sizeLimit": "1Gi"}}],
    }
    kept = decode("Pod", encoded(heavy))
    assert kept["metadata"] == POD["metadata"]
    assert kept["spec"]["containers"] == POD["spec"]["containers"]
    assert kept["spec"]["volumes"][1:] == [{"name": "w"}]


def test_heartbeats_of_a_node_change_nothing() -> None:
    beats = [{"type": "Ready", "status": "True", "lastHeartbeatTime": f"{i}"} for i in range(2)]
    first, second = (
        decode("Node", encoded(NODE | {"status": NODE["status"] | {"conditions": [beat]}}))
        for beat in beats
    )
    assert first == second


def test_readers_say_the_same_of_the_whole_object_and_of_what_is_kept() -> None:
    heavy = POD | {"metadata": POD["metadata"] | BALLAST}
    facts = []
    for thing in (heavy, decode("Pod", encoded(heavy))):
        reader = PodReader([], {}, 1024)
        member = member_of(thing)
        read = reader.read(member, dict_of(thing["status"]))
        facts.append(
            (
                reader.finished(read, "", ()),
                [(group.name, group.least) for group in groups_of([member], [], [])],
            )
        )
    assert facts[0] == facts[1]
    constraints = facts[0][0].constraints
    assert constraints is not None
    assert constraints.unmodelled == ("volumes", "host ports")
    assert read_node(NODE, []) == read_node(decode("Node", encoded(NODE)), [])


def test_null_stands_for_what_is_not_there() -> None:
    metadata = {"name": "p", "labels": None, "annotations": None}
    pod = decode(
        "Pod", encoded({"metadata": metadata, "spec": {"containers": None}, "status": None})
    )
    assert pod["spec"] == {"containers": None}
    assert member_of(pod).labels == {}


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_an_object_without_fields_is_one_of_any_kind(kind: str) -> None:
    assert decode(kind, b"{}") == {}


def test_a_field_of_another_type_is_named_by_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.spec\.priority"):
        decode("Pod", b'{"spec":{"priority":"high"}}')


def test_specs_of_pod_groups_are_kept_whole() -> None:
    group = {
        "kind": "PodGroup",
        "metadata": {"name": "g", "namespace": "team"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": 4}}, "minMember": 4},
    }
    assert decode("PodGroup", encoded(group)) == group
    assert decode("Workload", encoded(group)) == group


def test_priority_classes_and_budgets_keep_their_numbers() -> None:
    high = {"metadata": {"name": "high"}, "value": 1000, "globalDefault": False}
    assert decode("PriorityClass", encoded(high)) == high
    budget = {
        "metadata": {"name": "b", "namespace": "team"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}},
        "status": {"disruptionsAllowed": 1},
    }
    assert decode("PodDisruptionBudget", encoded(budget)) == budget


def test_uid_version_and_node_are_empty_where_there_are_none() -> None:
    pod = decode("Pod", encoded(POD))
    assert (uid_of(pod), version_of(pod), node_of(pod)) == ("u-1", "12", "")
    assert (uid_of({}), version_of({}), node_of({"spec": {"nodeName": "n"}})) == ("", "", "n")
