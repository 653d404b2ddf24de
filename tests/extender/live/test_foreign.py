"""Gangs and shares in the words of other projects, as the owner answers for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.plans import POD_GROUPS
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.extender.live.settings import Gangs, Live
from bayplan.extender.watch.kinds import KINDS, PODS
from bayplan.traces.kubernetes.schemes import SCHEMES
from extender_things import bound, listed, node, pod

Object = dict[str, Any]
NODES = ["n0", "n1"]
KAI_GROUP, VOLCANO_GROUP = "PodGroup.scheduling.run.ai", "PodGroup.scheduling.volcano.sh"
COUNT = "kueue.x-k8s.io/pod-group-total-count"
APP = "yunikorn.apache.org/app-id"
TASK, TASKS = "yunikorn.apache.org/task-group-name", "yunikorn.apache.org/task-groups"


def owner_of(*pods: Object, settle_s: float = 2.0) -> Owner:
    owner = Owner(Live(gangs=Gangs(settle_s=settle_s)))
    listed(owner, "Node", [node(name) for name in NODES], 0.0)
    listed(owner, "Pod", pods, 0.0)
    return owner


def group(name: str, **spec: Any) -> Object:
    """A PodGroup as a watch shows it: its list need not say of which API it is."""
    return {"kind": "PodGroup", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def members(n: int = 4, *, gpus: int = 4, **said: Any) -> list[Object]:
    return [pod(f"g-{k}", gpus, **said) for k in range(n)]


GANGS: dict[str, tuple[Object, dict[str, Object]]] = {
    "Volcano": (
        {"annotations": {"scheduling.k8s.io/group-name": "g"}},
        {VOLCANO_GROUP: group("g", minMember=4, queue="default")},
    ),
    "Volcano, by the pods": (
        {"annotations": {"scheduling.k8s.io/group-name": "g",
                         "scheduling.volcano.sh/group-min-member": "4"}}, {},
    ),
    "KAI": (
        {"annotations": {"pod-group-name": "g"}, "labels": {"kai.scheduler/queue": "team"}},
        {KAI_GROUP: group("g", minMember=4, queue="team")},
    ),
    "Koordinator": (
        {"annotations": {"gang.scheduling.koordinator.sh/name": "g",
                         "gang.scheduling.koordinator.sh/min-available": "4"}}, {},
    ),
    "Koordinator, by a PodGroup": (
        {"labels": {"pod-group.scheduling.sigs.k8s.io": "g"}},
        {"PodGroup.scheduling.sigs.k8s.io": group("g", minMember=4)},
    ),
    "Kueue": (
        {"labels": {"kueue.x-k8s.io/pod-group-name": "g"}, "annotations": {COUNT: "4"}}, {},
    ),
    "YuniKorn": (
        {"labels": {APP: "g"},
         "annotations": {TASK: "w", TASKS: json.dumps([{"name": "w", "minMember": 4}])}}, {},
    ),
    "Gödel": (
        {"annotations": {"godel.bytedance.com/pod-group-name": "g"}},
        {"PodGroup.scheduling.godel.kubewharf.io": group("g", minMember=4)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("project", GANGS)
def test_a_gang_waits_for_its_pods_is_placed_whole_and_then_another_not_at_all(
    project: str,
) -> None:
    said, groups = GANGS[project]
    owner = owner_of()
    for kind, thing in groups.items():
        owner.changed(kind, thing, 0.0)
    pods = members(**said)
    for thing in pods[:3]:
        owner.changed("Pod", thing, 0.0)
    answer = owner.filter(pods[0], NODES, 0.0, holds=True)
    assert answer.error.startswith("gang default/g: 3 of 4 pods")
    owner.changed("Pod", pods[3], 0.0)
    places = [owner.filter(thing, NODES, 0.0, holds=True).passed for thing in pods]
    assert sorted(place for each in places for place in each) == ["n0", "n0", "n1", "n1"]
    assert len(owner.mirror.holds) == 4
    # A second one has no room beside it, and holds nothing.
    more = json.loads(json.dumps(said).replace('"g"', '"h"'))
    others = [pod(f"h-{k}", 4, **more) for k in range(4)]
    for kind, thing in groups.items():
        owner.changed(kind, {**thing, "metadata": {"name": "h", "namespace": "default"}}, 0.0)
    for thing in others:
        owner.changed("Pod", thing, 0.0)
    refused = owner.filter(others[0], NODES, 0.0, holds=True)
    assert refused.passed == []
    assert "gang default/h: 0 of 4 members" in refused.failed["n0"]
    assert len(owner.mirror.holds) == 4
    owner.mirror.cluster.check()
    assert differences(snapshot(owner.mirror), 0.0) == []


def test_parts_of_a_gang_have_minima_of_their_own() -> None:
    owner = owner_of()
    said = {"pod-group-name": "g"}
    spec = group(
        "g",
        minMember=2,
        subGroups=[{"name": "a", "minMember": 1}, {"name": "b", "minMember": 2}],
    )
    owner.changed(KAI_GROUP, spec, 0.0)
    pods = [
        pod(f"{part}-{k}", 4, annotations=said, labels={"kai.scheduler/subgroup-name": part})
        for part, k in (("a", 0), ("a", 1), ("b", 0), ("b", 1))
    ]
    for thing in pods[:3]:
        owner.changed("Pod", thing, 0.0)
    answer = owner.filter(pods[0], NODES, 0.0, holds=True)
    assert answer.error == "gang default/g: 1 of 2 pods of b exist"
    owner.changed("Pod", pods[3], 0.0)
    owner.changed("Pod", pod("used", 4, at="n0"), 0.0)  # room for three of them
    places = {t["metadata"]["name"]: owner.filter(t, NODES, 0.0, holds=True).passed for t in pods}
    assert {name for name, at in places.items() if at} == {"a-0", "b-0", "b-1"}


def test_a_gang_of_which_nobody_says_the_size_starts_when_nobody_new_comes() -> None:
    pods = members(3, annotations={"pod-group-name": "g"})
    owner = owner_of(pods[0])
    answer = owner.filter(pods[0], NODES, 10.0, holds=True)
    assert answer.error == "gang default/g: 1 pods so far; others may come"
    for thing in pods[1:]:
        owner.changed("Pod", thing, 11.0)
    assert owner.filter(pods[0], NODES, 11.0, holds=True).error.endswith("others may come")
    assert owner.filter(pods[0], NODES, 13.0, holds=True).passed
    assert len(owner.mirror.holds) == 3


def test_a_pod_group_that_comes_late_says_the_size_all_the_same() -> None:
    pods = members(2, annotations={"scheduling.k8s.io/group-name": "g"})
    owner = owner_of(*pods)
    owner.changed(VOLCANO_GROUP, group("g", minMember=4), 0.5)
    answer = owner.filter(pods[0], NODES, 100.0, holds=True)
    assert answer.error == "gang default/g: 2 of 4 pods exist"
    owner.deleted(VOLCANO_GROUP, group("g"), 100.0)
    assert owner.filter(pods[0], NODES, 101.0, holds=True).error.endswith("others may come")


def test_the_pod_group_of_another_project_says_nothing() -> None:
    pods = members(2, annotations={"scheduling.k8s.io/group-name": "g"})
    owner = owner_of(*pods, settle_s=0.0)
    owner.changed(KAI_GROUP, group("g", minMember=4), 0.0)
    assert owner.filter(pods[0], NODES, 0.0, holds=True).passed


def test_pods_that_kueue_has_not_admitted_are_not_there_yet() -> None:
    said: Object = {"labels": {"kueue.x-k8s.io/pod-group-name": "g"}, "annotations": {COUNT: "4"}}
    gate = {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}
    pods = members(**said)
    gated = [{**thing, "spec": thing["spec"] | gate} for thing in pods]
    assert owner_of(*gated).plans.gang("default/g") is None
    owner = owner_of(pods[0], *gated[1:])
    answer = owner.filter(pods[0], NODES, 0.0, holds=True)
    assert answer.error == "gang default/g: 1 of 4 pods exist, 3 more are gated"
    assert not owner.mirror.holds
    for thing in pods[1:]:
        owner.changed("Pod", thing, 1.0)
    assert owner.filter(pods[0], NODES, 1.0, holds=True).passed
    assert len(owner.mirror.holds) == 4


def test_executors_of_spark_start_together_once_the_driver_runs() -> None:
    groups = [{"name": "driver", "minMember": 1}, {"name": "executor", "minMember": 3}]
    labels = {"spark-app-selector": "spark-1"}
    driver = pod("driver", 1, labels=labels | {"spark-role": "driver"},
                 annotations={TASK: "driver", TASKS: json.dumps(groups)})  # fmt: skip
    owner = owner_of(driver)
    assert owner.filter(driver, NODES, 0.0, holds=True).passed == NODES
    owner.changed("Pod", bound(driver, "n0"), 1.0)
    executors = [
        pod(f"executor-{k}", 4, labels=labels | {"spark-role": "executor"},
            annotations={TASK: "executor"})
        for k in range(3)
    ]  # fmt: skip
    for thing in executors[:2]:
        owner.changed("Pod", thing, 2.0)
    answer = owner.filter(executors[0], NODES, 2.0, holds=True)
    assert answer.error == "gang default/spark-1: 3 of 4 pods exist"
    owner.changed("Pod", executors[2], 3.0)
    places = [owner.filter(thing, NODES, 3.0, holds=True).passed for thing in executors]
    assert sorted(place for each in places for place in each) == ["n0", "n1", "n1"]


# --- conflicts --------------------------------------------------------------------------------


def test_two_keys_that_divide_pods_differently_are_refused_until_they_agree() -> None:
    label = {"scheduling.x-k8s.io/pod-group": "g"}
    names = ["x", "x", "y", "y"]
    pods = [
        pod(f"g-{k}", 4, labels=label, annotations={"scheduling.k8s.io/group-name": name})
        for k, name in enumerate(names)
    ]
    owner = owner_of(*pods, settle_s=0.0)
    why = (
        "gang default/g: scheduling.k8s.io/group-name puts its pods into default/x and default/y;"
        " keep one key that names gangs"
    )
    for thing in pods:
        answer = owner.filter(thing, NODES, 0.0, holds=True)
        assert answer.unresolvable == dict.fromkeys(NODES, why)
        assert owner.prioritize(thing, NODES, 0.0).points.tolist() == [0, 0]
        assert not owner.may_fit(f"default/{thing['metadata']['name']}")
    for thing in pods:
        thing["metadata"] = thing["metadata"] | {
            "annotations": {"scheduling.k8s.io/group-name": "x"}
        }
        owner.changed("Pod", thing, 1.0)
    assert owner.filter(pods[0], NODES, 1.0, holds=True).passed
    assert len(owner.mirror.holds) == 4


def test_two_sizes_of_one_gang_are_shown_and_that_of_the_pod_group_counts() -> None:
    annotations = {
        "scheduling.k8s.io/group-name": "g",
        "scheduling.volcano.sh/group-min-member": "2",
    }
    pods = members(2, annotations=annotations)
    owner = owner_of(*pods)
    owner.changed(VOLCANO_GROUP, group("g", minMember=3), 0.0)
    answer = owner.filter(pods[0], NODES, 0.0, holds=True)
    assert answer.error == "gang default/g: 2 of 3 pods exist"
    assert [str(each) for each in owner.plans.problems["default/g"]] == [
        "gang default/g: min members: PodGroup.spec.minMember 3,"
        " scheduling.volcano.sh/group-min-member 2; the first is taken"
    ]


# --- what is refused --------------------------------------------------------------------------

GAS = {"gpu.intel.com/i915": "1", "gpu.intel.com/millicores": "500"}
REFUSED: dict[str, tuple[Object, str]] = {
    "KAI's fraction": (
        {"asks": {}, "annotations": {"gpu-fraction": "0.5"}},
        "metadata.annotations.gpu-fraction: nothing on the nodes enforces it, KAI's binder would",
    ),
    "KAI's memory": (
        {"asks": {}, "annotations": {"gpu-memory": "4096"}},
        "metadata.annotations.gpu-memory: nothing on the nodes enforces it, KAI's binder would",
    ),
    "Volcano's vGPU": (
        {"asks": {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "1024",
                  "volcano.sh/vgpu-cores": "50"}},
        "asks for a share in Volcano's words, and the choice of GPUs is not written for its device"
        " plugin: set devices.volcano = true",
    ),
    "Volcano's old sharing": (
        {"asks": {"volcano.sh/gpu-memory": "1024"}},
        "volcano.sh/gpu-memory is of Volcano's old GPU sharing",
    ),
    "Koordinator's": (
        {"asks": {"koordinator.sh/gpu-core": "50", "koordinator.sh/gpu-memory-ratio": "50"}},
        "asks for a share in Koordinator's words, and the choice of GPUs is not written for its"
        " koordlet: set devices.koordinator = true",
    ),
    "a choice of Intel's cards": (
        {"asks": GAS, "annotations": {"gas-allow": "card0"}},
        "metadata.annotations.gas-allow: nothing on the nodes enforces it, Intel's GPU Aware",
    ),
    "two queues": (
        {"labels": {"kai.scheduler/queue": "a", "yunikorn.apache.org/queue": "root.b"}},
        "names two queues, a (kai.scheduler/queue) and root.b (yunikorn.apache.org/queue)",
    ),
    "a count that is none": (
        {"labels": {"kueue.x-k8s.io/pod-group-name": "g"}, "annotations": {COUNT: "four"}},
        f"{COUNT}: 'four' is no whole number from 1 on",
    ),
    "gangs tied to each other": (
        {"annotations": {"gang.scheduling.koordinator.sh/name": "a",
                         "gang.scheduling.koordinator.sh/groups": '["default/a","default/b"]'}},
        "gang.scheduling.koordinator.sh/groups: ties gangs to each other, which is not done",
    ),
    "a task group of no application": (
        {"annotations": {TASK: "w"}},
        f"{TASK}: 'w' of which application? Give the label {APP}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_nothing_enforces_or_nobody_can_read_is_refused_by_its_key(what: str) -> None:
    changes, why = REFUSED[what]
    thing = pod("p", **changes)
    answer = owner_of(thing).filter(thing, NODES, 0.0, holds=True)
    assert set(answer.unresolvable) == set(NODES)
    assert all(why in text for text in answer.unresolvable.values())


def test_intels_cards_are_counted_by_node() -> None:
    card = {"gpu.intel.com/i915": "2", "gpu.intel.com/millicores": "2000",
            "gpu.intel.com/memory.max": "34359738368"}  # fmt: skip
    owner = Owner(Live())
    listed(owner, "Node", [node("a", 0, amounts=card), node("b", 0)], 0.0)
    listed(owner, "Pod", [], 0.0)
    asks = GAS | {"gpu.intel.com/memory.max": "17179869184"}
    thing = pod("p", asks=asks)
    assert owner.filter(thing, ["a", "b"], 0.0, holds=True).passed == ["a"]
    owner.changed("Pod", bound(thing, "a"), 0.0)
    owner.changed("Pod", bound(pod("q", asks=asks), "a"), 0.0)
    refused = owner.filter(pod("r", asks=asks), ["a", "b"], 0.0, holds=True)
    assert refused.passed == []


# --- what is watched --------------------------------------------------------------------------


def test_every_pod_group_that_counts_is_watched_and_none_needs_to_be_there() -> None:
    watched = {kind.name: kind for kind in KINDS if kind.kind == "PodGroup"}
    assert set(watched) == set(POD_GROUPS)
    assert {kind.group for kind in watched.values()} == {
        api for scheme in SCHEMES for api in scheme.pod_groups
    }
    assert all(kind.optional for kind in watched.values())
    (pods,) = [kind for kind in KINDS if kind.name == PODS]
    assert set(watched) <= set(pods.after)
