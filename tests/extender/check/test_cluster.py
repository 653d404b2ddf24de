"""What follows from a cluster's version, APIs, nodes and rights."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.check.findings import Facts, Severity, code_of, note, report, warning
from bayplan.extender.check.leading import of_election, of_pods
from bayplan.extender.check.nodes import gpu_resources, of_nodes
from bayplan.extender.check.queues import of_queues
from bayplan.extender.check.rights import of_rights, of_running
from bayplan.extender.check.versions import of_apis, of_version
from bayplan.extender.config.keys import KOORDINATOR
from bayplan.extender.config.reading import read_config
from bayplan.extender.permissions import (
    EVICT,
    HEALTH,
    LEADER,
    LIFT,
    NUDGE,
    PREEMPTION,
    RECLAIM,
    REPARTITION,
    needed,
    of_leases,
)
from bayplan.scheduler.queues import Queue, QueueTree
from dra_things import partitionable, whole_gpus
from e2e.controlplane.nodes import (
    gpushare,
    hami,
    koordinator,
    mig_mixed,
    mps,
    plain,
    time_sliced,
    volcano,
)

E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE
VALUES = dict(read_config(None))
NATIVE = "PodGroup.scheduling.k8s.io"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ((1, 33), [(W, "older than 1.34"), (N, "whole GPUs")]),
        ((1, 34), [(N, "whole GPUs")]),
        ((1, 35), [(N, "OpportunisticBatching"), (N, "whole GPUs")]),
        ((1, 37), [(N, "OpportunisticBatching"), (N, "whole GPUs")]),
        (
            (1, 38),
            [(N, "newer than 1.37"), (N, "OpportunisticBatching"), (N, "shares are preempted")],
        ),
    ],
)
def test_what_follows_from_the_version(
    version: tuple[int, int], said: list[tuple[Severity, str]]
) -> None:
    found = list(of_version(Facts(version)))
    assert [each.severity for each in found] == [severity for severity, _ in said]
    assert all(text in each.text for each, (_, text) in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("gate", "served", "said"),
    [
        (True, {}, [E, N]),
        (True, {NATIVE: "v1beta1"}, [N]),
        (False, {}, [N]),
    ],
)
def test_a_gate_whose_api_is_not_served_is_an_error(
    gate: bool, served: dict[str, str], said: list[Severity]
) -> None:
    found = list(of_apis(Facts((1, 37), {"GenericWorkload": gate}, served)))
    assert [each.severity for each in found] == said
    if served:
        assert "scheduling.k8s.io/v1beta1" in found[0].text


def labelled(node: dict[str, Any], **labels: str) -> dict[str, Any]:
    told = {key.replace("__", "/").replace("_", "."): text for key, text in labels.items()}
    node["metadata"]["labels"] |= {f"nvidia.com/{key}": text for key, text in told.items()}
    return node


def without_product() -> dict[str, Any]:
    node = plain("n")
    del node["metadata"]["labels"]["nvidia.com/gpu.product"]
    return node


@pytest.mark.parametrize(
    ("node", "values", "said"),
    [
        (plain("n"), {}, [(N, "can be split by MIG")]),
        (mig_mixed("n", {"1g.10gb": 7}), {}, []),
        (without_product(), {}, [(W, "no label nvidia.com/gpu.product"), (N, "split")]),
        (time_sliced("n", 16, gpus=8), {}, [(W, "128 GPUs or replicas; 64 count"), (N, "split")]),
        (time_sliced("n", 4), {}, [(N, "split")]),
        (mps("n", 4), {}, [(N, "split")]),
        (hami("n"), {}, [(W, "devices.hami is off")]),
        (hami("n"), {"devices.hami": True}, []),
        (mig_mixed("n", {"1g.10gb": 7}), {"devices.hami": True}, [(W, "runs on no node")]),
        (gpushare("n"), {}, [(W, "devices.gpushare is off")]),
        (gpushare("n"), {"devices.gpushare": True}, []),
        (volcano("n"), {}, [(W, "devices.volcano is off")]),
        (volcano("n"), {"devices.volcano": True}, []),
        (koordinator("n"), {}, [(W, "devices.koordinator is off")]),
        (koordinator("n"), {"devices.koordinator": True}, []),
        (plain("n"), {"devices.koordinator": True}, [(W, "runs on no node"), (N, "split")]),
        (labelled(plain("n"), mig_config="all-1g.10gb"), {}, [(W, "nobody can ask for them")]),
        (labelled(plain("n"), mig_config="all-disabled"), {}, [(N, "split")]),
        (labelled(mig_mixed("n", {"1g.10gb": 7}), mig_config_state="failed"), {},
         [(W, "MIG manager")]),
        (plain("n", count=0), {}, [(W, "none has GPUs"), (N, "split")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_node(
    node: dict[str, Any], values: dict[str, Any], said: list[tuple[Severity, str]]
) -> None:
    found = list(of_nodes([node], VALUES | values))
    assert [each.severity for each in found] == [severity for severity, _ in said]
    assert all(text in each.line for each, (_, text) in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("slices", "dra", "said"),
    [
        (whole_gpus("n", 2), True, []),
        (partitionable("n"), True, []),
        (whole_gpus("n", 2), False, ["published by gpu.nvidia.com alone, and devices.dra is off"]),
        (whole_gpus("n", 0), True, ["none has GPUs"]),
        ([], True, ["none has GPUs"]),
        ([{"spec": {"driver": "dra.net", "devices": [{"name": "eth0"}]}}], True, ["none has GPUs"]),
    ],
)  # fmt: skip
def test_gpus_that_slices_publish_count_as_some(
    slices: list[dict[str, Any]], dra: bool, said: list[str]
) -> None:
    idle = labelled(plain("n", count=0), mig_capable="false")
    found = list(of_nodes([idle], VALUES | {"devices.dra": dra}, slices))
    assert [each.severity for each in found] == [W] * len(said)
    assert all(text in each.line for each, text in zip(found, said, strict=True))


def test_many_nodes_are_one_finding() -> None:
    (each,) = of_nodes([hami(f"n{k}") for k in range(5)], VALUES)
    assert each.about == "node n0, n1, n2 and 2 more"


def test_gpu_resources_are_those_with_some() -> None:
    nodes = [mig_mixed("a", {"1g.10gb": 7}), gpushare("b"), volcano("c"), koordinator("d")]
    assert gpu_resources(nodes) == [
        "aliyun.com/gpu-count", "aliyun.com/gpu-mem", "koordinator.sh/gpu",
        "koordinator.sh/gpu-core", "koordinator.sh/gpu-memory", "koordinator.sh/gpu-memory-ratio",
        "nvidia.com/mig-1g.10gb", "volcano.sh/vgpu-cores", "volcano.sh/vgpu-memory",
        "volcano.sh/vgpu-number",
    ]  # fmt: skip


def test_guarantees_beyond_the_cluster_are_named() -> None:
    tree = QueueTree([Queue("a", guaranteed={"gpu": 8000, "gpu:A100-80GB": 1000}),
                      Queue("b", guaranteed={"gpu": 8500})])  # fmt: skip
    said = [each.text for each in of_queues(tree, [plain("n"), plain("m")])]
    assert said == [
        "are guaranteed 16.5 GPUs together, and the cluster has 16",
        "are guaranteed 1 GPUs of A100-80GB together, and the cluster has 0",
    ]
    assert list(of_queues(QueueTree([Queue("a", guaranteed={"gpu": 8000})]), [plain("n")])) == []


def test_missing_rights_are_named_by_resource() -> None:
    needs = needed(VALUES)
    denied = [each for each in needs if each.resource in ("nodes", "rayclusters")]
    found = list(of_rights(Facts((1, 37), denied=denied)))
    assert [(each.severity, each.about) for each in found] == [
        (E, "may not list, watch nodes"),
        (W, "may not get rayclusters.ray.io"),
    ]


def test_a_configuration_needs_rights_of_its_own() -> None:
    names = {(each.name, each.verb) for each in needed(VALUES | {NUDGE: False})}
    assert ("pods/binding", "create") in names
    optional = {
        ("pods/eviction", "create"), ("pods/status", "patch"),
        ("nodes", "patch"), ("nodes/status", "patch"), ("pods", "patch"),
    }  # fmt: skip
    assert optional.isdisjoint(names)
    more = needed(VALUES | {EVICT: "evict", HEALTH: True, REPARTITION: True, LIFT: True})
    assert {(each.name, each.verb) for each in more} - names == optional
    devices = {(each.group, each.name) for each in needed(VALUES | {KOORDINATOR: True})}
    assert devices - {(each.group, each.name) for each in needed(VALUES)} == {
        ("scheduling.koordinator.sh", "devices")
    }
    queues = needed(VALUES | {LIFT: True, RECLAIM: "evict", NUDGE: False})
    extra = {(each.name, each.verb) for each in queues} - names
    assert extra == {("pods/eviction", "create"), ("pods", "patch")}
    gangs = needed(VALUES | {PREEMPTION: "gangs", NUDGE: False})
    assert {(each.name, each.verb) for each in gangs} - names == {("pods/eviction", "create")}


@pytest.mark.parametrize(
    ("ready", "said"),
    [(None, [N]), ((200, "ok"), []), ((503, "Node: not listed yet\n"), [W])],
)
def test_what_a_running_extender_says(ready: tuple[int, str] | None, said: list[Severity]) -> None:
    assert [each.severity for each in of_running(Facts((1, 37), ready=ready))] == said


def test_where_nobody_answers_is_said() -> None:
    (found,) = of_running(Facts((1, 37), address="127.0.0.1:9443"))
    assert "does not answer from here, at 127.0.0.1:9443;" in found.text


def test_a_report_has_the_worst_first_and_a_total() -> None:
    found = [note("b", "is so"), warning("a", "is bad", "mend it")]
    assert report(found) == (
        "warning: a: is bad; mend it\nnote: b: is so\n0 errors, 1 warning, 1 note\n"
    )
    assert (code_of(found), code_of(found[:1]), code_of([])) == (1, 0, 0)


def test_two_pods_need_leases_and_leases_are_for_two() -> None:
    one: dict[str, Any] = {"metadata": {"name": "a"}}
    going = {"metadata": {"name": "b", "deletionTimestamp": "2026-11-28T21:00:00Z"}}
    for n, on, said in ((1, False, []), (2, False, [E]), (1, True, [N]), (2, True, [])):
        found = of_pods(Facts((1, 37), own_pods=[one] * n + [going]), VALUES | {LEADER: on})
        assert [each.severity for each in found] == said
    assert list(of_pods(Facts((1, 37), own_pods=None), VALUES)) == []


@pytest.mark.parametrize(
    ("election", "said"),
    [
        ({"resourceName": "bayplan", "resourceNamespace": "gpus"}, []),
        ({"leaderElect": False, "resourceName": "bayplan", "resourceNamespace": "gpus"},
         ["leaderElect is false"]),
        ({"resourceName": "other", "resourceNamespace": "gpus"}, ["resourceName is other"]),
        ({"resourceName": "bayplan"}, ["resourceNamespace is kube-system"]),
        ({}, ["resourceName is kube-scheduler", "resourceNamespace is kube-system"]),
    ],
)  # fmt: skip
def test_the_lease_that_is_looked_at_is_kube_schedulers(
    election: dict[str, Any], said: list[str]
) -> None:
    values = VALUES | {LEADER: True, "leader.namespace": "gpus"}
    found = list(of_election({"leaderElection": election}, values))
    assert [each.severity for each in found] == [E] * len(said)
    assert all(text in each.text for each, text in zip(found, said, strict=True))
    assert list(of_election({"leaderElection": election}, VALUES)) == []


def test_leases_are_asked_for_by_name_in_their_namespace() -> None:
    values = VALUES | {LEADER: True}
    found = [(each.verb, each.only, each.namespace) for each in of_leases(values, "gpus")]
    assert found == [
        ("create", "", "gpus"), ("get", "bayplan-controllers", "gpus"),
        ("update", "bayplan-controllers", "gpus"), ("get", "bayplan", "gpus"),
    ]  # fmt: skip
    assert len(of_leases(values | {"leader.scheduler": ""}, "gpus")) == 3
    (finding,) = of_rights(Facts((1, 37), denied=of_leases(values, "gpus")[:3]))
    assert finding.about == "may not create, get, update leases.coordination.k8s.io"
    assert finding.text == "controllers rest"
