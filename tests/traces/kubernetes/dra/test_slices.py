"""Slices become pools, and amounts are exact."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.traces.kubernetes.dra.slices import EVERYWHERE, pool_of, read_slice, version_of
from bayplan.traces.kubernetes.dra.types import Amount, Capacity, DeviceId, Taint, Unread, Version
from bayplan.traces.kubernetes.quantity import NANO
from bayplan.traces.kubernetes.resources import BadField
from dra_things import MIB, partitionable, whole_gpus

Object = dict[str, Any]
TAINT = {"key": "gpu.nvidia.com/xid", "value": "79", "effect": "NoExecute"}


def changed(thing: Object, **spec: Any) -> Object:
    return {**thing, "spec": {**thing["spec"], **spec}}


def test_a_gpu_and_its_parts_are_read_with_what_they_take_of_its_counters() -> None:
    for split in (True, False):
        pool = pool_of(map(read_slice, partitionable("n", gpus=2, split=split)))
        assert pool is not None
        counters = dict(pool.counters)
        assert counters["gpu-1-counter-set", "memory-slice-7"] == NANO
        assert counters["gpu-0-counter-set", "multiprocessors"] == 108 * NANO
        names = [device.id.name for node, device in pool.devices if node == "n"]
        assert names == sorted(names)
        assert len(names) == len(pool.devices)
        devices = {device.id.name: device for _, device in pool.devices}
        part = devices["gpu-1-mig-3g20gb-9-4"]
        assert part.id == DeviceId("gpu.nvidia.com", "n", "gpu-1-mig-3g20gb-9-4")
        assert part.attributes["gpu.nvidia.com/profile"] == "3g.20gb"
        taken = {name: amount for (group, name), amount in part.consumes}
        assert {group for (group, _), _ in part.consumes} == {"gpu-1-counter-set"}
        assert {name for name in taken if name.startswith("memory-slice")} == {
            f"memory-slice-{k}" for k in range(4, 8)
        }
        assert taken["multiprocessors"] == 42 * NANO


def test_attributes_capacities_and_taints_are_read_by_their_full_name() -> None:
    (thing,) = whole_gpus("n", 1, taints={0: TAINT})
    (device,) = thing["spec"]["devices"]
    device["attributes"] |= {
        "numa": {"int": 1},
        "x.example/ready": {"bool": True},
        "v": {"version": "1.2.3-rc1"},
        "list": {"strings": ["a"]},
    }
    device["taints"].append({"key": "soft", "effect": "None"})
    policy = {"default": "1Mi", "validRange": {"min": "1Mi", "max": "2Gi", "step": "1Mi"}}
    device["capacity"]["memory"]["requestPolicy"] = policy
    ((_, read),) = read_slice(thing).devices
    assert read.attributes["gpu.nvidia.com/numa"] == 1
    assert read.attributes["x.example/ready"] is True
    assert isinstance(read.attributes["gpu.nvidia.com/v"], Unread)
    assert isinstance(read.attributes["gpu.nvidia.com/list"], Unread)
    assert read.taints == (Taint("gpu.nvidia.com/xid", "79", "NoExecute"),)
    mib = NANO * MIB
    has = read.capacity["gpu.nvidia.com/memory"]
    assert (has.default, has.least, has.most, has.step) == (mib, mib, 2048 * mib, mib)
    assert Capacity(1) != has
    assert version_of("12.8.0") == Version(12, 8, 0)
    assert version_of("12.8") is None
    assert Amount(1) != Amount(2)


def test_a_pool_counts_once_all_slices_of_its_newest_generation_are_there() -> None:
    old = [read_slice(each) for each in partitionable("n")]
    newer = [
        read_slice(changed(each, pool={"name": "n", "generation": 2, "resourceSliceCount": 2}))
        for each in partitionable("n")
    ]
    assert pool_of(old[:1]) is None
    assert pool_of(old) is not None
    assert pool_of([*old, newer[0]]) is None  # the old one is not to be used any more
    found = pool_of([newer[1], old[0], newer[0]])
    assert found is not None
    assert len(found.devices) == len(old[1].devices)


def test_devices_say_their_node_themselves_where_the_slice_lets_them() -> None:
    (thing,) = whole_gpus("n", 3)
    devices = thing["spec"]["devices"]
    devices[0]["nodeName"], devices[1]["allNodes"] = "a", True
    devices[2]["nodeSelector"] = {"nodeSelectorTerms": []}
    found = read_slice(changed(thing, nodeName=None, perDeviceNodeSelection=True))
    assert [node for node, _ in found.devices] == ["a", EVERYWHERE, EVERYWHERE]


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"capacity": {"memory": {"value": "much"}}}, "spec.devices[0].capacity.memory.value"),
        (
            {"consumesCounters": [{"counterSet": "s", "counters": {"c": {"value": None}}}]},
            "spec.devices[0].consumesCounters[0].counters.c",
        ),
    ],
)
def test_an_amount_that_is_none_is_named(field: Object, path: str) -> None:
    (thing,) = whole_gpus("n", 1)
    thing["spec"]["devices"][0] |= field
    with pytest.raises(BadField) as caught:
        read_slice(thing)
    assert caught.value.field == path
