"""Whole GPUs on nodes of HAMi, whose device plugin gives out only what is written for it."""

from __future__ import annotations

from typing import Any

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.settings import Live
from bayplan.extender.live.writing import chosen
from extender_owners import checked, owner_of
from extender_things import bound, gang_pod, hami_node, listed, node, pod, pod_group

Object = dict[str, Any]
KEPT_OFF = (
    "HAMi's device plugin gives GPUs there to pods whose GPUs are written for it:"
    " set devices.hami = true"
)


def told(owner: Owner, thing: Object, at: str) -> dict[str, str]:
    """Bind a pod to a node; return what its device plugin is told."""
    uid = f"default/{thing['metadata']['name']}"
    ready = owner.reserve(uid, at, 0.0)
    assert isinstance(ready, Ready)
    placement = ready.decision.placement
    assert placement is not None
    seen, facts = owner.mirror.pods[uid], owner.mirror.reader.nodes[at]
    giver = owner.giver(uid, at)
    annotations = chosen(seen, placement, facts.gpus, 0.0, giver=giver)
    metadata = thing["metadata"]
    metadata = {**metadata, "annotations": {**metadata["annotations"], **annotations}}
    owner.changed("Pod", bound({**thing, "metadata": metadata}, at), 0.0)
    return annotations


def test_without_leave_to_write_for_hami_whole_gpus_are_kept_off_its_nodes() -> None:
    owner = owner_of(hami_node("h"), node("a", 1), settings=Live(hami=False))
    answer = owner.filter(pod("p"), ["h", "a"], 0.0, holds=True)
    assert (answer.passed, answer.unresolvable) == (["a"], {"h": KEPT_OFF})
    assert owner.filter(pod("cpu", 0, asks={"cpu": "1"}), ["h"], 0.0, holds=True).passed == ["h"]
    members = [gang_pod(f"m{k}", "g", 1) for k in range(2)]
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 2)], 0.0)
    for each in members:
        owner.changed("Pod", each, 0.0)
    assert not owner.filter(members[0], ["h", "a"], 0.0, holds=True).passed


def test_hami_is_told_which_whole_gpus_a_pod_has() -> None:
    owner = owner_of(hami_node("h"), settings=Live(hami=True))
    one, both = pod("p", 1), pod("q", 2)
    for each in (one, both):
        owner.changed("Pod", each, 0.0)
    assert owner.filter(one, ["h"], 0.0, holds=True).passed == ["h"]
    annotations = told(owner, one, "h")
    assert annotations["hami.io/vgpu-devices-to-allocate"] == "GPU-h-0,NVIDIA,81920,100:;"
    assert annotations["hami.io/bind-phase"] == "allocating"
    # It has the GPU that was written, whoever looks.
    assert not owner.filter(both, ["h"], 0.0, holds=True).passed
    share = pod("s", asks={"nvidia.com/gpu": "1", "nvidia.com/gpumem": "1000"})
    owner.changed("Pod", share, 0.0)
    assert told(owner, share, "h")["hami.io/vgpu-devices-to-allocate"].startswith("GPU-h-1,")
    checked(owner)


def test_on_other_nodes_the_plugin_picks_and_nothing_is_written() -> None:
    owner = owner_of(hami_node("h"), node("a"), settings=Live(hami=True))
    thing = pod("p", 8)
    owner.changed("Pod", thing, 0.0)
    assert told(owner, thing, "a") == {}
