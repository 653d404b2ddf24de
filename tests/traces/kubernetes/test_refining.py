"""Which GPUs pods wish: HAMi's uuids and our own annotations, alone, together and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.types import DeviceRequest, Topology, TopologyLevel, WholeGpus
from bayplan.traces.kubernetes import cluster_of
from bayplan.traces.kubernetes.gpus import Gpus, is_product
from bayplan.traces.kubernetes.refining import refined, wishes_in
from bayplan.traces.kubernetes.resources import BadField

from .support import Object, gpu_pod, node, pod, read, told

A100 = "NVIDIA-A100-SXM4-80GB"
H100 = "NVIDIA-H100-80GB-HBM3"
PRODUCT = "nvidia.com/gpu.product"
USE, NOUSE = "nvidia.com/use-gpuuuid", "nvidia.com/nouse-gpuuuid"
MODELS, MEMORY = "bayplan.io/gpu-models", "bayplan.io/gpu-memory"
TOPOLOGY = "bayplan.io/gpu-topology"
SHARE = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "1000"}


def register(*uuids: str, memory: int = 81920) -> Object:
    rows = [f"{u},10,{memory},100,NVIDIA-{A100},0,true,{i},hami-core:" for i, u in enumerate(uuids)]
    return {"hami.io/node-nvidia-register": "".join(rows)}


def asks(folder: Path, annotations: Object, **more: Object) -> tuple[DeviceRequest, ...]:
    nodes = (node("a", 8, labels={PRODUCT: A100}), node("h", 8, labels={PRODUCT: H100}))
    dump = read(folder, *nodes, pod(annotations=annotations, requests=more.get("asks", SHARE)))
    assert told(dump) == []
    return dump.pending[0].devices


def problem(folder: Path, annotations: Object, requests: Object) -> str:
    nodes = (node("a", 8, labels={PRODUCT: A100}), node("h", 8, labels={PRODUCT: H100}))
    dump = read(folder, *nodes, pod(annotations=annotations, requests=requests))
    assert dump.pending == ()
    (said,) = told(dump)
    return said.removeprefix("pod default/p: metadata.annotations.")


def test_wishes_are_read_into_the_request(tmp_path: Path) -> None:
    (ask,) = asks(tmp_path, {USE: "GPU-2, GPU-1,GPU-2,"})
    assert (ask.uuids, ask.not_uuids) == (("GPU-1", "GPU-2"), ())
    (ask,) = asks(tmp_path, {NOUSE: "GPU-1"})
    assert (ask.uuids, ask.not_uuids) == ((), ("GPU-1",))
    (ask,) = asks(tmp_path, {USE: "GPU-2,GPU-1", NOUSE: "GPU-1"})
    assert (ask.uuids, ask.not_uuids) == (("GPU-2",), ())
    (ask,) = asks(tmp_path, {MEMORY: "40Gi"})
    assert ask.least_memory_mib == 40_960
    (ask,) = asks(tmp_path, {MEMORY: "1e10"})
    assert ask.least_memory_mib == 9_537  # 9,536.7 MiB, rounded up
    (ask,) = asks(tmp_path, {MODELS: "A100"})
    assert ask.models == ("A100-80GB",)
    (ask,) = asks(tmp_path, {MODELS: f"{H100}, a100-80gb"})
    assert ask.models == ("A100-80GB", "H100-80GB-SXM")
    (ask,) = asks(tmp_path, {MODELS: "H100,A100", "nvidia.com/nouse-gputype": "A100"})
    assert ask.models == ("H100-80GB-SXM",)
    (ask,) = asks(tmp_path, {MODELS: "B200"})
    assert ask.models == ("B200",)  # no such GPU is there now


@pytest.mark.parametrize(("value", "required"), [("island", True), ("island-preferred", False)])
def test_gpus_are_wished_in_one_island(value: str, required: bool, tmp_path: Path) -> None:
    dump = read(tmp_path, node("a", 8), gpu_pod(count=2, annotations={TOPOLOGY: value}))
    assert dump.pending[0].topology == Topology(TopologyLevel.GPU_ISLAND, required)


GPU = {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("annotations", "requests", "said"),
    [
        ({MEMORY: "lots"}, GPU, f"{MEMORY}: 'lots' is no quantity; write 40Gi"),
        ({MEMORY: "40"}, GPU, f"{MEMORY}: 40 is no memory of a GPU; write 40Gi for 40 GiB"),
        ({MEMORY: "-1Gi"}, GPU, f"{MEMORY}: -1Gi is no memory of a GPU; write 40Gi for 40 GiB"),
        ({MODELS: " ,"}, GPU, f"{MODELS}: names no product; write some with commas between them"),
        ({TOPOLOGY: "rack"}, GPU, f"{TOPOLOGY}: 'rack'; it is one of island, island-preferred"),
        ({USE: ""}, SHARE, f"{USE}: names no GPU; write uuids with commas between them"),
        (
            {USE: "x,y", NOUSE: "y,x"},
            SHARE,
            f"{USE}: {NOUSE} excludes all of them; keep one of the two",
        ),
        (
            {NOUSE: "x"},
            {"aliyun.com/gpu-mem": "1"},
            f"{NOUSE}: HAMi's word beside aliyun.com/gpu-mem; keep one of them",
        ),
        (
            {MODELS: "H100", "nvidia.com/use-gputype": "A100"},
            GPU,
            f"{MODELS}: allows H100-80GB-SXM, and nvidia.com/use-gputype only A100-80GB;"
            " no GPU is both",
        ),
        (
            {MEMORY: "1Gi"},
            {},
            f"{MEMORY}: the pod asks for no GPU, and the annotation alone asks for none",
        ),
        (
            {MODELS: "H100"},
            {"nvidia.com/mig-1g.10gb": "1"},
            f"{MODELS}: the node's device plugin counts nvidia.com/mig-1g.10gb by number and tells"
            " none from another; choose nodes by their labels instead",
        ),
        (
            {USE: "x"},
            {"nvidia.com/gpu.shared": "1"},
            f"{USE}: the node's device plugin counts nvidia.com/gpu.shared by number and tells"
            " none from another; choose nodes by their labels instead",
        ),
        (
            {"bayplan.io/gpu-model": "H100"},
            GPU,
            f"bayplan.io/gpu-model: no annotation of a pod; did you mean {MODELS}?",
        ),
        (
            {"bayplan.io/memory": "1Gi"},
            {"nvidia.com/mig-1g.10gb": "1"},
            f"bayplan.io/memory: no annotation of a pod; did you mean {MEMORY}?",
        ),
    ],
)
def test_what_cannot_be_met_is_refused_by_its_key(
    annotations: Object, requests: Object, said: str, tmp_path: Path
) -> None:
    assert problem(tmp_path, annotations, requests) == said


def test_what_concerns_no_gpu_or_is_no_wish_is_passed_over(tmp_path: Path) -> None:
    harmless = {"bayplan.io/nudged": "3", "bayplan.io/gang": "job", "other.io/gpu-models": "x"}
    things = [
        node("a", 8),
        gpu_pod("ours", annotations=harmless),
        pod("cpu", annotations={"bayplan.io/typo": "1", USE: "x"}),
    ]
    dump = read(tmp_path, *things)
    assert told(dump) == []
    assert dump.pending[0].devices == (DeviceRequest(WholeGpus(1)),)


def test_what_runs_stays_whatever_its_annotations_say(tmp_path: Path) -> None:
    wrong = {"bayplan.io/typo": "1", MEMORY: "lots", USE: "GPU-x"}
    dump = read(tmp_path, node("a", 8), gpu_pod(at="a", annotations=wrong))
    assert told(dump) == []
    assert dump.bound[0].request.devices == (DeviceRequest(WholeGpus(1)),)
    assert dump.nodes[0].schedulable


def test_pods_that_differ_only_in_the_sense_of_a_wish_do_not_get_the_same(tmp_path: Path) -> None:
    things = [
        node("a", 8, labels={PRODUCT: A100}),
        node("h", 8, labels={PRODUCT: H100}),
        gpu_pod("use", annotations={"nvidia.com/use-gputype": "A100"}),
        gpu_pod("nouse", annotations={"nvidia.com/nouse-gputype": "A100"}),
    ]
    use, nouse = read(tmp_path, *things).pending
    assert use.devices[0].models == ("A100-80GB",)
    assert nouse.devices[0].models == ("H100-80GB-SXM",)


def test_a_dump_places_pods_on_the_gpus_that_they_name(tmp_path: Path) -> None:
    running = pod(
        "r",
        at="a",
        requests=SHARE,
        annotations={"hami.io/vgpu-devices-allocated": "GPU-1,NVIDIA,1000,0:;"},
    )
    things = [
        node("a", annotations=register("GPU-0", "GPU-1")),
        node("b", annotations=register("GPU-2", "GPU-3", memory=40960)),
        running,
        pod("p", requests=SHARE, annotations={USE: "GPU-1,GPU-2"}),
        pod("q", requests=SHARE, annotations={NOUSE: "GPU-0,GPU-1"}),
        pod("r2", requests=SHARE, annotations={NOUSE: "GPU-2", MEMORY: "41Gi"}),
    ]
    dump = read(tmp_path, *things)
    assert [each.gpu_uuids for each in dump.nodes] == [
        ((0, "GPU-0"), (1, "GPU-1")),
        ((0, "GPU-2"),),
    ]
    cluster, problems = cluster_of(dump)
    assert problems == ()
    engine = Engine(cluster, FirstFit())
    placed = {}
    for request in dump.pending:
        placement = engine.decide(request, 0.0).placement
        assert placement is not None
        placed[request.uid] = placement.node, placement.grants[0][0].slot.gpu
    assert placed == {"default/p": ("a", 1), "default/q": ("b", 0), "default/r2": ("a", 0)}


@pytest.mark.parametrize(
    ("text", "product", "model", "is_it"),
    [
        (A100, A100, "A100-80GB", True),
        ("A100-80GB", A100, "A100-80GB", True),
        ("a100", A100, "A100-80GB", True),
        ("NVIDIA A100 SXM4", A100, "A100-80GB", True),
        ("A100", f"{A100}-SHARED", "A100-80GB", True),
        ("A100-40GB", A100, "A100-80GB", False),
        ("A10", A100, "A100-80GB", False),
        ("L4", "NVIDIA-L40S", "L40S", False),
        ("B", "", "A", False),
        # A slice is no GPU, and no GPU is a slice.
        ("A100", f"{A100}-MIG-1g.10gb", "A100-80GB-MIG-1g.10gb", False),
        (f"{A100}-MIG-1g.10gb", f"{A100}-MIG-1g.10gb", "A100-80GB-MIG-1g.10gb", True),
        (f"{A100}-MIG-1g.10gb", A100, "A100-80GB", False),
    ],
)
def test_products_are_named_by_whole_words(
    text: str, product: str, model: str, is_it: bool
) -> None:
    assert is_product(text, Gpus(8, model, product=product)) == is_it


texts = st.dictionaries(
    st.sampled_from([USE, NOUSE, MODELS, MEMORY, TOPOLOGY, "bayplan.io/x", "bayplan.io/gang"]),
    st.one_of(st.sampled_from(["A100", "island", "40Gi", "1", ",", "u,v", "u"]), st.text()),
)


@given(texts, st.sampled_from([(), (DeviceRequest(WholeGpus(1)),)]))
def test_whatever_stands_there_is_a_wish_of_each_gpu_or_an_error_that_names_its_key(
    annotations: Object, given_asks: tuple[DeviceRequest, ...]
) -> None:
    wishes = wishes_in(annotations)
    assert "bayplan.io/gang" not in wishes
    problem: tuple[str, str] | None = None
    try:
        found = refined(given_asks, wishes, {}, [Gpus(8, "A100-80GB", product=A100)])
    except BadField as bad:
        problem = bad.field.removeprefix("metadata.annotations."), bad.text
    if problem is not None:
        assert problem[0] in annotations
        assert problem[1].isprintable()
        return
    assert [each.ask for each in found] == [each.ask for each in given_asks]
    for each in found:
        assert "bayplan.io/x" not in annotations
        assert bool(each.models) == (MODELS in annotations)
        assert bool(each.least_memory_mib) == (MEMORY in annotations)
        assert bool(each.uuids) == (USE in annotations)
        assert bool(each.uuids or each.not_uuids) == (USE in annotations or NOUSE in annotations)
