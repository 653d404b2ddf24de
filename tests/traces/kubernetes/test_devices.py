"""What GPUs pods ask for, in the words of the device plugin and its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.types import DeviceRequest, GpuShare, Isolation, WholeGpus
from bayplan.traces.kubernetes import Dump

from .support import Object, node, pod, read, told

HAMI = (Isolation.HAMI,)
REGISTER = "GPU-0,10,81920,100,NVIDIA-NVIDIA A100-SXM4-80GB,0,true,0,hami-core:"


def asked(folder: Path, requests: Object, **changes: Any) -> tuple[DeviceRequest, ...]:
    dump = read(folder, node(), pod(requests=requests, **changes))
    assert told(dump) == []
    return dump.pending[0].devices


def share(milli: int = 0, mib: int = 0, count: int = 1, part: int = 0, **more: Any) -> GpuShare:
    return GpuShare(milli, mib, count, more.get("isolations", ()), part)


@pytest.mark.parametrize(
    ("requests", "ask"),
    [
        ({"nvidia.com/gpu": "2"}, WholeGpus(2)),
        ({"nvidia.com/gpu": 1}, WholeGpus(1)),
        # HAMi: memory in MiB or percent of each GPU, compute in percent.
        ({"nvidia.com/gpu": 1, "nvidia.com/gpumem": 3000}, share(0, 3000, isolations=HAMI)),
        ({"nvidia.com/gpu": 2, "nvidia.com/gpumem": "3k", "nvidia.com/gpucores": 30},
         share(300, 3000, 2, isolations=HAMI)),
        ({"nvidia.com/gpu": 1, "nvidia.com/gpumem-percentage": 50},
         share(part=500, isolations=HAMI)),
        ({"nvidia.com/gpu": 1, "nvidia.com/gpucores": 30},
         share(300, part=1000, isolations=HAMI)),
        ({"nvidia.com/gpu": 2, "nvidia.com/gpucores": 100}, WholeGpus(2)),
        ({"nvidia.com/gpumem": 3000}, share(0, 3000, isolations=HAMI)),
        # Volcano.
        ({"volcano.sh/vgpu-number": 1, "volcano.sh/vgpu-memory": 4000, "volcano.sh/vgpu-cores": 20},
         share(200, 4000, isolations=HAMI)),
        ({"volcano.sh/vgpu-number": 2, "volcano.sh/vgpu-memory-percentage": 25},
         share(count=2, part=250, isolations=HAMI)),
        ({"volcano.sh/vgpu-number": 2}, WholeGpus(2)),
        # gpushare.
        ({"aliyun.com/gpu-mem": 8}, share(mib=8192)),
        ({"aliyun.com/gpu-count": 2}, WholeGpus(2)),
        # Koordinator.
        ({"koordinator.sh/gpu": 50}, share(500, part=500)),
        ({"koordinator.sh/gpu": 200}, WholeGpus(2)),
        ({"koordinator.sh/gpu-core": 50, "koordinator.sh/gpu-memory": "8Gi"}, share(500, 8192)),
        ({"koordinator.sh/gpu-core": 60, "koordinator.sh/gpu-memory-ratio": 50},
         share(600, part=500)),
        ({"koordinator.sh/gpu.shared": 2, "koordinator.sh/gpu-core": 100,
          "koordinator.sh/gpu-memory-ratio": 100}, share(500, count=2, part=500)),
    ],
)  # fmt: skip
def test_resources_say_what_is_asked_for(
    requests: Object, ask: WholeGpus | GpuShare, tmp_path: Path
) -> None:
    assert asked(tmp_path, requests) == (DeviceRequest(ask),)


@pytest.mark.parametrize(
    ("annotations", "ask"),
    [
        ({"gpu-fraction": "0.5"}, share(500)),
        ({"gpu-fraction": "0.3333"}, share(334)),
        ({"gpu-fraction": "0.25", "gpu-fraction-num-devices": "2"}, share(250, count=2)),
        ({"gpu-memory": "4096"}, share(mib=4096)),
    ],
)
def test_annotations_of_kai_say_what_is_asked_for(
    annotations: Object, ask: GpuShare, tmp_path: Path
) -> None:
    assert asked(tmp_path, {}, annotations=annotations) == (DeviceRequest(ask),)


def test_mig_instances_and_renamed_replicas_are_counted_resources(tmp_path: Path) -> None:
    requests = {"nvidia.com/mig-1g.10gb": 2, "nvidia.com/gpu.shared": 1, "example.com/nic": "3"}
    dump = read(tmp_path, node(), pod(requests=requests))
    assert dump.pending[0].devices == ()
    assert dump.pending[0].resources == (
        ("example.com/nic", 3),
        ("nvidia.com/gpu.shared", 1),
        ("nvidia.com/mig-1g.10gb", 2),
        ("pods", 1),
    )


def test_every_container_with_a_vgpu_asks_for_its_own(tmp_path: Path) -> None:
    containers = [
        {"resources": {"limits": {"nvidia.com/gpu": 1, "nvidia.com/gpumem": mib}}}
        for mib in (1000, 2000)
    ]
    dump = read(tmp_path, node(), pod(spec={"containers": containers}))
    assert [device.ask for device in dump.pending[0].devices] == [
        share(mib=1000, isolations=HAMI),
        share(mib=2000, isolations=HAMI),
    ]


@pytest.mark.parametrize(
    ("annotation", "models"),
    [
        ({"nvidia.com/use-gputype": "A100"}, ("A100-80GB",)),
        ({"nvidia.com/use-gputype": "H100"}, ("H100",)),
        ({"nvidia.com/nouse-gputype": "a100-sxm4"}, ("L4",)),
        ({"nvidia.com/use-gputype": "A100,L4"}, ("A100-80GB", "L4")),
    ],
)
def test_types_of_hami_are_models_of_the_cluster(
    annotation: Object, models: tuple[str, ...], tmp_path: Path
) -> None:
    a100 = node("a", annotations={"hami.io/node-nvidia-register": REGISTER})
    l4 = node("l", 1, labels={"nvidia.com/gpu.product": "NVIDIA-L4"})
    wanted = {"nvidia.com/gpu": 1, "nvidia.com/gpumem": 3000}
    dump = read(tmp_path, a100, l4, pod(requests=wanted, annotations=annotation))
    assert dump.pending[0].devices[0].models == models


def problem_of(dump: Dump) -> str:
    (line,) = told(dump)
    assert dump.pending == ()
    return line


@pytest.mark.parametrize(
    ("requests", "annotations", "line"),
    [
        ({"nvidia.com/gpu": 1}, {"gpu-fraction": "0.5"},
         "metadata.annotations.gpu-fraction: beside nvidia.com/gpu; keep one of them"),
        ({}, {"gpu-fraction": "0.5", "gpu-memory": "10"},
         "metadata.annotations.gpu-fraction: beside gpu-memory; keep one of them"),
        ({}, {"gpu-fraction": "1.5"},
         "metadata.annotations.gpu-fraction: '1.5'; give a number between 0 and 1"),
        ({}, {"gpu-fraction": "x"},
         "metadata.annotations.gpu-fraction: 'x'; give a number between 0 and 1"),
        ({}, {"gpu-memory": "-1"},
         "metadata.annotations.gpu-memory: '-1'; give a whole number from 1 on"),
        ({"nvidia.com/gpu": "500m"}, {},
         "spec.containers.nvidia.com/gpu: a fraction of a device; write a whole number"),
        ({"nvidia.com/gpu": 1, "volcano.sh/vgpu-number": 1}, {},
         "spec.containers[*].resources: asks for GPUs by Volcano (volcano.sh/vgpu-*) and by"
         " nvidia.com/gpu; keep one of them"),
        ({"aliyun.com/gpu-mem": 1, "nvidia.com/gpumem": 1}, {},
         "spec.containers[*].resources: asks for GPUs by HAMi (nvidia.com/gpumem, gpucores) and by"
         " gpushare (aliyun.com/gpu-*); keep one of them"),
        ({"nvidia.com/gpumem": 1, "nvidia.com/gpumem-percentage": 1}, {},
         "spec.containers[0].resources.nvidia.com/gpumem-percentage: beside nvidia.com/gpumem;"
         " keep one of them"),
        ({"nvidia.com/gpucores": 120}, {},
         "spec.containers[0].resources.nvidia.com/gpucores: 120 %; at most 100"),
        ({"nvidia.com/gpumem": 9}, {"nvidia.com/vgpu-mode": "x"},
         "metadata.annotations.nvidia.com/vgpu-mode: 'x'; it is one of hami-core, mig, mps"),
        ({"koordinator.sh/gpu": 150}, {},
         "spec.containers.koordinator.sh/gpu: 150 %; give a multiple of 100"),
    ],
)  # fmt: skip
def test_contradicting_and_impossible_asks_are_problems(
    requests: Object, annotations: Object, line: str, tmp_path: Path
) -> None:
    dump = read(tmp_path, node(), pod(requests=requests, annotations=annotations))
    assert problem_of(dump) == f"pod default/p: {line}"


def test_claims_of_devices_are_a_problem(tmp_path: Path) -> None:
    dump = read(tmp_path, node(), pod(spec={"resourceClaims": [{"name": "gpu"}]}))
    assert problem_of(dump) == (
        "pod default/p: spec.resourceClaims: claims of devices are not read from a dump"
    )


def test_a_running_pod_with_claims_keeps_its_cpu(tmp_path: Path) -> None:
    dump = read(tmp_path, node(), pod(at="n1", spec={"resourceClaims": [{"name": "gpu"}]}))
    assert len(told(dump)) == 1
    assert dump.bound[0].request.cpu_milli == 1000
