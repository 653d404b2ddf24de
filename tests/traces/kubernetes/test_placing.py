"""From a dump to a cluster: what runs is exactly where it is, and what cannot be is told."""

from __future__ import annotations

from pathlib import Path

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.types import ANONYMOUS
from bayplan.traces.kubernetes import cluster_of

from .support import Object, gpu_pod, node, pod, read

REGISTER = "".join(
    f"GPU-{i},10,16384,100,NVIDIA-NVIDIA A100-SXM4-80GB,0,true,{i},hami-core:" for i in range(2)
)
HAMI = {"hami.io/node-nvidia-register": REGISTER}


def placed(folder: Path, *things: Object) -> tuple[Cluster, list[str]]:
    cluster, problems = cluster_of(read(folder, *things))
    cluster.check()
    return cluster, [str(problem) for problem in problems]


def gpus(cluster: Cluster, uid: str) -> list[int]:
    return [g.slot.gpu for grants in cluster.pods[uid].placement.grants for g in grants]


def free_milli(cluster: Cluster) -> list[int]:
    view = cluster.view
    free: list[int] = view.slot_free_milli[: view.n_slots].tolist()
    return free


def test_the_device_plugin_picks_so_slots_are_anonymous(tmp_path: Path) -> None:
    cluster, problems = placed(tmp_path, node(gpus=4), gpu_pod("a", 3, at="n1"), pod("b", at="n1"))
    assert problems == []
    assert gpus(cluster, "default/a") == [ANONYMOUS] * 3
    assert sorted(free_milli(cluster)) == [0, 0, 0, 1000]
    row = cluster.row("n1")
    assert cluster.view.cpu_free_milli[row] == 6000


def test_pods_of_hami_are_on_the_gpus_that_they_were_given(tmp_path: Path) -> None:
    def vgpu(name: str, gpu: int, mib: int) -> Object:
        given = {"hami.io/vgpu-devices-allocated": f"GPU-{gpu},NVIDIA,{mib},0:;"}
        wanted = {"nvidia.com/gpu": 1, "nvidia.com/gpumem": mib}
        return pod(name, "n1", requests=wanted, annotations=given)

    cluster, problems = placed(
        tmp_path, node(annotations=HAMI), vgpu("a", 1, 4096), vgpu("b", 1, 8192), vgpu("c", 0, 4096)
    )
    assert problems == []
    assert [gpus(cluster, f"default/{name}") for name in "abc"] == [[1], [1], [0]]
    view = cluster.view
    assert view.slot_free_mib[: view.n_slots].tolist() == [12288, 4096]


def test_a_gpu_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    given = {"hami.io/vgpu-devices-allocated": "GPU-9,NVIDIA,100,0:;"}
    wanted = {"nvidia.com/gpu": 1, "nvidia.com/gpumem": 100}
    cluster, problems = placed(
        tmp_path, node(annotations=HAMI), pod("a", "n1", requests=wanted, annotations=given)
    )
    assert problems == [
        "pod default/a: spec.nodeName: the GPU that the pod was given is not on n1;"
        " n1 takes no new pods"
    ]
    assert cluster.pods["default/a"].request.devices == ()
    assert not cluster.nodes["n1"].schedulable


def test_gpushare_and_koordinator_say_the_index(tmp_path: Path) -> None:
    aliyun = node("a", room={"aliyun.com/gpu-mem": "32", "aliyun.com/gpu-count": "2"})
    koord = node("k", room={"koordinator.sh/gpu-core": "200", "koordinator.sh/gpu-memory": "32Gi"})
    share = pod(
        "s", "a", requests={"aliyun.com/gpu-mem": 8}, annotations={"ALIYUN_COM_GPU_MEM_IDX": "1"}
    )
    half = pod(
        "h", "k", requests={"koordinator.sh/gpu": 50},
        annotations={"scheduling.koordinator.sh/device-allocated": '{"gpu":[{"minor":1}]}'},
    )  # fmt: skip
    cluster, problems = placed(tmp_path, aliyun, koord, share, half)
    assert problems == []
    assert gpus(cluster, "default/s") == [1]
    assert gpus(cluster, "default/h") == [1]
    assert free_milli(cluster) == [1000, 500, 1000, 500]


def test_pods_of_volcano_are_on_the_gpus_that_they_were_given_also_in_instances(
    tmp_path: Path,
) -> None:
    """An instance that its scheduler made is told behind the uuid of the GPU (``mig.go``)."""
    row = "GPU-{},10,16384,NVIDIA-NVIDIA A100-SXM4-80GB,true,mig:"
    register = {"volcano.sh/node-vgpu-register": row.format(0) + row.format(1)}
    wanted = {"volcano.sh/vgpu-number": 1, "volcano.sh/vgpu-memory": 4096}
    given = {"a": "GPU-1[group1-0],NVIDIA,4096,14:", "b": ";GPU-0,NVIDIA,4096,0:"}
    pods = [
        pod(name, "n1", requests=wanted, annotations={"volcano.sh/vgpu-ids-new": text})
        for name, text in given.items()
    ]
    cluster, problems = placed(tmp_path, node(annotations=register), *pods)
    assert problems == []
    assert [gpus(cluster, f"default/{name}") for name in "ab"] == [[1], [0]]


def test_pods_of_one_group_share_a_gpu_and_whole_ones_take_others(tmp_path: Path) -> None:
    def fraction(name: str, group: str, part: str) -> Object:
        return pod(
            name, "n1", labels={"runai-gpu-group": group}, annotations={"gpu-fraction": part}
        )

    reservation = gpu_pod("r", 1, at="n1", namespace="kai-resource-reservation")
    cluster, problems = placed(
        tmp_path,
        node(gpus=3),
        gpu_pod("whole", 1, at="n1"),
        fraction("a", "x", "0.5"),
        fraction("b", "y", "0.5"),
        fraction("c", "x", "0.25"),
        reservation,
    )
    assert problems == []
    assert [gpus(cluster, f"default/{name}") for name in "abc"] == [[0], [1], [0]]
    assert gpus(cluster, "default/whole") == [2]
    assert "kai-resource-reservation/r" not in cluster.pods


def test_what_does_not_fit_is_told_and_takes_what_is_left(tmp_path: Path) -> None:
    cluster, problems = placed(
        tmp_path,
        node(gpus=2),
        gpu_pod("a", 2, at="n1"),
        gpu_pod("b", 1, at="n1"),
        pod("c", "n1", requests={"cpu": "9"}),
        pod("d", "n1", requests={"example.com/nic": "1"}),
        node("bare"),
        gpu_pod("e", 1, at="bare"),
        node("half", gpus=2),
        gpu_pod("f", 3, at="half"),
    )
    less = "n1 has not the room that the pod takes;"
    assert problems == [
        f"pod default/b: spec.nodeName: {less} whole GPUs: asked 1, free 0;"
        " the pod is given what is left",
        f"pod default/c: spec.nodeName: {less} CPU (millicores): asked 9000, free 7000;"
        " the pod is given what is left",
        f"pod default/d: spec.nodeName: {less} example.com/nic: asked 1, free 0;"
        " the pod is given what is left",
        "pod default/e: spec.nodeName: bare has no GPUs of the kind that the pod takes;"
        " the pod is given what is left",
        "pod default/f: spec.nodeName: half has not the room that the pod takes;"
        " whole GPUs: asked 3, free 2; the pod is given what is left",
    ]
    taken = {uid: (p.request.cpu_milli, gpus(cluster, uid)) for uid, p in cluster.pods.items()}
    assert taken == {
        "default/a": (1000, [-1, -1]),
        "default/b": (1000, []),
        "default/c": (6000, []),
        "default/d": (0, []),
        "default/e": (1000, []),
        "default/f": (1000, [-1, -1]),
    }
    assert not any(p.request.preemptible for uid, p in cluster.pods.items() if uid[-1] != "a")
    assert all(node.schedulable for node in cluster.nodes.values())


def test_pods_stay_on_nodes_that_take_no_new_ones(tmp_path: Path) -> None:
    spec = {"unschedulable": True, "taints": [{"key": "gone", "effect": "NoExecute"}]}
    cluster, problems = placed(
        tmp_path, node(gpus=1, spec=spec), gpu_pod("a", at="n1", spec={"nodeSelector": {"x": "y"}})
    )
    assert problems == []
    assert list(cluster.pods) == ["default/a"]
    assert not cluster.nodes["n1"].schedulable


def test_replicas_and_instances_are_taken_as_slots(tmp_path: Path) -> None:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-SHARED",
        "nvidia.com/gpu.replicas": "2",
        "nvidia.com/gpu.sharing-strategy": "time-slicing",
    }
    cluster, problems = placed(
        tmp_path, node(gpus=4, labels=labels), *[gpu_pod(f"p{i}", at="n1") for i in range(4)]
    )
    assert problems == []
    assert free_milli(cluster) == [0, 0, 0, 0]


def test_the_pods_of_a_node_are_counted(tmp_path: Path) -> None:
    _, problems = placed(tmp_path, node(room={"pods": "1"}), pod("a", "n1"), pod("b", "n1"))
    assert problems == [
        "pod default/b: spec.nodeName: n1 has not the room that the pod takes;"
        " pods: asked 1, free 0; the pod is given what is left"
    ]
