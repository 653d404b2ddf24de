"""GPUs that a node calls sick: nobody new gets one, and who has one keeps it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bayplan.extender.health.entries import QUARANTINED
from bayplan.extender.health.settings import CONDITIONS, Judging, parse_conditions
from bayplan.extender.live.owner import Owner, Ready, Refused
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.settings import Live
from bayplan.extender.service.pages import facts, overview
from extender_owners import checked
from extender_owners import owner_of as owner_with
from extender_things import bound, gang_pod, hami_node, node, pod_group, sick
from extender_things import pod as new_pod

Object = dict[str, Any]

JUDGING = Judging(
    conditions=parse_conditions(CONDITIONS), taints=frozenset({"example.com/gpu-bad"})
)
SHARE = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}
UNHEALTHY = "enough GPUs, but too many of them are unhealthy and take no new pods"


owner_of = partial(
    owner_with, settings=Live(hami=True, health=JUDGING), groups=(pod_group("g", 2),)
)


def pod(name: str, gpus: int = 1, **more: Any) -> Object:
    """Return a pod that is the same each time."""
    return new_pod(name, gpus, uid=f"uid-{name}", **more)


def withdrawn(thing: Object, n: int, key: str = "nvidia.com/gpu") -> Object:
    """Return a node of which the device plugin keeps some back."""
    status = thing["status"]
    left = {**status["allocatable"], key: str(int(status["capacity"][key]) - n)}
    return {**thing, "status": {**status, "allocatable": left}}


def passed(owner: Owner, thing: Object, *names: str) -> list[str]:
    answer = owner.filter(thing, names or sorted(owner.mirror.cluster.nodes), 0.0, holds=True)
    assert not answer.error
    return list(answer.passed)


def test_nobody_looks_at_annotations_while_that_is_off() -> None:
    owner = owner_of(sick(node("a"), *range(8)), settings=Live(hami=True))
    assert owner.mirror.reader.health is None
    assert passed(owner, pod("p", 8)) == ["a"]
    assert "sick_gpus" not in overview(owner)


def test_where_gpus_have_an_index_it_is_that_one_that_takes_nobody_new() -> None:
    has_it = pod("has", asks=SHARE, at="h", annotations={
        "hami.io/vgpu-devices-allocated": "GPU-h-1,NVIDIA,40960,50:;"})  # fmt: skip
    owner = owner_of(hami_node("h", 2), pods=(has_it,))
    owner.changed("Node", sick(hami_node("h", 2), 1), 0.0)
    # Two halves of GPU 0 are left, and none of GPU 1.
    for k in range(2):
        assert passed(owner, pod(f"p{k}", asks=SHARE)) == ["h"]
        thing = pod(f"p{k}", asks=SHARE)
        owner.changed("Pod", thing, 0.0)
        ready = owner.reserve(f"default/p{k}", "h", 0.0)
        assert isinstance(ready, Ready)
        assert ready.decision.placement is not None
        assert [grant.slot.gpu for (grant,) in ready.decision.placement.grants] == [0]
        owner.changed("Pod", bound(thing, "h"), 0.0)
    assert passed(owner, pod("q", asks=SHARE)) == []
    assert "default/has" in owner.mirror.cluster.pods  # who has it keeps it
    checked(owner)
    owner.changed("Node", hami_node("h", 2), 0.0)
    assert passed(owner, pod("q", asks=SHARE)) == ["h"]
    checked(owner)


def test_where_the_device_plugin_picks_nobody_new_comes_and_who_runs_stays() -> None:
    owner = owner_of(node("a"), node("b"), pods=(pod("runs", 3, at="a"),))
    owner.changed("Node", sick(node("a"), 3), 0.0)
    answer = owner.filter(pod("p", 1), ["a", "b"], 0.0, holds=True)
    assert (list(answer.passed), answer.unresolvable) == (["b"], {"a": UNHEALTHY})
    assert passed(owner, pod("cpu", asks={"cpu": "1"})) == ["a", "b"]
    assert owner.mirror.is_bound("default/runs")
    assert not owner.mirror.crowded()
    checked(owner)
    owner.changed("Node", node("a"), 0.0)
    assert passed(owner, pod("q", 5), "a") == ["a"]
    assert passed(owner, pod("r", 6), "a") == []
    checked(owner)


def test_what_the_device_plugin_keeps_back_itself_is_not_taken_away_twice() -> None:
    owner = owner_of(withdrawn(sick(node("a"), 3), 1))
    assert passed(owner, pod("p", 7)) == ["a"]
    assert passed(owner, pod("q", 8)) == []
    # A second one of which it has not heard.
    owner.changed("Node", withdrawn(sick(node("a"), 3, 4), 1), 0.0)
    assert passed(owner, pod("p", 1)) == []
    checked(owner)


def test_it_may_be_counted_only() -> None:
    judging = Judging(closes_nodes=False)
    owner = owner_of(sick(node("a"), 3, 5), settings=Live(hami=True, health=judging))
    assert passed(owner, pod("p", 6)) == ["a"]
    assert passed(owner, pod("q", 7)) == []
    owner.changed("Node", withdrawn(sick(node("a"), 3, 5), 1), 0.0)
    assert passed(owner, pod("p", 6)) == ["a"]
    assert passed(owner, pod("q", 7)) == []
    checked(owner)


def test_a_gpu_is_as_many_replicas_as_it_is_cut_into() -> None:
    def sliced(n_back: int) -> Object:
        labels = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.sharing-strategy": "time-slicing"}
        return withdrawn(sick(node("a", 8, labels=labels), 1), n_back)

    owner = owner_of(sliced(3))
    assert passed(owner, pod("p", 1)) == []
    owner.changed("Node", sliced(4), 0.0)
    assert passed(owner, pod("p", 4)) == ["a"]
    checked(owner)


@pytest.mark.parametrize("resource", ["nvidia.com/mig-1g.10gb", "nvidia.com/gpu.shared"])
def test_a_node_of_instances_or_named_shares_is_closed_as_a_whole(resource: str) -> None:
    asks = {resource: "1"}
    runs = pod("runs", asks=asks, at="a")
    owner = owner_of(node("a", 2, amounts={resource: "7"}), pods=(runs,))
    assert passed(owner, pod("p", asks=asks)) == ["a"]
    owner.changed("Node", sick(node("a", 2, amounts={resource: "7"}), 0), 0.0)
    assert passed(owner, pod("p", asks=asks)) == []
    assert passed(owner, pod("q", 1)) == []
    assert owner.mirror.is_bound("default/runs")
    checked(owner)


def test_who_was_promised_a_gpu_that_fell_ill_is_placed_anew() -> None:
    owner = owner_of(node("a"), node("b"))
    thing = pod("p", 8)
    owner.changed("Pod", thing, 0.0)
    assert dict(owner.prioritize(thing, ["a", "b"], 0.0)) == {"a": 10, "b": 9}
    owner.changed("Node", sick(node("a"), 0), 1.0)
    assert owner.mirror.holds == {}
    assert isinstance(owner.reserve("default/p", "a", 1.0), Refused)
    assert passed(owner, thing) == ["b"]
    checked(owner)


def test_a_gang_whose_room_fell_ill_is_planned_anew() -> None:
    owner = owner_of(node("a"), node("b"), node("c"))
    members = [gang_pod(f"m{k}", "g", 8) for k in range(2)]
    for each in members:
        owner.changed("Pod", each, 0.0)
    first = [passed(owner, each) for each in members]
    assert first == [["a"], ["b"]]
    plan = owner.come("default/m0", "", "a", 0.0)
    assert isinstance(plan, Plan)
    owner.changed("Node", sick(node("a"), 0), 1.0)
    assert isinstance(owner.come("default/m0", "", "a", 1.0), Refused)
    assert sorted(passed(owner, each)[0] for each in members) == ["b", "c"]
    checked(owner)


@pytest.mark.parametrize(
    "condition", [("GPUMissing", "True"), ("AcceleratedHardwareReady", "False")]
)
def test_a_condition_closes_all_gpus_while_it_holds(condition: tuple[str, str]) -> None:
    def conditioned(thing: Object, status: str) -> Object:
        said = {"type": condition[0], "status": status, "message": "8 wanted, 7 there"}
        conditions = [*thing["status"]["conditions"], said]
        return {**thing, "status": {**thing["status"], "conditions": conditions}}

    owner = owner_of(conditioned(node("a"), condition[1]), hami_node("h"))
    assert passed(owner, pod("p", 1), "a") == []
    assert overview(owner)["sick_gpus"] == [
        f"all GPUs of node a: condition {condition[0]} is {condition[1]} (8 wanted, 7 there)"
    ]
    owner.changed("Node", conditioned(hami_node("h"), condition[1]), 0.0)
    assert passed(owner, pod("p", asks=SHARE), "h") == []
    owner.changed("Node", conditioned(node("a"), "Unknown"), 0.0)
    assert passed(owner, pod("p", 1), "a") == ["a"]
    checked(owner)


def test_a_taint_closes_all_gpus_also_for_those_who_tolerate_it() -> None:
    bad = {"key": "example.com/gpu-bad", "value": "true", "effect": "NoSchedule"}
    other = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    owner = owner_of({**node("a"), "spec": {"taints": [other]}})
    spec = {"tolerations": [{"operator": "Exists"}]}
    assert passed(owner, pod("p", 1, spec=spec)) == ["a"]
    owner.changed("Node", {**node("a"), "spec": {"taints": [other, bad]}}, 0.0)
    assert passed(owner, pod("p", 1, spec=spec)) == []
    checked(owner)


def test_an_annotation_that_cannot_be_read_is_a_problem_and_counts_as_absent() -> None:
    owner = owner_of(node("a", annotations={QUARANTINED: "GPU 3"}))
    assert passed(owner, pod("p", 8)) == ["a"]
    (problem,) = overview(owner)["problems"]
    assert problem == (f"node a: metadata.annotations.{QUARANTINED}: cannot be read; take it away")


def test_who_waits_is_told_which_gpus_are_sick_and_why() -> None:
    line = (
        "GPU 3 (GPU-a-3) of node a: Xid 79, fallen off the bus, since 2026-11-28T21:00:00Z;"
        " drain the node and reboot it"
    )
    waits, cpu, runs = pod("p", 8), pod("cpu", asks={"cpu": "1000"}), pod("runs", 1, at="a")
    owner = owner_of(sick(node("a"), 3), pods=(waits, cpu, runs))
    assert overview(owner)["sick_gpus"] == [line]
    assert facts(owner, "default/p")["sick_gpus"] == [line]
    for name in ("cpu", "runs"):  # it is nothing to those
        assert "sick_gpus" not in facts(owner, f"default/{name}")


def test_a_gpu_that_a_person_let_go_takes_pods() -> None:
    owner = owner_of(sick(node("a"), 3, released=True))
    assert passed(owner, pod("p", 8)) == ["a"]
    assert overview(owner)["sick_gpus"] == []


def test_who_was_to_have_an_instance_of_mig_on_a_node_that_falls_ill_is_asked_for_anew() -> None:
    key = "nvidia.com/mig-1g.10gb"
    made = node("a", 0, amounts={key: "7"})
    thing = new_pod("p", asks={key: "1"}, uid="uid-p")
    cordoned = {**made, "spec": {**made["spec"], "unschedulable": True}}
    # A cordon alone may soon be over.
    for shown, left in ((cordoned, ["default/p"]), (sick(made, 0), [])):
        owner = owner_of(made, pods=(thing,))
        owner.prioritize(thing, ["a"], 0.0)
        assert list(owner.mirror.holds) == ["default/p"]
        owner.changed("Node", shown, 0.0)
        assert list(owner.mirror.holds) == left
