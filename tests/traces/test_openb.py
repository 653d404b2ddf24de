from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.info import class_counts, gpu_demand_milli
from bayplan.traces.registry import read_nodes, read_pods

Write = Callable[..., str]

FIVE = "name,cpu_milli,memory_mib,num_gpu,gpu_milli"
TIMED = FIVE + ",gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time"


def problem(path: str, format: str = "openb") -> str:
    with pytest.raises(InputError) as error:
        read_pods(path, format)
    return str(error.value)


def test_five_columns_are_enough(write: Write) -> None:
    pods = read_pods(write(f"{FIVE}\na,4000,8192,1,500\n"))
    assert pods.gpu_milli.tolist() == [500]
    assert pods.arrival_s.tolist() == [0.0]
    assert np.isnan(pods.duration_s).all()


def test_shares_are_clipped_and_pods_without_gpus_lose_their_gpu_columns(write: Write) -> None:
    rows = "a,1,1,2,1500,T4|A10,LS,Running,10,30,12\nb,1,1,0,700,T4,LS,Pending,10,,\n"
    pods = read_pods(write(f"{TIMED}\n{rows}"))
    assert pods.gpu_count.tolist() == [2, 0]
    assert pods.gpu_milli.tolist() == [1000, 0]
    assert pods.gpu_models == ("T4|A10", "")
    assert pods.arrival_s.tolist() == [10.0, 10.0]
    assert str(pods.duration_s.tolist()) == "[20.0, nan]"


def test_bad_rows_are_told_in_the_words_of_the_file(write: Write) -> None:
    assert problem(write(f"{FIVE}\na,1,1,-1,500\n")) == (
        "pods.csv:2: num_gpu is -1, below 0; write 0 or more"
    )
    assert problem(write(f"{FIVE}\nb,1,1,0,0\na,1,1,2,0\n")) == (
        "pods.csv:3: gpu_milli is 0 for a pod with num_gpu 2; write 1 to 1000 (1000 = a whole GPU)"
    )
    assert problem(write(f"{TIMED}\na,1,1,1,1,,LS,Running,30,10,12\n")) == (
        "pods.csv:2: deletion_time 10 is before creation_time 30; correct one of them"
    )
    assert problem(write("name,cpu_milli,memory_mib,gpu_milli\n")) == (
        "pods.csv: there is no column 'num_gpu', only name, cpu_milli, memory_mib, gpu_milli; "
        "add it"
    )


def test_nodes_are_read(write: Write) -> None:
    path = write("sn,cpu_milli,memory_mib,gpu,model\nn,96000,393216,8,G2\nc,32000,262144,0,\n")
    nodes = read_nodes(path)
    assert nodes.name == ("n", "c")
    assert nodes.gpu_count.tolist() == [8, 0]
    assert nodes.gpu_model == ("G2", "")


def test_the_published_cluster_has_the_published_size(openb_dir: Path) -> None:
    nodes = read_nodes(openb_dir / "openb_node_list_gpu_node.csv")
    assert len(nodes) == 1213
    assert nodes.gpu_count.sum() == 6212
    assert nodes.cpu_milli.sum() == 107_018_000
    assert nodes.memory_mib.sum() == 503_828_480
    assert len(read_nodes(openb_dir / "openb_node_list_all_node.csv")) == 1523


@pytest.mark.parametrize(
    ("workload", "pods", "gpus", "several"),
    [
        ("default", 8152, 6086.8, 0.9),
        ("cpu050", 7439, 6086.8, 1.0),
        ("gpushare100", 8152, 3952.7, 0.0),
        ("gpuspec10", 8152, 6086.8, 0.9),
        ("multigpu20", 8324, 7086.8, 3.0),
    ],
)
def test_the_published_workloads_have_the_published_size(
    openb_dir: Path, workload: str, pods: int, gpus: float, several: float
) -> None:
    table = read_pods(openb_dir / f"openb_pod_list_{workload}.csv")
    assert len(table) == pods
    assert round(gpu_demand_milli(table) / 1000, 1) == gpus
    assert round(100 * class_counts(table)["several GPUs"] / pods, 1) == several


def test_the_published_model_bindings_are_kept(openb_dir: Path) -> None:
    pods = read_pods(openb_dir / "openb_pod_list_gpuspec10.csv")
    bound = sum(map(bool, pods.gpu_models))
    assert round(100 * bound / int((pods.gpu_count > 0).sum()), 1) == 10.4
