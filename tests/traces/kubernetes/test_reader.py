"""Reading dumps: files, what counts of pods, times, budgets, and problems that are told."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.kubernetes import BoundPod, read_dump

from .support import Object, gpu_pod, listed, node, pod, read, told, written

OTHERS = {"key": "app", "operator": "NotIn", "values": ["x"]}


def test_pods_run_or_wait_or_are_over(tmp_path: Path) -> None:
    dump = read(
        tmp_path,
        node(),
        pod("runs", at="n1"),
        pod("waits"),
        pod("done", at="n1", status={"phase": "Succeeded"}),
        pod("broken", at="n1", status={"phase": "Failed"}),
        pod("going", at="n1", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        pod("cancelled", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    )
    assert [each.request.uid for each in dump.bound] == ["default/runs", "default/going"]
    assert [each.uid for each in dump.pending] == ["default/waits"]


def test_times_count_from_the_newest_timestamp(tmp_path: Path) -> None:
    conditions = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:10:00Z"}]
    dump = read(
        tmp_path,
        node(conditions=conditions),
        pod("a", at="n1", status={"startTime": "2026-01-01T00:00:00Z"}),
        pod("b", metadata={"creationTimestamp": "2026-01-01T00:09:00Z"}),
        pod("c", at="n1"),
    )
    assert dump.newest == "2026-01-01T00:10:00Z"
    assert [each.start_s for each in dump.bound] == [-600.0, 0.0]
    assert dump.waited_s == {"default/b": 60.0}


def test_a_file_may_be_gzip_or_two_files_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = [node(), pod("a", at="n1"), pod("b")]
    whole = read(tmp_path, *things)
    packed = tmp_path / "dump.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(listed(*things)).encode()))
    nodes, pods = tmp_path / "nodes.json", tmp_path / "pods.json"
    nodes.write_text(json.dumps({"kind": "NodeList", "items": [things[0]]}))
    del things[1]["kind"]  # a typed list leaves it out
    pods.write_text(json.dumps({"kind": "PodList", "items": things[1:]}))
    assert read_dump([packed]) == whole
    assert read_dump([nodes, pods]) == whole
    assert read_dump([nodes, pods, pods]) == whole  # an object counts once
    for data in (packed.read_bytes(), gzip.decompress(packed.read_bytes())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert read_dump(["-"]) == whole


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "no JSON (Expecting value)"),
        ('{"kind": "List", "items": [}', "no JSON (Expecting value)"),
        ("[1]", "element 0 is no Kubernetes object: it has no kind"),
        ('{"kind": "List", "items": 3}', "List.items is no array"),
        ('{"kind": "List", "items": [3]}', "List.items[0] is no object"),
        ('{"kind": "List", "items": []}', "there is no node in the dump"),
        ("[" * 100_000, "no JSON that can be read"),
    ],
)
def test_what_is_no_dump_is_refused_in_one_line(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_dump([path])
    assert line in str(error.value)
    assert "dump.json" in str(error.value)
    assert str(error.value).endswith("make one with kubectl get nodes,pods -A -o json")


def test_a_broken_pod_that_runs_keeps_what_can_be_read_and_closes_its_node(tmp_path: Path) -> None:
    dump = read(
        tmp_path,
        node("n1", gpus=2),
        node("n2", gpus=2),
        pod("a", "n1", requests={"cpu": "2", "memory": "x", "nvidia.com/gpu": "1"}),
        pod("b", "n2", requests={"cpu": "3"}, spec={"priority": "high"}),
        pod("c", requests={"cpu": "-1"}),
    )
    assert told(dump) == [
        "pod default/a: spec.containers[0].resources.requests.memory: 'x' is no quantity;"
        " n1 takes no new pods",
        "pod default/b: spec.priority: 'high' is no whole number; the pod keeps its room",
        "pod default/c: spec.containers[0].resources.requests.cpu: -1 is negative",
    ]
    a, b = (bound.request for bound in dump.bound)
    assert (a.cpu_milli, a.memory_mib, a.devices[0].ask.count, a.preemptible) == (2000, 0, 1, False)
    assert (b.cpu_milli, b.preemptible) == (3000, False)
    assert [each.schedulable for each in dump.nodes] == [False, True]
    assert dump.pending == ()


def test_a_broken_pod_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    dump = read(
        tmp_path,
        node(),
        pod("bad", requests={"memory": "1Gb"}),
        pod("lost", at="n9"),
        pod("two", labels={"kueue.x-k8s.io/queue-name": "a", "kai.scheduler/queue": "b"}),
        pod("", requests={}),
        pod("late", at="n1", status={"startTime": "yesterday"}),
        pod("good"),
    )
    assert told(dump) == [
        "pod 'default/': metadata.name: '' is no name",
        "pod default/bad: spec.containers[0].resources.requests.memory: '1Gb' is no quantity",
        "pod default/late: status.startTime: 'yesterday' is no time",
        "pod default/lost: spec.nodeName: there is no node n9 in the dump",
        "pod default/two: metadata.labels: names two queues, a (kueue.x-k8s.io/queue-name) and b"
        " (kai.scheduler/queue); keep one",
    ]
    assert [request.uid for request in dump.pending] == ["default/good"]


@pytest.mark.parametrize(
    ("changes", "queue"),
    [
        ({"labels": {"kueue.x-k8s.io/queue-name": "q"}}, "q"),
        ({"labels": {"kai.scheduler/queue": "q"}}, "q"),
        ({"annotations": {"scheduling.volcano.sh/queue-name": "q"}}, "q"),
        ({"labels": {"yunikorn.apache.org/queue": "q"}}, "q"),
        ({"labels": {"quota.scheduling.koordinator.sh/name": "q"}}, "q"),
        ({"labels": {"kueue.x-k8s.io/queue-name": "q", "kai.scheduler/queue": "q"}}, "q"),
        ({}, ""),
    ],
)
def test_the_queue_is_read_from_every_key(changes: Object, queue: str, tmp_path: Path) -> None:
    assert read(tmp_path, node(), pod(**changes)).pending[0].queue == queue


def test_priorities_come_from_the_pod_or_its_class(tmp_path: Path) -> None:
    high = {"kind": "PriorityClass", "metadata": {"name": "high"}, "value": 900}
    dump = read(
        tmp_path,
        node(),
        high,
        pod("a", spec={"priority": 5, "priorityClassName": "high"}),
        pod("b", spec={"priorityClassName": "high"}),
        pod("c", spec={"priorityClassName": "system-node-critical"}),
        pod("d", spec={"preemptionPolicy": "Never"}),
    )
    assert [request.priority for request in dump.pending] == [5, 900, 2_000_001_000, 0]
    assert dump.meek == {"default/d"}


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {"kai.scheduler/preemptibility": "non-preemptible"}},
        {"annotations": {"volcano.sh/preemptable": "false"}},
        {"annotations": {"yunikorn.apache.org/allow-preemption": "false"}},
        {"annotations": {"kubernetes.io/config.mirror": "x"}},
    ],
)
def test_some_pods_are_never_evicted(changes: Object, tmp_path: Path) -> None:
    dump = read(tmp_path, node(), pod("a", at="n1", **changes), pod("b", at="n1"))
    assert [each.request.preemptible for each in dump.bound] == [False, True]


def test_budgets_protect_the_pods_that_they_select(tmp_path: Path) -> None:
    def budget(name: str, selector: Object | None, allowed: int | None) -> Object:
        return {
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": selector} if selector is not None else {},
            "status": {} if allowed is None else {"disruptionsAllowed": allowed},
        }

    dump = read(
        tmp_path,
        node(),
        budget("one", {"matchLabels": {"app": "x"}}, 2),
        budget("all", {}, 0),
        budget("none", None, 1),
        budget("unknown", {"matchExpressions": [OTHERS]}, None),
        pod("a", at="n1", labels={"app": "x"}),
        pod("b", at="n1"),
        pod("c", at="n1", namespace="other", labels={"app": "x"}),
    )  # fmt: skip
    assert dump.budgets == {
        "default/one": 2, "default/all": 0, "default/none": 1, "default/unknown": 0
    }  # fmt: skip
    assert [each.request.disruption_budgets for each in dump.bound] == [
        ("default/one", "default/all"),
        ("default/all", "default/unknown"),
        (),
    ]
    assert told(dump) == ["budget default/unknown: status.disruptionsAllowed: None; taken as 0"]


def test_gates_are_told_and_do_not_concern_running_pods(tmp_path: Path) -> None:
    gates = {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}
    dump = read(tmp_path, node(), pod("a", spec=gates), pod("b", at="n1", spec=dict(gates)))
    assert dump.gates == {"default/a": ("kueue.x-k8s.io/admission",)}


def test_pods_of_one_kind_share_their_parts(tmp_path: Path) -> None:
    dump = read(tmp_path, node(gpus=4), *[gpu_pod(f"p{i}") for i in range(3)])
    assert len({id(request.devices) for request in dump.pending}) == 1
    assert len({id(request.constraints) for request in dump.pending}) == 1


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, node(gpus=2), gpu_pod("a", at="n1"), gpu_pod("b"), pod("c"))
    first = read_dump([path])
    assert first == read_dump([path])
    assert first.bound[0] == BoundPod(first.bound[0].request, "n1")


@pytest.mark.parametrize("priority", ["high", 1.5, True, 2**40])
def test_a_priority_is_a_whole_number(priority: object, tmp_path: Path) -> None:
    dump = read(tmp_path, node(), pod(spec={"priority": priority}))
    assert dump.pending == ()
    assert dump.problems[0].field == "spec.priority"
