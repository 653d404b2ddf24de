"""Which nodes may be repartitioned, and why others may not."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.health.entries import QUARANTINED, Entry, write_entries
from bayplan.extender.health.settings import Judging
from bayplan.extender.repartition.asking import case_of, outlook
from bayplan.extender.repartition.controller import Controller
from bayplan.extender.repartition.machine import Result
from bayplan.extender.repartition.mark import Mark, Step
from bayplan.extender.repartition.settings import Repartition
from bayplan.scheduler.types import Node
from extender_things import bound, hami_node, node, pod

from .mig import SMALL, Object, controller_of, merged, mig_node, waiting

NOW_S = 1000.0


def why_not(node: Object, *pods: Object, settings: Repartition | None = None) -> str:
    controller, _ = controller_of([node], pods, settings)
    seen = outlook(controller.owner, controller.watched, (), NOW_S, controller.settings)
    name = node["metadata"]["name"]
    assert (name in seen.refused) is (not seen.free)
    return seen.refused.get(name, "")


MARKED = Mark(Step.FAILED, "all-1g.10gb", why="it broke").text
NODES: dict[str, tuple[dict[str, Any], str]] = {
    "idle": ({}, ""),
    "a state that nobody has set yet": (
        {"state": "", "labels": {"nvidia.com/gpu.deploy.mig-manager": "true"}}, ""),
    "cordoned": ({"cordoned": True}, "somebody has cordoned it"),
    "under way": ({"annotations": {"bayplan.io/repartition": MARKED}}, "it is failed: it broke"),
    "lately": ({"annotations": {"bayplan.io/repartitioned": "1970-01-01T00:10:00Z"}},
               "it was repartitioned lately; again in 1400 s"),
    "long ago": ({"annotations": {"bayplan.io/repartitioned": "1969-01-01T00:00:00Z"}}, ""),
    "failed": ({"state": "failed"},
               "nvidia.com/mig.config.state is failed: see the log of the MIG manager"),
    "at work": ({"state": "rebooting"},
                "its MIG manager is at work: nvidia.com/mig.config.state is rebooting"),
    "no manager": ({"state": ""}, "no MIG manager: nvidia.com/mig.config.state is not set"),
    "single": ({"labels": {"nvidia.com/mig.strategy": "single"}},
               "nvidia.com/mig.strategy is single, not mixed"),
    "shared": ({"labels": {"nvidia.com/gpu.sharing-strategy": "time-slicing"}},
               "its GPUs are shared by time-slicing"),
    "unknown": ({"labels": {"nvidia.com/gpu.product": "Quadro"}},
                "its GPUs are of no product with known layouts"),
    "uncounted": ({"labels": {"nvidia.com/gpu.count": "many"}},
                  "its GPUs are of no product with known layouts"),
}  # fmt: skip


@pytest.mark.parametrize("case", NODES)
def test_why_a_node_may_not_be_changed_by_itself(case: str) -> None:
    more, why = NODES[case]
    assert why_not(mig_node("a", 8, **more)) == why


def test_a_node_that_is_not_ready() -> None:
    down = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert why_not(merged(mig_node("a", 8), down)) == "it is not ready"


def test_a_label_says_which_nodes_may_be_changed() -> None:
    made = mig_node("a", 8, labels={"pool": "mig"})
    for label in ("pool", "pool=mig", ""):
        assert why_not(made, settings=Repartition(label=label)) == ""
    for label in ("pool=other", "other"):
        assert why_not(made, settings=Repartition(label=label)) == f"it has no label {label}"


def test_nodes_without_mig_and_those_of_hami_are_left_alone() -> None:
    controller, _ = controller_of([node("plain")])
    assert controller.watched.nodes == {}
    made = hami_node("a")
    labels = mig_node("a", 8)["metadata"]["labels"]
    assert why_not(merged(made, {"metadata": {"labels": labels}})) == (
        "HAMi or Volcano shares its GPUs"
    )


BUSY = {
    "whole": {"nvidia.com/gpu": "1"},
    "instance": {SMALL: "1"},
    "shared": {"nvidia.com/gpu.shared": "1"},
    "memory": {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "1000"},
}


@pytest.mark.parametrize("asks", BUSY)
def test_a_pod_that_uses_gpus_in_any_words_keeps_a_node_as_it_is(asks: str) -> None:
    runs = pod("r", at="a", asks=BUSY[asks])
    assert why_not(mig_node("a", 8), runs) == "pod default/r uses its GPUs"
    leaving = merged(runs, {"metadata": {"deletionTimestamp": "1970-01-01T00:00:00Z"}})
    assert why_not(mig_node("a", 8), leaving) == "pod default/r uses its GPUs"
    assert why_not(mig_node("a", 8), merged(runs, {"status": {"phase": "Succeeded"}})) == ""
    assert why_not(mig_node("a", 8), pod("r", at="b", asks=BUSY[asks])) == ""


def test_a_pod_without_gpus_does_not() -> None:
    assert why_not(mig_node("a", 8), pod("r", at="a", asks={"cpu": "2"})) == ""


def test_a_pod_with_claims_does_as_nobody_knows_what_it_has() -> None:
    claims = {"resourceClaims": [{"name": "gpu", "resourceClaimName": "c"}]}
    why = why_not(mig_node("a", 8), pod("r", at="a", asks={"cpu": "1"}, spec=claims))
    assert why.startswith("it cannot be told what pod default/r uses: spec.resourceClaims")


def test_who_is_to_have_room_on_a_node_keeps_it_as_it_is() -> None:
    thing = pod("p", 2)
    controller, seeing = controller_of([mig_node("a", 8)], [thing])
    owner = controller.owner

    def refused() -> str:
        seen = outlook(owner, controller.watched, (), NOW_S, controller.settings)
        return seen.refused.get("a", "")

    assert refused() == ""
    owner.prioritize(thing, ["a"], NOW_S)
    assert refused() == "pod default/p is to have room there"  # held
    owner.reserve("default/p", "a", NOW_S)
    assert refused() == "pod default/p is to have room there"  # bound, and nobody has seen it
    seeing.changed("Pod", bound(thing, "a"))
    assert refused() == "pod default/p uses its GPUs"
    seeing.deleted("Pod", bound(thing, "a"))
    assert refused() == ""
    nominated = waiting("q", {"nvidia.com/gpu": 1})
    nominated["status"]["nominatedNodeName"] = "a"
    seeing.changed("Pod", nominated)
    assert refused() == "pod default/q is to have room there"
    seeing.deleted("Pod", nominated)
    assert refused() == ""


def test_whom_room_is_being_made_for_by_eviction_is_counted() -> None:
    victim = pod("victim", 8, at="a", uid="v", spec={"priority": 0})
    thing = pod("p", 8, spec={"priority": 9})
    controller, seeing = controller_of([mig_node("a", 8)], [victim, thing])
    assert controller.owner.preempt(thing, {"a": (("v",), 0)}, NOW_S) == {"a": (("v",), 0)}
    seeing.deleted("Pod", victim)
    seen = outlook(controller.owner, controller.watched, (), NOW_S, controller.settings)
    assert seen.refused == {"a": "pod default/p is to have room there"}


JUDGING = Judging(conditions=frozenset({("GPUMissing", "True")}))
MISSING = {"status": {"conditions": [{"type": "GPUMissing", "status": "True"}]}}


def quarantined(thing: Object) -> Object:
    entries = [Entry("GPU-0", 0, "xid-79", "2026-11-28T21:00:00Z")]
    return merged(thing, {"metadata": {"annotations": {QUARANTINED: write_entries(entries)}}})


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (quarantined(mig_node("a", 8)), "GPU 0 (GPU-0) is quarantined"),
        (merged(mig_node("a", 8), MISSING), "condition GPUMissing is True"),
    ],
)
def test_a_node_whose_gpus_take_no_pods_is_not_cut_for_any(made: Object, why: str) -> None:
    for health, refused in ((JUDGING, {"a": why}), (None, {})):
        pods = [waiting("p", {SMALL: 1})]
        controller, _ = controller_of([made], pods, health=health)
        seen = outlook(controller.owner, controller.watched, (), NOW_S, controller.settings)
        assert seen.refused == refused
        assert (controller.case(NOW_S) is None) is bool(refused)


def test_a_node_that_falls_ill_once_it_is_cordoned_is_let_go() -> None:
    mark = Mark(Step.CORDONED, "all-1g.10gb", "all-disabled", 990, ("default/p",))
    made = mig_node("a", 8, cordoned=True, annotations={"bayplan.io/repartition": mark.text})
    pods = [waiting("p", {SMALL: 1})]
    controller, seeing = controller_of([made], pods, Repartition(max_nodes=2), JUDGING)
    assert list(controller.due(NOW_S)) == []
    assert len(coming(controller)) == 1
    seeing.changed("Node", quarantined(made))
    (due,) = controller.due(NOW_S)
    assert (due.write.result, due.write.why) == (Result.UNDONE, "GPU 0 (GPU-0) is quarantined")
    assert coming(controller) == ()


def coming(controller: Controller) -> tuple[Node, ...]:
    owner, watched, settings = controller.owner, controller.watched, controller.settings
    seen = outlook(owner, watched, (), NOW_S, settings)
    return case_of(owner, watched, seen, NOW_S, settings).coming


def test_a_relist_forgets_what_is_gone() -> None:
    controller, seeing = controller_of([mig_node("a"), mig_node("b")], [waiting("p", {SMALL: 1})])
    watched = controller.watched
    seeing.replacing("Node")
    seeing.page("Node", [mig_node("b")])
    seeing.replaced("Node")
    assert list(watched.nodes) == ["b"]
    assert watched.waiting == {"default/p": 100.0}
    seeing.replacing("Pod")
    seeing.replaced("Pod")
    assert watched.waiting == {}
    seeing.deleted("Node", mig_node("b"))
    assert watched.nodes == {}
