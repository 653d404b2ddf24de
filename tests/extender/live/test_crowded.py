"""Pods that run where they do not fit, and nodes that became smaller than what runs on them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.settings import Live
from extender_owners import checked
from extender_owners import owner_of as owner_with
from extender_things import bound, hami_node, node, pod

Object = dict[str, Any]
GIVEN, REGISTER = "hami.io/vgpu-devices-allocated", "hami.io/node-nvidia-register"
APART = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "labelSelector": {"matchLabels": {"app": "x"}},
                    "topologyKey": "kubernetes.io/hostname",
                }
            ]
        }
    }
}


owner_of = partial(owner_with, settings=Live(hami=True))


def share(name: str, mib: int, given: str = "", **more: Any) -> Object:
    asks = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": str(mib)}
    notes = {GIVEN: f"{given},NVIDIA,{mib},50:;"} if given else {}
    return pod(name, asks=asks, annotations=notes, **more)


def ill(thing: Object, index: int) -> Object:
    """Return a node one of whose GPUs is not healthy."""
    rows = thing["metadata"]["annotations"][REGISTER].split(":")
    rows[index] = rows[index].replace("true", "false")
    notes = {REGISTER: ":".join(rows)}
    return {**thing, "metadata": {**thing["metadata"], "annotations": notes}}


def is_open(owner: Owner, name: str) -> bool:
    return owner.mirror.cluster.nodes[name].schedulable


def test_a_pod_with_a_gpu_that_its_node_has_not_is_there_once_however_often_it_is_seen() -> None:
    owner = owner_of(hami_node("a"))
    lost = pod("p", 1, at="a", annotations={GIVEN: "GPU-old,NVIDIA,81920,0:;"})
    for at_s in range(3):
        owner.changed("Pod", lost, float(at_s))
        assert [uid for uid, _ in owner.mirror.crowded()] == ["default/p"]
        assert owner.mirror.cluster.view.idle_milli.sum() == 1000
        assert is_open(owner, "a")
        checked(owner)
    owner.deleted("Pod", lost, 3.0)
    assert owner.mirror.crowded() == []
    assert owner.mirror.cluster.view.idle_milli.sum() == 2000
    checked(owner)


def test_a_node_is_open_again_when_who_was_squeezed_in_fits_after_a_promise_went() -> None:
    owner = owner_of(hami_node("a", 1))
    bound_by_us, held = share("b", 30_000), share("h", 30_000)
    for each in (bound_by_us, held):
        owner.changed("Pod", each, 0.0)
        owner.prioritize(each, ["a"], 0.0)
    assert isinstance(owner.reserve("default/b", "a", 0.0), Ready)
    owner.deleted("Pod", held, 0.0)
    vague = share("v", 60_000, at="a")
    owner.changed("Pod", vague, 0.0)
    assert not is_open(owner, "a")  # which part of its GPU is free nobody knows
    owner.take_back("default/b", 0.0)
    assert is_open(owner, "a")
    checked(owner)


def test_who_runs_on_a_gpu_that_fell_ill_stays_there_after_a_restart_too() -> None:
    runs = share("r", 40_000, "GPU-a-1", at="a")
    live = owner_of(hami_node("a"), pods=(runs,))
    live.changed("Node", ill(hami_node("a"), 1), 1.0)
    anew = owner_of(ill(hami_node("a"), 1), pods=(runs,))
    for owner in (live, anew):
        assert owner.mirror.crowded() == []
        assert is_open(owner, "a")
        checked(owner)
        new = share("n", 1_000)
        assert owner.filter(new, ["a"], 2.0, holds=True).passed == ["a"]


def test_a_share_that_only_lacks_cpu_keeps_its_gpu_and_its_node_open() -> None:
    small = node(
        "a", 20, amounts={"cpu": "1"}, annotations=hami_node("a")["metadata"]["annotations"]
    )
    pods = tuple(share(f"r{k}", 40_000, f"GPU-a-{k}", at="a") for k in range(2))
    owner = owner_of(small, pods=pods)
    assert [uid for uid, _ in owner.mirror.crowded()] == ["default/r1"]
    assert is_open(owner, "a")
    checked(owner)
    live = owner_of(hami_node("a"), pods=pods)
    live.changed("Node", small, 1.0)
    checked(live)


@pytest.mark.parametrize("after", [node("a", amounts={"cpu": "40"}), ill(hami_node("a"), 0)])
def test_who_runs_on_a_node_that_shrank_stays_when_somebody_looks_at_new_labels(
    after: Object,
) -> None:
    before = hami_node("a") if after["metadata"]["annotations"] else node("a")
    asks = {"cpu": "50", "nvidia.com/gpu": "1"}
    notes = {GIVEN: "GPU-a-0,NVIDIA,81920,0:;"} if after["metadata"]["annotations"] else {}
    runs = pod("r", at="a", labels={"app": "x"}, asks=asks, annotations=notes)
    owner = owner_of(before, pods=(runs,))
    owner.changed("Node", after, 1.0)
    owner.changed("Pod", pod("n", 1, spec=APART), 2.0)
    (there,) = owner.mirror.cluster.pods.values()
    assert there.request.constraints is not None
    assert there.request.constraints.labels == (("app", "x"),)
    checked(owner)


def test_labels_that_a_call_is_the_first_to_look_at_are_heeded_at_once() -> None:
    owner = owner_of(node("a"), pods=(bound(pod("r", 1, labels={"app": "x"}), "a"),))
    owner.filter(pod("n", 1, spec=APART), ["a"], 0.0, holds=True)
    constraints = owner.mirror.cluster.pods["default/r"].request.constraints
    assert constraints is not None
    assert constraints.labels == (("app", "x"),)
