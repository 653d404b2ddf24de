"""Whom kube-scheduler is told to evict."""

from __future__ import annotations

from functools import partial
from typing import Any

from bayplan.extender.live.owner import Ready
from bayplan.extender.live.settings import Live
from extender_owners import checked
from extender_owners import owner_of as owner_with
from extender_things import bound, gang_pod, hami_node, node, pod, pod_group

Object = dict[str, Any]
HALF = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}
MOST = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "61440"}


owner_of = partial(owner_with, groups=(pod_group("g", 2),))


def ranked(thing: Object, priority: int) -> Object:
    return {**thing, "spec": {**thing["spec"], "priority": priority}}


def budget(name: str, allowed: int, **labels: str) -> Object:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


def uid(thing: Object) -> str:
    return str(thing["metadata"]["uid"])


def proposed(**nodes: tuple[Object, ...]) -> dict[str, tuple[tuple[str, ...], int]]:
    """What kube-scheduler proposes: all pods of each node."""
    return {name: (tuple(map(uid, pods)), 0) for name, pods in nodes.items()}


def test_the_fewest_leave_and_of_one_node_only() -> None:
    there = tuple(pod(f"p{k}", 2, at="a") for k in range(4))
    large = pod("large", 8, at="b")
    owner = owner_of(node("a"), node("b"), pods=(*there, large))
    wants = ranked(pod("wants", 4), 10)
    found = owner.preempt(wants, proposed(a=there, b=(large,)), 0.0)
    assert found == {"b": ((uid(large),), 0)}
    found = owner.preempt(wants, proposed(a=there), 0.0)
    ((node_, (uids, violated)),) = found.items()
    assert (node_, len(uids), violated) == ("a", 2, 0)
    assert set(uids) <= set(map(uid, there))


def test_nobody_of_equal_priority_leaves_and_an_unknown_node_is_none() -> None:
    there = ranked(pod("p", 8, at="a"), 10)
    owner = owner_of(node("a"), pods=(there,))
    assert owner.preempt(ranked(pod("q", 8), 10), proposed(a=(there,)), 0.0) == {}
    assert owner.preempt(ranked(pod("q", 8), 11), proposed(new=()), 0.0) == {}


def test_victims_are_found_where_kube_scheduler_has_none() -> None:
    """As from 1.38 on: by number a share would fit, by the memory of a GPU it does not."""
    halves = [pod(f"p{k}", asks=HALF) for k in range(4)]
    owner = owner_of(hami_node("h"), pods=tuple(halves), settings=Live(hami=True))
    for each in halves:
        ready = owner.reserve(f"default/{each['metadata']['name']}", "h", 0.0)
        assert isinstance(ready, Ready)
        owner.changed("Pod", bound(each, "h"), 0.0)
    wants = ranked(pod("wants", asks=MOST), 10)
    assert not owner.filter(wants, ["h"], 0.0, holds=True).passed
    ((name, (uids, _)),) = owner.preempt(wants, {"h": ((), 0)}, 0.0).items()
    assert (name, len(uids)) == ("h", 2)
    pods = owner.mirror.cluster.pods
    victims = [pods[f"default/{e['metadata']['name']}"] for e in halves if uid(e) in uids]
    gpus = {g.slot.gpu for each in victims for grants in each.placement.grants for g in grants}
    assert len(gpus) == 1, "both are on the GPU that is needed"


def test_budgets_are_respected_as_they_are_by_then() -> None:
    kept, free = pod("kept", 8, at="a", labels={"app": "web"}), pod("free", 8, at="b")
    owner = owner_of(node("a"), node("b"), pods=(kept, free))
    among = proposed(a=(kept,), b=(free,))
    wants = ranked(pod("wants", 8), 10)
    owner.changed("PodDisruptionBudget", budget("web", 0, app="web"), 0.0)
    assert owner.preempt(wants, among, 0.0) == {"b": ((uid(free),), 0)}
    assert owner.preempt(wants, proposed(a=(kept,)), 0.0) == {"a": ((uid(kept),), 1)}
    owner.changed("PodDisruptionBudget", budget("web", 1, app="web"), 0.0)
    assert owner.preempt(wants, proposed(a=(kept,)), 0.0) == {"a": ((uid(kept),), 0)}
    owner.changed("PodDisruptionBudget", budget("web", 0, app="other"), 0.0)
    owner.deleted("PodDisruptionBudget", budget("web", 0, app="other"), 0.0)
    assert owner.preempt(wants, proposed(a=(kept,)), 0.0) == {"a": ((uid(kept),), 0)}
    checked(owner)


def test_a_pod_keeps_its_room_on_a_node_that_shrank_when_a_budget_comes() -> None:
    there = pod("p", 4, at="a", labels={"app": "web"})
    owner = owner_of(node("a"), pods=(there,))
    small = node("a")
    small["status"]["allocatable"]["cpu"] = "500m"  # it asks for 1
    owner.changed("Node", small, 0.0)
    owner.changed("PodDisruptionBudget", budget("web", 0, app="web"), 0.0)
    owner.preempt(ranked(pod("wants", 8), 10), proposed(a=(there,)), 0.0)
    assert "default/p" in owner.mirror.cluster.pods
    view = owner.mirror.cluster.view
    assert int(view.idle_milli[: view.n_rows].sum()) == 4000
    checked(owner)


def test_a_gang_that_would_be_in_part_is_spared() -> None:
    members = (gang_pod("m0", "g", 8, at="a"), gang_pod("m1", "g", 8, at="b"))
    alone = pod("alone", 8, at="c")
    owner = owner_of(node("a"), node("b"), node("c"), pods=(*members, alone))
    wants = ranked(pod("wants", 8), 10)
    among = proposed(a=(members[0],), b=(members[1],), c=(alone,))
    assert owner.preempt(wants, among, 0.0) == {"c": ((uid(alone),), 0)}
    assert owner.preempt(wants, proposed(a=(members[0],)), 0.0) == {}


def test_for_a_gang_that_cannot_start_nobody_leaves_and_else_as_many_as_all_need() -> None:
    low, high = pod("low", 8, at="a"), ranked(pod("high", 8, at="b"), 100)
    owner = owner_of(node("a"), node("b"), pods=(low, high))
    members = [ranked(gang_pod(f"m{k}", "g", 8), 10) for k in range(2)]
    for each in members:
        owner.changed("Pod", each, 0.0)
    among = proposed(a=(low,))
    assert owner.preempt(members[0], among, 0.0) == {}
    owner.deleted("Pod", high, 0.0)
    answers = [owner.preempt(each, among, 0.0) for each in members]
    assert sorted(answers, key=len) == [{}, {"a": ((uid(low),), 0)}]


def test_what_kube_scheduler_sees_besides_leaves_too() -> None:
    """A host port: the engine does not look at it, so that whoever has it leaves as well."""
    there = tuple(pod(f"p{k}", 2, at="a") for k in range(4))
    owner = owner_of(node("a"), pods=there)
    wants = ranked(pod("wants", 2), 10)
    ((_, (ours, _)),) = owner.preempt(wants, {"a": ((), 0)}, 0.0).items()
    container = wants["spec"]["containers"][0]
    ports = [{**container, "ports": [{"containerPort": 80, "hostPort": 80}]}]
    wants = {**wants, "spec": {**wants["spec"], "containers": ports}}
    for each in map(uid, there):  # whoever it is
        ((_, (uids, _)),) = owner.preempt(wants, {"a": ((each,), 0)}, 0.0).items()
        assert set(uids) == {*ours, each}


def test_the_room_of_victims_is_kept_for_whom_they_left() -> None:
    there = pod("p", 8, at="a")
    owner = owner_of(node("a"), pods=(there,))
    wants = ranked(pod("wants", 8), 10)
    assert owner.preempt(wants, proposed(a=(there,)), 0.0)
    owner.tick(1.0)
    assert not owner.mirror.holds
    owner.deleted("Pod", there, 2.0)
    owner.tick(2.5)
    assert not owner.filter(pod("thief", 1), ["a"], 3.0, holds=True).passed
    assert owner.filter(wants, ["a"], 3.0, holds=True).passed == ["a"]


def test_what_victims_never_leave_is_looked_for_no_longer() -> None:
    there = pod("p", 8, at="a")
    owner = owner_of(node("a"), pods=(there,))
    wants = ranked(pod("wants", 8), 10)
    owner.changed("Pod", wants, 0.0)
    assert owner.preempt(wants, proposed(a=(there,)), 0.0)
    owner.tick(500.0)
    owner.deleted("Pod", there, 501.0)
    owner.tick(501.5)
    assert not owner.mirror.holds
