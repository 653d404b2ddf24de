"""What the owner answers, call by call."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.live.owner import Owner, Ready, Refused
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.settings import Gangs, Live
from extender_owners import checked, owner_of
from extender_things import bound, gang_pod, hami_node, listed, node, pod, pod_group

Object = dict[str, Any]
SHARE = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}
VOLCANO = {
    "volcano.sh/node-vgpu-register": "".join(
        f"GPU-v-{k},10,81920,NVIDIA-NVIDIA A100,true,hami-core:" for k in range(2)
    )
}


def names(owner: Owner) -> list[str]:
    return sorted(owner.mirror.cluster.nodes)


def free_gpus(owner: Owner, name: str) -> int:
    view, row = owner.mirror.cluster.view, owner.mirror.cluster.row(name)
    return int(view.idle_milli.item(row)) // 1000


def bind(owner: Owner, thing: Object, at: str, now_s: float = 0.0) -> None:
    """Let a pod be bound and seen there."""
    uid = f"default/{thing['metadata']['name']}"
    assert isinstance(owner.reserve(uid, at, now_s), Ready)
    owner.changed("Pod", bound(thing, at), now_s)


def test_until_nodes_and_pods_are_known_every_call_is_refused_for_now() -> None:
    owner = Owner(Live())
    listed(owner, "Node", [node("a")], 0.0)
    answer = owner.filter(pod("p"), ["a"], 0.0, holds=True)
    assert answer.error == "nodes and pods are not known yet"
    listed(owner, "Pod", [], 0.0)
    assert owner.filter(pod("p"), ["a"], 0.0, holds=True).passed == ["a"]


def test_a_pod_is_read_again_when_it_is_another_version() -> None:
    def version(number: str, gpus: int) -> Object:
        thing = pod("p", gpus, uid="uid-p")
        return {**thing, "metadata": {**thing["metadata"], "resourceVersion": number}}

    owner = owner_of(node("a", 4), pods=(version("7", 2),))
    assert owner.filter(version("8", 8), ["a"], 0.0, holds=True).passed == []
    assert owner.filter(version("8", 2), ["a"], 0.0, holds=True).passed == ["a"]
    # What has the number of what was seen is what was seen: an API server does not do this.
    assert owner.filter(version("7", 8), ["a"], 0.0, holds=True).passed == ["a"]
    assert owner.filter(pod("p", 8, uid="uid-p"), ["a"], 0.0, holds=True).passed == []


def test_a_member_is_answered_with_its_node_alone() -> None:
    owner = owner_of(node("a"), node("b"), node("c", 0))
    members = [gang_pod(f"m{k}", "g", 8) for k in range(2)]
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 2)], 0.0)
    for each in members:
        owner.changed("Pod", each, 0.0)
    first, second = (owner.filter(m, ["a", "b", "c"], 0.0, holds=True) for m in members)
    assert sorted(first.passed + second.passed) == ["a", "b"]
    assert not first.failed | first.unresolvable | second.failed | second.unresolvable
    # Where it may not go there, all others are told why.
    elsewhere = [name for name in ("a", "b", "c") if name not in first.passed]
    owner.filter(members[0], [elsewhere[0], "c"], 0.0, holds=True)
    checked(owner)


def test_filter_names_each_reason_and_tells_lasting_ones_apart() -> None:
    running = pod("busy", 6, at="b")
    owner = owner_of(node("a"), node("b"), node("cpu", 0), pods=(running,))
    answer = owner.filter(pod("p", 4), ["b", "cpu", "a", "new"], 0.0, holds=True)
    assert answer.passed == ["a"]
    assert answer.failed == {
        "b": "too few GPUs with enough free",
        "new": "the node is not known yet",
    }
    assert answer.unresolvable == {"cpu": "too few GPUs, or each too small"}
    assert not answer.error


def test_prioritize_holds_the_best_of_several_nodes_until_its_time_is_over() -> None:
    owner = owner_of(node("a"), node("b"), settings=Live(hold_s=60.0))
    thing = pod("p", 8)
    owner.changed("Pod", thing, 0.0)
    owner.filter(thing, ["a", "b"], 0.0, holds=True)
    assert not owner.mirror.holds
    assert list(owner.prioritize(thing, ["a", "b"], 1.0)) == [("a", 10), ("b", 9)]
    assert owner.mirror.holds == {"default/p": 61.0}
    # Another pod does not get what is held, and the pod itself is asked for anew.
    assert owner.filter(pod("q", 8), ["a", "b"], 2.0, holds=False).passed == ["b"]
    assert list(owner.prioritize(thing, ["b"], 3.0)) == [("b", 10)]
    assert (free_gpus(owner, "a"), free_gpus(owner, "b")) == (8, 0)
    owner.tick(62.9)
    assert owner.mirror.holds
    owner.tick(63.0)
    assert not owner.mirror.holds
    assert free_gpus(owner, "b") == 8
    checked(owner)


def test_filter_holds_the_only_node_that_it_passes_as_nobody_asks_for_its_score() -> None:
    owner = owner_of(node("a"), node("b"), pods=(bound(pod("r", 6), "b"),))
    first, second = pod("p", 8), pod("q", 8)
    for thing in (first, second):
        owner.changed("Pod", thing, 0.0)
    assert owner.filter(first, ["a", "b"], 0.0, holds=False).passed == ["a"]
    assert not owner.mirror.holds, "who only asks"
    assert owner.filter(first, ["a", "b"], 0.0, holds=True).passed == ["a"]
    assert owner.mirror.holds == {"default/p": 60.0}
    assert owner.filter(second, ["a", "b"], 1.0, holds=True).passed == []
    assert owner.filter(first, ["a", "b"], 2.0, holds=True).passed == ["a"]
    assert owner.mirror.holds == {"default/p": 62.0}
    bind(owner, first, "a", 3.0)
    assert not owner.mirror.holds
    checked(owner)


def test_the_choice_may_be_made_in_filter_which_then_holds_the_one_node_that_it_leaves() -> None:
    used = bound(pod("r", 6), "b")
    owner = owner_of(node("a"), node("b"), pods=(used,), settings=Live(hold_s=60.0, at_filter=True))
    thing = pod("p", 2)
    owner.changed("Pod", thing, 0.0)
    assert owner.filter(thing, ["a", "b"], 0.0, holds=False).passed == ["a", "b"]
    assert not owner.mirror.holds
    answer = owner.filter(thing, ["a", "b"], 1.0, holds=True)
    assert (answer.passed, answer.failed, answer.unresolvable) == (["b"], {}, {})  # the best fit
    assert owner.mirror.holds == {"default/p": 61.0}
    # What is held is not another's, the same pod is placed anew, and reasons are as ever.
    assert owner.filter(pod("q", 2), ["a", "b"], 2.0, holds=True).passed == ["a"]
    assert owner.filter(thing, ["a"], 3.0, holds=True).passed == ["a"]
    assert set(owner.filter(pod("s", 8), ["a", "b"], 4.0, holds=True).failed) == {"a", "b"}
    bind(owner, thing, "a", 5.0)
    checked(owner)


def test_scores_go_by_the_policy_below_the_choice() -> None:
    pods = (pod("x", 6, at="b"), pod("y", 4, at="c"))
    owner = owner_of(node("a"), node("b"), node("c"), pods=pods)
    points = dict(owner.prioritize(pod("p", 2), ["a", "b", "c"], 0.0))
    assert points["b"] == 10  # it is full then
    assert points["a"] == 0
    assert 0 < points["c"] <= 9


def test_a_bound_pod_that_is_seen_there_is_as_it_was_promised() -> None:
    owner = owner_of(node("a"), node("b"))
    thing = pod("p", 3)
    owner.changed("Pod", thing, 0.0)
    owner.prioritize(thing, ["a", "b"], 0.0)
    bind(owner, thing, "a")
    assert free_gpus(owner, "a") == 5
    assert not owner.mirror.holds
    assert not owner.mirror.assumed
    owner.deleted("Pod", bound(thing, "a"), 1.0)
    assert free_gpus(owner, "a") == 8
    checked(owner)


def test_binding_elsewhere_than_held_moves_the_room_there() -> None:
    owner = owner_of(node("a"), node("b"))
    thing = pod("p", 3)
    owner.changed("Pod", thing, 0.0)
    owner.prioritize(thing, ["a", "b"], 0.0)
    bind(owner, thing, "b")
    assert (free_gpus(owner, "a"), free_gpus(owner, "b")) == (8, 5)
    checked(owner)


def test_binding_where_there_is_no_room_is_refused_and_changes_nothing() -> None:
    owner = owner_of(node("a"), pods=(pod("x", 7, at="a"),))
    owner.changed("Pod", thing := pod("p", 2), 0.0)
    refused = owner.reserve("default/p", "a", 0.0)
    assert isinstance(refused, Refused)
    assert refused.why == "node a has no room any more: too few GPUs with enough free"
    assert free_gpus(owner, "a") == 1
    assert thing
    checked(owner)


def test_what_the_api_did_not_bind_is_taken_back_unless_it_was_seen_bound() -> None:
    owner = owner_of(node("a"))
    one, other = pod("p", 2), pod("q", 2)
    for thing in (one, other):
        owner.changed("Pod", thing, 0.0)
        owner.reserve(f"default/{thing['metadata']['name']}", "a", 0.0)
    owner.take_back("default/p", 0.0)
    owner.changed("Pod", bound(other, "a"), 0.0)
    owner.take_back("default/q", 0.0)
    assert free_gpus(owner, "a") == 6
    checked(owner)


def test_who_runs_comes_before_who_was_promised_room() -> None:
    owner = owner_of(node("a"))
    owner.prioritize(pod("p", 8), ["a"], 0.0)
    owner.changed("Pod", pod("foreign", 4, at="a"), 1.0)
    assert not owner.mirror.holds
    assert free_gpus(owner, "a") == 4
    checked(owner)


def test_a_pod_that_runs_where_it_does_not_fit_takes_what_is_left_until_there_is_room() -> None:
    owner = owner_of(node("a"), pods=(pod("x", 6, at="a"),))
    owner.changed("Pod", pod("y", 4, at="a"), 1.0)
    assert free_gpus(owner, "a") == 0
    assert [uid for uid, _ in owner.mirror.crowded()] == ["default/y"]
    owner.deleted("Pod", pod("x", 6, at="a", uid=owner.mirror.pods["default/x"].api_uid), 2.0)
    assert free_gpus(owner, "a") == 4
    assert owner.mirror.crowded() == []
    checked(owner)


def test_a_node_that_comes_back_has_its_pods_again() -> None:
    thing = pod("x", 6, at="a")
    owner = owner_of(node("a"), pods=(thing,))
    owner.deleted("Node", node("a"), 1.0)
    assert names(owner) == []
    owner.changed("Node", node("a"), 2.0)
    assert free_gpus(owner, "a") == 2
    checked(owner)


def test_a_node_may_lose_gpus_while_they_are_in_use() -> None:
    owner = owner_of(node("a"), pods=(pod("x", 6, at="a"),))
    owner.changed("Node", node("a", 7), 1.0)
    assert free_gpus(owner, "a") == 1
    owner.changed("Node", node("a", 4), 2.0)
    assert free_gpus(owner, "a") == 0
    owner.changed("Node", node("a", 8), 3.0)
    assert free_gpus(owner, "a") == 2
    checked(owner)


def test_a_cordoned_node_keeps_its_pods_and_takes_no_more() -> None:
    owner = owner_of(node("a", cordoned=True), pods=(pod("x", 2, at="a"),))
    assert free_gpus(owner, "a") == 6
    answer = owner.filter(pod("p"), ["a"], 0.0, holds=True)
    assert answer.unresolvable == {"a": "the node takes no new pods"}
    checked(owner)


def test_another_pod_of_the_same_name_is_another_pod() -> None:
    owner = owner_of(node("a"), pods=(pod("p", 6, at="a", uid="one"),))
    owner.changed("Pod", pod("p", 2, uid="two"), 1.0)
    assert free_gpus(owner, "a") == 8
    owner.deleted("Pod", pod("p", 6, at="a", uid="one"), 2.0)  # late
    assert "default/p" in owner.mirror.pods
    checked(owner)


def test_a_pod_that_only_a_call_has_shown_is_forgotten_if_no_watch_does() -> None:
    owner = owner_of(node("a"))
    owner.prioritize(pod("p", 2), ["a"], 0.0)
    assert "default/p" in owner.mirror.pods
    owner.tick(30.0)
    assert "default/p" not in owner.mirror.pods
    assert free_gpus(owner, "a") == 8
    checked(owner)


# --- whose words ------------------------------------------------------------------------------


def test_shares_in_words_that_nothing_enforces_are_refused_by_name() -> None:
    owner = owner_of(node("a"), settings=Live(hami=True))
    kai = owner.filter(pod("k", asks={}, annotations={"gpu-fraction": "0.5"}), ["a"], 0, holds=True)
    assert "KAI's binder" in kai.unresolvable["a"]
    share = pod("h", asks={"nvidia.com/gpu": "1", "nvidia.com/gpumem": "1000"})
    hami = owner.filter(share, ["a"], 0.0, holds=True)
    assert hami.unresolvable == {
        "a": "nothing on the node enforces the share: HAMi's device plugin is not registered there"
    }


def test_hami_shares_go_to_hami_nodes_when_their_gpus_may_be_chosen() -> None:
    share = pod("h", asks={"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"})
    off = owner_of(node("a"), hami_node("b"))
    assert "devices.hami" in off.filter(share, ["a", "b"], 0.0, holds=True).unresolvable["b"]
    owner = owner_of(node("a"), hami_node("b"), settings=Live(hami=True))
    assert owner.filter(share, ["a", "b"], 0.0, holds=True).passed == ["b"]
    assert list(owner.prioritize(share, ["b"], 0.0)) == [("b", 10)]


def test_contradicting_keys_are_refused_with_both_of_them() -> None:
    asks = {"nvidia.com/gpumem": "1000", "aliyun.com/gpu-mem": "1", "nvidia.com/gpu": "1"}
    owner = owner_of(node("a"), settings=Live(hami=True))
    answer = owner.filter(pod("p", asks=asks), ["a"], 0.0, holds=True)
    assert "asks for GPUs by HAMi" in answer.unresolvable["a"]
    assert "gpushare" in answer.unresolvable["a"]


# --- gangs ------------------------------------------------------------------------------------


def gang_owner(n_nodes: int = 2, **settings: Any) -> tuple[Owner, list[Object]]:
    owner = owner_of(*[node(f"n{k}") for k in range(n_nodes)], settings=Live(**settings))
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 4)], 0.0)
    pods = [gang_pod(f"g-{k}", "g", 4) for k in range(4)]
    return owner, pods


def test_a_gang_is_planned_whole_at_its_first_member_and_the_others_follow() -> None:
    owner, pods = gang_owner()
    for thing in pods:
        owner.changed("Pod", thing, 0.0)
    every = ["n0", "n1"]
    first = owner.filter(pods[2], every, 0.0, holds=True)
    assert len(first.passed) == 1
    assert len(owner.mirror.holds) == 4
    assert free_gpus(owner, "n0") == free_gpus(owner, "n1") == 0
    places = [owner.filter(each, every, 1.0, holds=True).passed for each in pods]
    assert sorted(place for each in places for place in each) == ["n0", "n0", "n1", "n1"]
    checked(owner)


def test_a_gang_waits_for_its_pods_and_then_for_room() -> None:
    owner, pods = gang_owner(1)
    owner.changed("Pod", pods[0], 0.0)
    answer = owner.filter(pods[0], ["n0"], 0.0, holds=True)
    assert answer.error == "gang default/g: 1 of 4 pods exist"
    for thing in pods[1:]:
        owner.changed("Pod", thing, 0.0)
    answer = owner.filter(pods[0], ["n0"], 0.0, holds=True)
    assert not answer.passed
    assert not answer.error
    assert "2 of 4 members" in answer.failed["n0"]
    assert not owner.mirror.holds


def test_two_gangs_never_hold_half_of_the_cluster_each() -> None:
    owner = owner_of(*[node(f"n{k}") for k in range(2)])
    every = ["n0", "n1"]
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 4), pod_group("h", 4)], 0.0)
    one = [gang_pod(f"g-{k}", "g", 4) for k in range(4)]
    other = [gang_pod(f"h-{k}", "h", 4) for k in range(4)]
    for thing in (*one, *other):
        owner.changed("Pod", thing, 0.0)
    passed = [
        bool(owner.filter(each, every, 0.0, holds=True).passed)
        for pair in zip(one, other, strict=True)
        for each in pair
    ]
    assert passed == [True, False] * 4


def test_a_member_is_bound_only_when_the_least_have_come() -> None:
    owner, pods = gang_owner()
    for thing in pods:
        owner.changed("Pod", thing, 0.0)
    nodes = [owner.filter(each, ["n0", "n1"], 0.0, holds=True).passed[0] for each in pods]
    for k, (thing, at) in enumerate(zip(pods, nodes, strict=True)):
        plan = owner.come(f"default/g-{k}", thing["metadata"]["uid"], at, 1.0)
        assert isinstance(plan, Plan)
        assert owner.plans.there(plan) == k + 1
    for k, at in enumerate(nodes):
        assert isinstance(owner.reserve(f"default/g-{k}", at, 2.0), Ready)
    assert owner.plans.there(owner.plans.plans["default/g"]) == 4
    checked(owner)


def test_a_plan_ends_with_its_time_and_all_its_room_is_free_again() -> None:
    owner, pods = gang_owner(gangs=Gangs(hold_s=100.0))
    for thing in pods:
        owner.changed("Pod", thing, 0.0)
    owner.filter(pods[0], ["n0", "n1"], 0.0, holds=True)
    owner.tick(99.0)
    assert len(owner.mirror.holds) == 4
    owner.tick(100.0)
    assert not owner.mirror.holds
    assert not owner.plans.plans
    checked(owner)


def test_a_plan_that_lost_a_node_is_made_anew_with_who_is_bound_fixed() -> None:
    owner, pods = gang_owner(3)
    every = ["n0", "n1", "n2"]
    for thing in pods:
        owner.changed("Pod", thing, 0.0)
    nodes = [owner.filter(each, every, 0.0, holds=True).passed[0] for each in pods]
    bind(owner, pods[0], nodes[0])
    lost = next(at for at in nodes if at != nodes[0])
    owner.deleted("Node", node(lost), 1.0)
    left = [name for name in every if name != lost]
    again = [owner.filter(each, left, 2.0, holds=True) for each in pods[1:]]
    assert all(len(answer.passed) == 1 for answer in again)
    assert owner.mirror.cluster.pods["default/g-0"].placement.node == nodes[0]
    checked(owner)


def test_a_gang_in_part_is_found_when_its_time_is_over() -> None:
    owner, pods = gang_owner(1, gangs=Gangs(hold_s=100.0))
    owner.changed("Pod", bound(pods[0], "n0"), 0.0)
    for thing in pods[1:]:
        owner.changed("Pod", thing, 0.0)
    assert owner.partial(0.0) == []
    assert owner.partial(100.0) == []
    ((group, uids),) = owner.partial(100.1)
    assert (group.name, uids) == ("default/g", ["default/g-0"])


def test_a_gang_that_was_whole_is_found_when_it_changes_and_is_in_part() -> None:
    owner, pods = gang_owner(2, gangs=Gangs(hold_s=100.0))
    kind = "PodGroup.scheduling.x-k8s.io"
    for k, thing in enumerate(pods):
        owner.changed("Pod", bound(thing, f"n{k // 2}"), 0.0)
    assert owner.partial(0.0) == owner.partial(500.0) == []
    owner.changed(kind, pod_group("g", 5), 500.0)
    assert owner.partial(500.0) == []
    ((group, _),) = owner.partial(600.1)
    assert group.name == "default/g"
    owner.changed(kind, pod_group("g", 4), 600.1)
    assert owner.partial(600.1) == owner.partial(800.0) == []
    owner.deleted("Pod", pods[3], 800.0)
    assert owner.partial(800.0) == []
    ((_, uids),) = owner.partial(900.1)
    assert uids == ["default/g-0", "default/g-1", "default/g-2"]
    owner.deleted(kind, pod_group("g", 4), 900.1)
    assert owner.partial(900.1) == []


@pytest.mark.parametrize(("size", "error"), [(4, "3 of 4 pods exist"), (3, "")])
def test_an_owner_says_how_many_members_there_will_be(size: int, error: str) -> None:
    owner = owner_of(node("n0"))
    labels = {"training.kubeflow.org/job-name": "train"}
    pods = [pod(f"t-{k}", 2, labels=labels) for k in range(3)]
    for thing in pods:
        owner.changed("Pod", thing, 0.0)
    assert "asked for its size" in owner.filter(pods[0], ["n0"], 0.0, holds=True).error
    owner.plans.sizes["default/train"] = size
    answer = owner.filter(pods[0], ["n0"], 0.0, holds=True)
    assert error in answer.error
    assert bool(answer.passed) is not bool(error)


def test_a_gang_of_unknown_size_starts_when_nobody_new_has_come_for_a_while() -> None:
    owner = owner_of(node("n0"))
    labels = {"training.kubeflow.org/job-name": "train"}
    owner.plans.sizes["default/train"] = None
    pods = [pod(f"t-{k}", 2, labels=labels) for k in range(2)]
    owner.changed("Pod", pods[0], 0.0)
    assert "1 pods so far" in owner.filter(pods[0], ["n0"], 0.0, holds=True).error
    owner.changed("Pod", pods[1], 1.0)
    assert "2 pods so far" in owner.filter(pods[0], ["n0"], 2.5, holds=True).error
    assert owner.filter(pods[1], ["n0"], 4.5, holds=True).passed == ["n0"]
    assert len(owner.mirror.holds) == 2


def test_a_dry_run_holds_nothing_of_a_gang() -> None:
    owner, pods = gang_owner()
    for thing in pods:
        owner.changed("Pod", thing, 0.0)
    assert owner.filter(pods[0], ["n0", "n1"], 0.0, holds=False).passed
    assert not owner.mirror.holds
    assert not owner.plans.plans


def test_a_dry_run_undoes_nothing_of_a_gang() -> None:
    owner, pods = gang_owner()
    for each in pods:
        owner.changed("Pod", each, 0.0)
    assert owner.filter(pods[0], ["n0", "n1"], 0.0, holds=True).passed
    (plan,), holds = owner.plans.plans.values(), dict(owner.mirror.holds)
    at = plan.nodes[f"default/{pods[0]['metadata']['name']}"]
    (other,) = {"n0", "n1"} - {at}
    answer = owner.filter(pods[0], [other], 1.0, holds=False)
    assert answer.failed == {other: f"the gang's plan has this pod on {at}"}
    assert [*owner.plans.plans.values()] == [plan]
    assert owner.mirror.holds == holds


def test_a_share_of_a_gang_goes_where_it_is_enforced_whoever_is_asked_first() -> None:
    theirs = node("a", 20, annotations=VOLCANO)
    pods = (gang_pod("first", "g", asks={"cpu": "1"}), gang_pod("second", "g", asks=SHARE))
    owner = Owner(Live(hami=True))
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 2)], 0.0)
    listed(owner, "Node", [theirs, hami_node("z")], 0.0)
    listed(owner, "Pod", pods, 0.0)
    for each in pods:
        assert owner.filter(each, ["a", "z"], 0.0, holds=True).passed
    assert owner.filter(pods[1], ["a", "z"], 0.0, holds=True).passed == ["z"]
    checked(owner)


def test_a_share_may_fit_only_where_it_is_enforced() -> None:
    owner = Owner(Live(hami=True))
    listed(owner, "Node", [node("a", 20, annotations=VOLCANO)], 0.0)
    listed(owner, "Pod", [pod("p", asks=SHARE)], 0.0)
    assert not owner.may_fit("default/p")
    owner.changed("Node", hami_node("z"), 1.0)
    assert owner.may_fit("default/p")
