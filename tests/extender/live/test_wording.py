"""Words of Volcano and Koordinator that no component of a node keeps to are refused by their key.

Sources: ``Allocate`` of volcano-vgpu-device-plugin (bafde93) and Volcano's user guide of its
vGPUs; ``ValidDeviceResourceCombinations`` of Koordinator (138d457).
"""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.live.enforcing import Way, way_of
from bayplan.traces.kubernetes.resources import BadField

Object = dict[str, Any]
NUMBER, MEMORY, CORES = (f"volcano.sh/vgpu-{what}" for what in ("number", "memory", "cores"))
GPU, CORE, MIB, RATIO, SHARED = (
    f"koordinator.sh/gpu{what}" for what in ("", "-core", "-memory", "-memory-ratio", ".shared")
)


def spec(*containers: dict[str, int], init: dict[str, int] | None = None, at: str = "") -> Object:
    every = [{"resources": {"limits": {k: str(v) for k, v in each.items()}}} for each in containers]
    first = [{"resources": {"limits": {k: str(v) for k, v in (init or {}).items()}}}]
    return {"containers": every, "initContainers": first, "nodeName": at}


def refused(thing: Object, annotations: Object) -> str:
    with pytest.raises(BadField) as error:
        way_of(thing, annotations)
    return f"{error.value.field}: {error.value.text}"


@pytest.mark.parametrize(
    ("thing", "annotations", "why"),
    [
        (spec({MEMORY: 100}), {},
         f"spec.containers[0].resources.{MEMORY}: without {NUMBER}, for which alone the device"
         " plugin gives GPUs out"),
        (spec({NUMBER: 1}, {CORES: 10}), {},
         f"spec.containers[1].resources.{CORES}: without {NUMBER}, for which alone the device"
         " plugin gives GPUs out"),
        (spec({NUMBER: 1}, init={NUMBER: 1}), {},
         f"spec.initContainers[0].resources.{NUMBER}: Volcano gives no GPUs to init containers"),
        (spec({NUMBER: 1}), {"volcano.sh/vgpu-mode": "mig"},
         "metadata.annotations.volcano.sh/vgpu-mode: 'mig': Volcano's own scheduler has to choose"
         " the instance; write hami-core"),
        (spec({NUMBER: 1}), {"volcano.sh/vgpu-podgroup-policy": "spread"},
         "metadata.annotations.volcano.sh/vgpu-podgroup-policy: nothing keeps pods of a group off"
         " each other's GPUs, Volcano's scheduler would"),
    ],
)  # fmt: skip
def test_what_volcanos_device_plugin_would_not_give(
    thing: Object, annotations: Object, why: str
) -> None:
    assert refused(thing, annotations) == why
    assert (
        way_of(thing | {"nodeName": "n"}, annotations) is Way.VOLCANO
    )  # it runs, whatever it says


def test_what_volcanos_device_plugin_gives() -> None:
    mode = {"volcano.sh/vgpu-mode": "hami-core", "volcano.sh/vgpu-podgroup-policy": "binpack"}
    assert way_of(spec({NUMBER: 1, MEMORY: 100, CORES: 10}, {}), mode) is Way.VOLCANO


@pytest.mark.parametrize(
    "asks",
    [
        {GPU: 50}, {MIB: 1}, {RATIO: 50}, {CORE: 50, MIB: 1}, {CORE: 50, RATIO: 50},
        {SHARED: 2, MIB: 1}, {SHARED: 2, RATIO: 50}, {SHARED: 2, CORE: 50, MIB: 1},
        {SHARED: 2, CORE: 50, RATIO: 50},
    ],
)  # fmt: skip
def test_what_koordinator_takes_together(asks: dict[str, int]) -> None:
    assert way_of(spec(asks), {}) is Way.KOORDINATOR


@pytest.mark.parametrize(
    "asks",
    [{CORE: 50}, {SHARED: 1}, {SHARED: 1, CORE: 50}, {GPU: 50, CORE: 50}, {MIB: 1, RATIO: 1}],
)
def test_what_koordinator_does_not_take_together(asks: dict[str, int]) -> None:
    why = refused(spec(asks), {})
    names = " and ".join(sorted(asks))
    assert why.startswith(f"spec.containers[*].resources: asks for {names}; Koordinator takes")
    assert way_of(spec(asks, at="n"), {}) is Way.KOORDINATOR


def test_other_devices_and_choices_are_koordinators_own() -> None:
    assert refused(spec({GPU: 50, "koordinator.sh/rdma": 1}), {}) == (
        "spec.containers[*].resources.koordinator.sh/rdma: Koordinator's own scheduler has to"
        " choose it"
    )
    for key in ("device-allocate-hint", "device-joint-allocate", "gpu-partition-spec"):
        why = refused(spec({GPU: 50}), {f"scheduling.koordinator.sh/{key}": "{}"})
        assert why.startswith(f"metadata.annotations.scheduling.koordinator.sh/{key}: nothing on")
