"""Device objects of Koordinator (``apis/scheduling/v1alpha1/device_types.go``)."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.traces.kubernetes.koordinator import read_devices, with_devices
from bayplan.traces.kubernetes.nodes import read_node
from bayplan.traces.kubernetes.resources import BadField

from .support import node

Object = dict[str, Any]
A100 = "NVIDIA-A100-SXM4-80GB"


def gpu(minor: object, **more: Any) -> Object:
    resources = {"koordinator.sh/gpu-core": "100", "koordinator.sh/gpu-memory": "81251Mi",
                 "koordinator.sh/gpu-memory-ratio": "100"}  # fmt: skip
    found = {
        "type": "gpu",
        "id": f"GPU-{minor}",
        "minor": minor,
        "health": True,
        "resources": resources,
        "topology": {"nodeID": 0, "pcieID": "0", "socketID": 0},
    }
    return found | more  # fmt: skip


def device(*gpus: Object, **labels: str) -> Object:
    said = {f"node.koordinator.sh/gpu-{key}": value for key, value in labels.items()}
    return {
        "apiVersion": "scheduling.koordinator.sh/v1alpha1",
        "kind": "Device",
        "metadata": {"name": "n1", "labels": said},
        "spec": {"devices": [*gpus]},
    }


def test_gpus_are_sorted_by_their_minor_number_and_other_devices_left_out() -> None:
    rdma = {"type": "rdma", "minor": 0, "health": True, "resources": {"koordinator.sh/rdma": 100}}
    found = read_devices(device(gpu(3, health=False), rdma, gpu(1)))
    assert found.minors == (1, 3)
    assert [(each.uuid, each.memory_mib, each.healthy) for each in found.gpus] == [
        ("GPU-1", 81251, True), ("GPU-3", 81251, False),
    ]  # fmt: skip
    assert found.closed == ""


def test_a_node_has_the_gpus_of_its_device_also_those_that_its_amounts_leave_out() -> None:
    room = {"koordinator.sh/gpu-core": "100", "koordinator.sh/gpu-memory": "81251Mi"}
    facts = read_node(node(room=room), [])
    assert facts.node.gpu_count == 1
    facts = with_devices(facts, read_devices(device(gpu(0), gpu(1, health=False), model=A100)))
    made = facts.node
    assert (made.gpu_count, made.gpu_model, made.gpu_memory_mib) == (2, "A100-80GB", 81251)
    assert (made.unhealthy, made.anonymous_gpus) == ((1,), False)
    assert facts.gpus.minors == (0, 1)


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (device(gpu(None)), "spec.devices[0].minor: 'None' is no number of a GPU"),
        (device(gpu(-1)), "spec.devices[0].minor: '-1' is no number of a GPU"),
        (device(gpu(1), gpu(1)), "spec.devices[1].minor: 1 is the number of another GPU, too"),
        (device(gpu(0, resources=None)),
         "spec.devices[0].resources.koordinator.sh/gpu-memory: states no memory of the GPU"),
        (device(gpu(0, resources={"koordinator.sh/gpu-memory": "much"})),
         "spec.devices[0].resources.koordinator.sh/gpu-memory: 'much' is no quantity"),
    ],
)  # fmt: skip
def test_a_device_that_cannot_be_used_says_why(thing: Object, why: str) -> None:
    with pytest.raises(BadField) as error:
        read_devices(thing)
    assert f"{error.value.field}: {error.value.text}" == why


def test_gpus_that_are_given_out_otherwise_are_closed() -> None:
    assert "of huawei" in read_devices(device(gpu(0), vendor="huawei")).closed
    said = {"partition-policy": "Honor"}
    assert "only Koordinator's scheduler" in read_devices(device(gpu(0), **said)).closed
    assert read_devices(device(gpu(0), vendor="nvidia")).closed == ""
