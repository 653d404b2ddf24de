"""What ``/state`` counts."""

from __future__ import annotations

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.extender.service.pages import overview
from extender_things import hami_node, listed, node, pod

REPLICAS = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-SHARED",
    "nvidia.com/gpu.replicas": "4",
    "nvidia.com/gpu.sharing-strategy": "time-slicing",
}
SINGLE = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"}


def counted(owner: Owner) -> dict[str, int]:
    return {key: n for key, n in overview(owner).items() if "gpu" in key}


def test_replicas_and_instances_that_pass_for_gpus_are_counted_apart() -> None:
    owner = Owner(Live(hami=True))
    nodes = [node("whole", 8), hami_node("shared", 2), node("cpu", 0)]
    listed(owner, "Node", nodes, 0.0)
    listed(owner, "Pod", [pod("p", 3, at="whole")], 0.0)
    assert counted(owner) == {"gpus": 10, "idle_gpus": 7}
    owner.changed("Node", node("sliced", 8, labels=REPLICAS), 0.0)
    owner.changed("Node", node("mig", 7, labels=SINGLE), 0.0)
    owner.changed("Pod", pod("q", 2, at="sliced"), 0.0)
    expected = {"gpus": 10, "idle_gpus": 7, "gpu_parts": 15, "idle_gpu_parts": 13}
    assert counted(owner) == expected


def test_what_is_idle_of_shared_gpus_is_summed_over_nodes() -> None:
    owner = Owner(Live(hami=True))
    listed(owner, "Node", [hami_node(name, 1) for name in "abcd"], 0.0)
    asks = {"nvidia.com/gpu": "1", "nvidia.com/gpucores": "40", "nvidia.com/gpumem": "1000"}
    pods = [pod(f"p-{name}", asks=asks, at=name) for name in "abcd"]
    listed(owner, "Pod", pods, 0.0)
    assert counted(owner) == {"gpus": 4, "idle_gpus": 2}
