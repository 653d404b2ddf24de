"""Shares in Volcano's words, written for its vGPU device plugin.

Formats by hand, from ``pkg/util/util.go`` of volcano-vgpu-device-plugin (434eb44:
``EncodeNodeDevices``, ``DecodePodDevices``) and ``GPUDevices.Allocate`` of Volcano (00a7133).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.recompute import differences, snapshot
from extender_things import hami_node, node, pod, volcano_node

from .telling import annotation, owner_of, place, tell, used_by_volcano

Object = dict[str, Any]
MIB = 81920


def share(number: int = 1, memory: int = 0, cores: int = 0, percent: int = 0) -> dict[str, str]:
    amounts = {"number": number, "memory": memory, "cores": cores, "memory-percentage": percent}
    return {f"volcano.sh/vgpu-{name}": str(n) for name, n in amounts.items() if n}


def test_what_is_written_is_what_volcanos_scheduler_writes() -> None:
    owner = owner_of([volcano_node("v")], volcano=True)
    thing = pod("p", asks=share(2, 3000, 30))
    owner.changed("Pod", thing, 0.0)
    there = tell(owner, thing, "v")
    devices = "GPU-v-0,NVIDIA,3000,30:GPU-v-1,NVIDIA,3000,30:"
    assert there["metadata"]["annotations"] == {
        "volcano.sh/vgpu-node": "v",
        "volcano.sh/vgpu-time": "1700000000",
        "volcano.sh/vgpu-ids-new": devices,
        "volcano.sh/devices-to-allocate": devices,
        "volcano.sh/bind-phase": "allocating",
        "volcano.sh/bind-time": "1700000000",
    }
    assert owner.giver("default/p", "v") is Way.VOLCANO


@pytest.mark.parametrize(
    ("asks", "devices"),
    [
        (share(1), "GPU-v-0,NVIDIA,81920,100:"),  # all of it
        (share(1, cores=100), "GPU-v-0,NVIDIA,81920,100:"),
        (share(1, memory=3000), "GPU-v-0,NVIDIA,3000,0:"),  # no limit of the compute
        (share(1, percent=50), "GPU-v-0,NVIDIA,40960,0:"),
        (share(1, percent=50, cores=20), "GPU-v-0,NVIDIA,40960,20:"),
    ],
)
def test_amounts_are_of_each_gpu(asks: dict[str, str], devices: str) -> None:
    owner = owner_of([volcano_node("v")], volcano=True)
    thing = pod("p", asks=asks)
    owner.changed("Pod", thing, 0.0)
    assert annotation(tell(owner, thing, "v"), "volcano.sh/vgpu-ids-new") == devices


def test_the_place_of_a_container_is_kept_where_others_ask_for_nothing() -> None:
    owner = owner_of([volcano_node("v")], volcano=True)
    thing = pod("p", asks=share(1, 1000, 10))
    (main,) = thing["spec"]["containers"]
    aside = {"name": "aside", "resources": {}}
    thing["spec"]["containers"] = [aside, main, aside]
    owner.changed("Pod", thing, 0.0)
    said = annotation(tell(owner, thing, "v"), "volcano.sh/devices-to-allocate")
    assert said == ";GPU-v-0,NVIDIA,1000,10:;"


def test_only_nodes_of_the_plugin_in_its_own_mode_take_such_pods() -> None:
    nodes = [volcano_node("v"), volcano_node("m", mode="mig"), hami_node("h"), node("n")]
    owner = owner_of(nodes, volcano=True)
    thing = pod("p", asks=share(1, 1000))
    answer = owner.filter(thing, ["v", "m", "h", "n"], 0.0, holds=True)
    assert answer.passed == ["v"]
    assert set(answer.unresolvable.values()) == {
        "nothing on the node enforces the share: Volcano's vGPU device plugin is not registered"
        " there"
    }


def test_nvidias_plugin_gives_no_gpus_where_volcanos_does() -> None:
    both = volcano_node("v")
    both["status"]["allocatable"]["nvidia.com/gpu"] = "2"
    off, on = (owner_of([both, node("n")], volcano=volcano) for volcano in (False, True))
    assert set(off.filter(pod("p"), ["v", "n"], 0.0, holds=True).passed) == {"v", "n"}
    answer = on.filter(pod("p"), ["v", "n"], 0.0, holds=True)
    assert answer.passed == ["n"]
    assert answer.unresolvable["v"] == (
        "HAMi's device plugin or Volcano's vGPU device plugin gives GPUs there, to pods that ask"
        " in its own words"
    )


def test_pods_have_only_gpus_that_they_allow() -> None:
    """``volcano.sh/vgpu-use-gpuuuid``: volcano-sh/volcano#5726; who excludes has the last word."""
    owner = owner_of([volcano_node("v", 3)], volcano=True)
    use, never = "volcano.sh/vgpu-use-gpuuuid", "volcano.sh/vgpu-nouse-gpuuuid"
    said = {"GPU-v-2": {use: " GPU-v-2 "}, "GPU-v-1": {use: "GPU-v-1,GPU-v-0", never: "GPU-v-0"}}
    for gpu, wishes in said.items():
        thing = pod(gpu.lower(), asks=share(1, 1000), annotations=wishes)
        there = place(owner, thing, ["v"])
        assert there is not None
        assert annotation(there, "volcano.sh/vgpu-ids-new").startswith(f"{gpu},")
    for name, asks, key, why in (
        ("h", share(1), "nvidia.com/use-gpuuuid", "HAMi's word beside volcano.sh/vgpu-number"),
        ("n", {"nvidia.com/gpu": "1"}, use, "Volcano's word beside nvidia.com/gpu"),
    ):
        thing = pod(name, asks=asks, annotations={key: "GPU-v-0"})
        assert why in owner.filter(thing, ["v"], 0.0, holds=True).unresolvable["v"]


def test_an_instance_that_volcano_made_is_counted_on_its_gpu() -> None:
    given = {"volcano.sh/vgpu-ids-new": "GPU-m-1[group1-0],NVIDIA,10240,14:"}
    runs = pod("p", asks=share(1, 10240), annotations=given, at="m")
    owner = owner_of([volcano_node("m", mode="mig")], pods=[runs])
    (grants,) = owner.mirror.cluster.pods["default/p"].placement.grants
    assert [grant.slot.gpu for grant in grants] == [1]


ASKS = st.builds(
    share, st.integers(1, 3), st.integers(1, 9).map(lambda n: n * 8192), st.integers(1, 9).map(
        lambda n: n * 10
    ),
)  # fmt: skip


@given(asks=st.lists(ASKS, max_size=12), split=st.integers(1, 3), gone=st.sets(st.integers(0, 11)))
def test_no_gpu_is_given_more_than_it_has_and_none_is_refused_that_has_room(
    asks: list[dict[str, str]], split: int, gone: set[int]
) -> None:
    """Against plain sums of what the annotations say; a restart knows no less than before it."""
    nodes = [volcano_node("a", 2, split), volcano_node("b", 3, split)]
    gpus = [("a", f"GPU-a-{k}") for k in range(2)] + [("b", f"GPU-b-{k}") for k in range(3)]
    owner = owner_of(nodes, volcano=True)
    there: list[Object] = []
    for k, each in enumerate(asks):
        number, mib, cores = (
            int(each[f"volcano.sh/vgpu-{w}"]) for w in ("number", "memory", "cores")
        )
        used = used_by_volcano(there)
        free = [
            name
            for name, uuid in gpus
            for n, all_mib, percent in [used.get((name, uuid), (0, 0, 0))]
            if n < split and all_mib + mib <= MIB and percent + cores <= 100
        ]
        placed = place(owner, pod(f"p{k}", asks=each), ["a", "b"])
        assert (placed is not None) == any(free.count(name) >= number for name in "ab")
        there += [placed] if placed else []
        if k in gone and there:
            owner.deleted("Pod", there.pop(0), 0.0)
    for n, mib, percent in used_by_volcano(there).values():
        assert (n <= split, mib <= MIB, percent <= 100) == (True,) * 3
    assert differences(snapshot(owner.mirror), 0.0) == []
    again = owner_of(nodes, pods=there, volcano=True)
    assert again.mirror.crowded() == []
    for uid, held in owner.mirror.cluster.pods.items():
        assert again.mirror.cluster.pods[uid].placement.grants == held.placement.grants
