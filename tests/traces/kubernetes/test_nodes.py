"""Nodes: capacity rounded down, GPUs as the device plugin or a peer shows them, taints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bayplan.scheduler.constraints.types import Effect, Taint
from bayplan.scheduler.sharing import Hami, Mps, TimeSlicing
from bayplan.scheduler.types import Node

from .support import Object, node, read, told

A100 = "NVIDIA-A100-SXM4-80GB"


def only(folder: Path, thing: Object) -> Node:
    dump = read(folder, thing)
    assert told(dump) == []
    return dump.nodes[0]


def test_capacity_is_what_can_be_allocated_rounded_down(tmp_path: Path) -> None:
    room = {"cpu": "7910500u", "memory": "16777215Ki", "ephemeral-storage": "1Gi", "pods": "29"}
    made = only(tmp_path, node(room=room, capacity={"cpu": "99"}))
    assert (made.cpu_milli, made.memory_mib) == (7910, 16383)
    assert made.resources == (("ephemeral-storage", 1024), ("pods", 29))


def test_without_what_can_be_allocated_the_capacity_counts(tmp_path: Path) -> None:
    thing = node()
    thing["status"] = {"capacity": {"cpu": "4", "memory": "1Gi"}}
    made = only(tmp_path, thing)
    assert (made.cpu_milli, made.memory_mib, made.resources) == (4000, 1024, (("pods", 110),))


def test_gpus_of_the_device_plugin_are_anonymous(tmp_path: Path) -> None:
    labels = {"nvidia.com/gpu.product": A100, "nvidia.com/gpu.memory": "81000"}
    made = only(tmp_path, node(gpus=8, labels=labels))
    assert (made.gpu_count, made.gpu_model, made.gpu_memory_mib) == (8, "A100-80GB", 81000)
    assert made.anonymous_gpus
    assert made.sharing == ()
    assert "nvidia.com/gpu" not in dict(made.resources)


def test_a_label_says_how_many_gpus_make_an_island(tmp_path: Path) -> None:
    room = {"nvidia.com/gpu": "8"}
    assert only(tmp_path, node(room=room)).gpu_island == 0
    thing = node(room=room, labels={"bayplan.io/gpu-island": "4"})
    assert only(tmp_path, thing).gpu_island == 4
    thing = node(room=room, labels={"bayplan.io/gpu-island": "four"})
    dump = read(tmp_path, thing)
    assert dump.nodes[0].gpu_island == 0
    assert told(dump) == [
        "node n1: metadata.labels.bayplan.io/gpu-island: 'four' is no whole number"
    ]


def test_an_unknown_product_keeps_its_name(tmp_path: Path) -> None:
    made = only(tmp_path, node(gpus=1, labels={"nvidia.com/gpu.product": "Future-X1"}))
    assert (made.gpu_model, made.gpu_memory_mib) == ("Future-X1", 0)


@pytest.mark.parametrize(
    ("strategy", "sharing"),
    [("time-slicing", TimeSlicing(replicas=1)), ("mps", Mps(clients=1, replicas=1))],
)
def test_replicas_are_slots_with_their_part_of_the_memory(
    strategy: str, sharing: TimeSlicing | Mps, tmp_path: Path
) -> None:
    labels = {
        "nvidia.com/gpu.product": f"{A100}-SHARED",
        "nvidia.com/gpu.memory": "80000",
        "nvidia.com/gpu.replicas": "4",
        "nvidia.com/gpu.sharing-strategy": strategy,
    }
    made = only(tmp_path, node(gpus=8, labels=labels))
    assert (made.gpu_count, made.gpu_model, made.gpu_memory_mib) == (8, "A100-80GB", 20000)
    assert made.sharing == (sharing,)


def test_instances_of_the_strategy_single_are_no_gpus_of_the_model(tmp_path: Path) -> None:
    labels = {"nvidia.com/gpu.product": f"{A100}-MIG-1g.10gb", "nvidia.com/gpu.memory": "9728"}
    made = only(tmp_path, node(gpus=7, labels=labels))
    assert (made.gpu_count, made.gpu_model) == (7, "A100-80GB-MIG-1g.10gb")
    assert made.gpu_memory_mib == 9728


def test_instances_of_the_strategy_mixed_are_counted(tmp_path: Path) -> None:
    labels = {"nvidia.com/gpu.product": A100, "nvidia.com/mig.strategy": "mixed"}
    room = {"nvidia.com/mig-1g.10gb": "4", "nvidia.com/mig-3g.40gb": "1"}
    made = only(tmp_path, node(gpus=2, room=room, labels=labels))
    assert made.gpu_count == 2
    assert dict(made.resources)["nvidia.com/mig-1g.10gb"] == 4


REGISTERS = {
    "hami.io/node-nvidia-register": [
        "GPU-a,10,40960,100,NVIDIA-NVIDIA A100-SXM4-80GB,0,true:"
        "GPU-b,10,40960,100,NVIDIA-NVIDIA A100-SXM4-80GB,1,true:",
        "GPU-b,10,40960,100,NVIDIA-NVIDIA A100-SXM4-80GB,0,true,1,hami-core:"
        "GPU-a,10,40960,100,NVIDIA-NVIDIA A100-SXM4-80GB,0,true,0,hami-core:",
        json.dumps(
            [
                {"id": "GPU-b", "index": 1, "count": 10, "devmem": 40960, "devcore": 100,
                 "type": "NVIDIA-NVIDIA A100-SXM4-80GB", "health": True},
                {"id": "GPU-a", "count": 10, "devmem": 40960, "devcore": 100,
                 "type": "NVIDIA-NVIDIA A100-SXM4-80GB", "health": True},
            ]
        ),
    ],
    "volcano.sh/node-vgpu-register": [
        "GPU-a,10,40960,NVIDIA-NVIDIA A100-SXM4-80GB,true,hami-core:"
        "GPU-b,10,40960,NVIDIA-NVIDIA A100-SXM4-80GB,true,hami-core:"
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "text"), [(key, text) for key, texts in REGISTERS.items() for text in texts]
)
def test_a_register_names_gpus_that_are_shared(key: str, text: str, tmp_path: Path) -> None:
    made = only(tmp_path, node(gpus=20, annotations={key: text}))
    assert (made.gpu_count, made.gpu_model, made.gpu_memory_mib) == (2, "A100-80GB", 40960)
    assert not made.anonymous_gpus
    assert made.sharing == (Hami(vgpus=10),)


def test_compute_beyond_a_gpu_is_oversubscribed(tmp_path: Path) -> None:
    text = "GPU-a,10,24576,300,NVIDIA-NVIDIA L4,0,true:"
    made = only(tmp_path, node(annotations={"hami.io/node-nvidia-register": text}))
    assert made.sharing == (Hami(vgpus=10, capacity_milli=3000),)


@pytest.mark.parametrize(("units", "mib"), [("32", 16 * 1024), ("32768", 16 * 1024)])
def test_memory_of_gpushare_is_in_gib_or_mib(units: str, mib: int, tmp_path: Path) -> None:
    room = {"aliyun.com/gpu-mem": units, "aliyun.com/gpu-count": "2"}
    made = only(tmp_path, node(room=room))
    assert (made.gpu_count, made.gpu_memory_mib, made.anonymous_gpus) == (2, mib, False)


def test_koordinator_counts_cores_in_percent(tmp_path: Path) -> None:
    room = {"koordinator.sh/gpu-core": "400", "koordinator.sh/gpu-memory": "320Gi"}
    made = only(tmp_path, node(room=room, labels={"node.koordinator.sh/gpu-model": "A100"}))
    assert (made.gpu_count, made.gpu_memory_mib, made.anonymous_gpus) == (4, 80 * 1024, False)


def test_cordons_conditions_and_taints_are_read(tmp_path: Path) -> None:
    taints = [
        {"key": "a", "value": "b", "effect": "NoSchedule"},
        {"key": "c", "effect": "NoExecute"},
    ]
    made = only(tmp_path, node(spec={"unschedulable": True, "taints": taints}))
    assert not made.schedulable
    assert made.taints == (Taint("a", "b"), Taint("c", "", Effect.NO_EXECUTE))
    for status in ("False", "Unknown"):
        conditions = [{"type": "Ready", "status": status}]
        assert not only(tmp_path, node(conditions=conditions)).schedulable


def test_what_cannot_be_used_of_a_node_is_told_and_the_rest_stays(tmp_path: Path) -> None:
    thing = node(
        gpus=80,
        room={"cpu": "8x"},
        labels={"nvidia.com/gpu.memory": "much"},
        spec={"taints": [{"key": "a", "effect": "Never"}]},
        annotations={"hami.io/node-nvidia-register": "{"},
    )
    dump = read(tmp_path, thing)
    assert told(dump) == [
        "node n1: metadata.annotations.hami.io/node-nvidia-register: cannot be read",
        "node n1: metadata.labels.nvidia.com/gpu.memory: 'much' is no whole number",
        "node n1: spec.taints[0].effect: 'Never' is no effect of a taint",
        "node n1: status.allocatable: 80 GPUs or replicas; 64 count",
        "node n1: status.allocatable.cpu: '8x' is no quantity",
    ]
    assert (dump.nodes[0].cpu_milli, dump.nodes[0].gpu_count) == (0, 64)


def test_a_gpu_that_its_register_calls_unhealthy_takes_no_new_pods(tmp_path: Path) -> None:
    gpus = [f"GPU-{k},10,81920,100,NVIDIA-NVIDIA A100,0,{health},{k},hami-core" for k, health in
            enumerate(("true", "false", "true"))]  # fmt: skip
    register = ":".join(gpus) + ":"
    made = only(tmp_path, node(annotations={"hami.io/node-nvidia-register": register}))
    assert (made.gpu_count, made.unhealthy) == (3, (1,))
