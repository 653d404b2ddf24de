"""Which GPUs pods wish, on a live cluster: refused, kept to, and told to the device plugin."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.settings import Gangs, Live
from bayplan.extender.live.writing import chosen
from extender_owners import checked
from extender_owners import owner_of as owner_with
from extender_things import bound, gang_pod, hami_node, listed, node, pod, pod_group

Object = dict[str, Any]
USE, NOUSE = "nvidia.com/use-gpuuuid", "nvidia.com/nouse-gpuuuid"
MODELS, MEMORY = "bayplan.io/gpu-models", "bayplan.io/gpu-memory"
HALF = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}

owner_of = partial(owner_with, settings=Live(hami=True))


def sharing(name: str, **annotations: str) -> Object:
    return pod(name, asks=HALF, annotations=annotations)


def placed(owner: Owner, thing: Object, names: list[str]) -> str:
    """Let a pod go through the three calls; return what its device plugin is told, or why not."""
    owner.changed("Pod", thing, 0.0)
    answer = owner.filter(thing, names, 0.0, holds=True)
    if not answer.passed:
        return answer.error or "; ".join(text for text, _ in answer.counts())
    points = dict(owner.prioritize(thing, answer.passed, 0.0))
    at = max(points, key=lambda name: points[name])
    uid = f"default/{thing['metadata']['name']}"
    ready = owner.reserve(uid, at, 0.0)
    assert isinstance(ready, Ready)
    placement = ready.decision.placement
    assert placement is not None
    seen, facts = owner.mirror.pods[uid], owner.mirror.reader.nodes[at]
    told = chosen(seen, placement, facts.gpus, 0.0, giver=owner.giver(uid, at))
    owner.changed("Pod", bound({**thing, "metadata": told_to(thing, told)}, at), 0.0)
    checked(owner)
    return told.get("hami.io/vgpu-devices-to-allocate", at)


def told_to(thing: Object, told: dict[str, str]) -> Object:
    metadata: Object = thing["metadata"]
    return {**metadata, "annotations": {**metadata["annotations"], **told}}


def given(uuid: str) -> str:
    return f"{uuid},NVIDIA,40960,50:;"


def test_the_device_plugin_is_told_gpus_that_the_pod_allows() -> None:
    owner = owner_of(hami_node("a"), hami_node("b"))
    both = ["a", "b"]
    assert placed(owner, sharing("p", **{USE: "GPU-b-1"}), both) == given("GPU-b-1")
    assert placed(owner, sharing("q", **{USE: "GPU-b-1,GPU-x"}), both) == given("GPU-b-1")
    # It is full now, and so nobody else goes there.
    refused = "no GPU by a uuid that the pod allows; too few GPUs with enough free"
    assert placed(owner, sharing("r", **{USE: "GPU-b-1"}), both) == refused
    assert placed(owner, sharing("s", **{NOUSE: "GPU-a-0,GPU-a-1"}), both) == given("GPU-b-0")
    assert placed(owner, sharing("t", **{NOUSE: "GPU-a-0,GPU-b-0"}), both) == given("GPU-a-1")
    refused = "no GPU by a uuid that the pod allows"
    assert placed(owner, sharing("u", **{USE: "GPU-x"}), both) == refused
    assert placed(owner, sharing("v", **{NOUSE: "GPU-a-0,GPU-a-1"}), ["a"]) == refused


def test_two_gpus_of_one_pod_are_both_allowed() -> None:
    owner = owner_of(hami_node("a", 3))
    asks = {"nvidia.com/gpu": "2", "nvidia.com/gpumem": "1000"}
    wish = pod("p", asks=asks, annotations={NOUSE: "GPU-a-1"})
    told = placed(owner, wish, ["a"])
    assert told == "GPU-a-0,NVIDIA,1000,1:GPU-a-2,NVIDIA,1000,1:;"
    assert "too few GPUs" in placed(owner, pod("q", asks=asks, annotations={USE: "GPU-a-1"}), ["a"])


def test_a_wish_that_only_the_call_shows_counts_at_once() -> None:
    owner = owner_of(hami_node("a"))
    plain = sharing("p")
    owner.changed("Pod", plain, 0.0)
    uid = plain["metadata"]["uid"]
    late = pod("p", asks=HALF, annotations={NOUSE: "GPU-a-0,GPU-a-1"}, uid=uid)
    assert owner.filter(late, ["a"], 0.0, holds=False).passed == []
    checked(owner)


def test_who_is_bound_by_a_wish_that_the_watch_has_not_shown_stays_there() -> None:
    owner = owner_of(hami_node("a"))
    before = sharing("p", **{NOUSE: "GPU-a-1"})
    owner.changed("Pod", before, 0.0)
    uid = before["metadata"]["uid"]
    now = pod("p", asks=HALF, annotations={USE: "GPU-a-1"}, uid=uid)
    assert owner.filter(now, ["a"], 0.0, holds=True).passed == ["a"]
    owner.prioritize(now, ["a"], 0.0)
    assert isinstance(owner.reserve("default/p", "a", 0.0), Ready)
    checked(owner)
    owner.changed("Node", hami_node("a", 3), 1.0)  # other GPUs: all are placed anew
    checked(owner)
    assert owner.mirror.crowded() == []


def test_names_are_kept_when_nodes_come_and_go_and_change() -> None:
    owner = owner_of(hami_node("a"), pods=(sharing("w", **{USE: "GPU-a-1"}),))
    assert placed(owner, sharing("p", **{USE: "GPU-a-1"}), ["a"]) == given("GPU-a-1")
    owner.changed("Node", {**hami_node("a"), "spec": {"unschedulable": True}}, 1.0)
    checked(owner)
    owner.changed("Node", hami_node("a", 3), 2.0)  # other GPUs, while some are in use
    checked(owner)
    assert owner.mirror.cluster.nodes["a"].gpu_uuids == ((1, "GPU-a-1"),)
    owner.deleted("Node", hami_node("a", 3), 3.0)
    owner.changed("Node", hami_node("a"), 4.0)
    checked(owner)
    assert placed(owner, sharing("q", **{USE: "GPU-a-1"}), ["a"]) == given("GPU-a-1")


def test_uuids_beside_whole_gpus_are_refused_because_the_plugin_picks() -> None:
    owner = owner_of(hami_node("a"), node("b"))
    said = placed(owner, pod("p", 1, annotations={USE: "GPU-a-1"}), ["a", "b"])
    assert said == (
        "metadata.annotations.nvidia.com/use-gpuuuid: nothing on the nodes enforces it: NVIDIA's"
        " device plugin picks the GPUs, and HAMi's takes those that we choose only beside"
        " nvidia.com/gpumem, gpumem-percentage or gpucores"
    )
    # One that runs has its room all the same.
    owner.changed("Pod", pod("r", 3, at="b", annotations={USE: "GPU-b-1"}), 0.0)
    assert owner.mirror.cluster.view.idle_milli.sum() == 2000 + 5000
    assert owner.mirror.pods["default/r"].problem == ""


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({MODELS: "A100"}, "a"),
        ({MODELS: "NVIDIA-H100-80GB-HBM3"}, "h"),
        ({MODELS: "A100,H100", "nvidia.com/nouse-gputype": "A100"}, "h"),
        ({MODELS: "B200"}, "no GPU of an allowed model"),
        ({MEMORY: "80Gi"}, "a"),
        ({MEMORY: "81Gi"}, "too few GPUs, or each too small"),
        ({MEMORY: "80Gi", MODELS: "H100"}, "no GPU of an allowed model"),
        ({MEMORY: "1000"}, "1000 is no memory of a GPU; write 40Gi for 40 GiB"),
        ({"bayplan.io/gpu-memroy": "1Gi"}, "no annotation of a pod; did you mean"),
        ({"bayplan.io/nudged": "1"}, "a"),
    ],
)
def test_nodes_are_those_whose_gpus_a_pod_wishes(annotations: dict[str, str], said: str) -> None:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.memory": "81559",  # less than 80 GiB
    }
    owner = owner_of(node("a"), node("h", labels=labels))
    found = placed(owner, pod("p", 4, annotations=annotations), ["h", "a"])
    assert found == said if said in ("a", "h") else said in found


def test_models_mean_what_the_cluster_has_by_now() -> None:
    h100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    wish = pod("p", annotations={MODELS: "H100", "nvidia.com/use-gputype": "A100"})
    owner = owner_of(node("a"), pods=(wish,))
    assert owner.mirror.pods["default/p"].problem == ""  # there may come one of both
    owner.changed("Node", node("h", labels=h100), 1.0)
    assert "no GPU is both" in owner.mirror.pods["default/p"].problem
    owner.deleted("Node", node("h", labels=h100), 2.0)
    assert owner.mirror.pods["default/p"].problem == ""


def test_a_pod_whose_wishes_can_be_met_again_names_its_gpus() -> None:
    h100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    said = {MODELS: "H100", "nvidia.com/use-gputype": "A100", NOUSE: "GPU-a-0"}
    owner = owner_of(hami_node("a"), node("h", labels=h100), pods=(sharing("p", **said),))
    assert "no GPU is both" in owner.mirror.pods["default/p"].problem
    owner.deleted("Node", node("h", labels=h100), 1.0)
    assert owner.mirror.pods["default/p"].problem == ""
    assert owner.mirror.cluster.nodes["a"].gpu_uuids == ((0, "GPU-a-0"),)
    checked(owner)


def test_gpus_in_one_island_are_chosen_where_we_choose() -> None:
    owner = owner_of(
        {
            **hami_node("a", 4),
            "metadata": {
                **hami_node("a", 4)["metadata"],
                "labels": {"bayplan.io/gpu-island": "2"},
            },
        }
    )
    assert placed(owner, sharing("p", **{USE: "GPU-a-0"}), ["a"]) == given("GPU-a-0")
    asks = {"nvidia.com/gpu": "2", "nvidia.com/gpumem": "40961"}
    wish = {"bayplan.io/gpu-topology": "island"}
    told = placed(owner, pod("q", asks=asks, annotations=wish), ["a"])
    assert told == "GPU-a-2,NVIDIA,40961,50:GPU-a-3,NVIDIA,40961,50:;"
    more = pod("r", asks={**asks, "nvidia.com/gpumem": "40000"}, annotations=wish)
    assert placed(owner, more, ["a"]) == "GPU-a-0,NVIDIA,40000,48:GPU-a-1,NVIDIA,40000,48:;"
    three = pod("s", asks={**asks, "nvidia.com/gpu": "3"}, annotations=wish)
    assert (
        placed(owner, three, ["a"]) == "no GPU island of the node is as large as the pod requires"
    )


def test_whole_gpus_in_one_island_are_where_the_plugin_cannot_pick_otherwise() -> None:
    halves = node("half", labels={"bayplan.io/gpu-island": "4"})
    owner = owner_of(halves, node("one"), hami_node("h", 4))
    names = ["half", "one", "h"]
    thing = pod("p", 2, annotations={"bayplan.io/gpu-topology": "island"})
    owner.changed("Pod", thing, 0.0)
    answer = owner.filter(thing, names, 0.0, holds=True)
    assert answer.passed == ["one"]  # its 8 A100s are an island
    assert answer.unresolvable == {
        "half": "no GPU island of the node is as large as the pod requires",
        "h": "nothing there keeps the GPUs together: NVIDIA's device plugin does not give them out",
    }
    assert placed(owner, thing, names) == "one"


def test_the_example_of_the_docs_goes_to_an_h200() -> None:
    said: list[dict[str, str]] = [
        {"nvidia.com/gpu.product": f"NVIDIA-{name}", "nvidia.com/gpu.memory": str(mib)}
        for name, mib in (("H100-80GB-HBM3", 81559), ("H100-NVL", 95830), ("H200", 143771))
    ]
    owner = owner_of(*(node(f"n{k}", labels=labels) for k, labels in enumerate(said)), node("n3"))
    wish = pod("p", 2, annotations={MODELS: "H100, H200", MEMORY: "100Gi"})
    assert placed(owner, wish, ["n0", "n1", "n2", "n3"]) == "n2"


def test_members_of_a_gang_get_the_gpus_that_each_allows() -> None:
    owner = Owner(Live(hami=True, gangs=Gangs()))
    listed(owner, "Node", [hami_node("a"), hami_node("b")], 0.0)
    listed(owner, "Pod", [], 0.0)
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 3)], 0.0)
    whole = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "81920"}
    wishes: tuple[dict[str, str], ...] = ({USE: "GPU-b-1"}, {NOUSE: "GPU-a-0,GPU-b-0"}, {})
    members = [
        gang_pod(f"g-{k}", "g", asks=whole, annotations=wish) for k, wish in enumerate(wishes)
    ]
    for each in members:
        owner.changed("Pod", each, 0.0)
    owner.filter(members[0], ["a", "b"], 0.0, holds=True)
    plan = owner.plans.plans["default/g"]
    assert isinstance(plan, Plan)
    assert plan.nodes["default/g-0"] == "b"
    pods = owner.mirror.cluster.pods
    gpus = {
        uid: (pod.placement.node, pod.placement.grants[0][0].slot.gpu) for uid, pod in pods.items()
    }
    assert gpus["default/g-0"] == ("b", 1)
    assert gpus["default/g-1"] == ("a", 1)
    assert gpus["default/g-2"] in {("a", 0), ("b", 0)}
    checked(owner)
