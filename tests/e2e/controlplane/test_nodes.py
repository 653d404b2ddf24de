"""Nodes as we make them are read back as what was meant. These need no control plane."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bayplan.scheduler.sharing import Hami, Mps, TimeSlicing
from bayplan.scheduler.types import Node
from bayplan.traces.kubernetes import read_dump

from .nodes import (
    Object,
    gpushare,
    hami,
    koordinator,
    mig_mixed,
    mig_single,
    mps,
    plain,
    time_sliced,
    volcano,
)

MODEL, MEMORY_MIB = "H100-80GB-SXM", 81559
MADE = {
    "whole": plain("n"),
    "single": mig_single("n", "1g.10gb", 7),
    "mixed": mig_mixed("n", {"1g.10gb": 14, "3g.40gb": 2, "1g.10gb+me": 1}, whole=4),
    "sliced": time_sliced("n", 4),
    "renamed": time_sliced("n", 4, renamed=True),
    "mps": mps("n", 2),
    "hami": hami("n"),
    "gpushare": gpushare("n"),
    "volcano": volcano("n"),
    "koordinator": koordinator("n"),
}


def read(folder: Path, node: Object) -> Node:
    path = folder / "dump.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [node]}))
    dump = read_dump([path])
    assert not dump.problems
    (only,) = dump.nodes
    return only


def test_whole_gpus(tmp_path: Path) -> None:
    node = read(tmp_path, plain("n"))
    assert (node.gpu_count, node.gpu_model, node.gpu_memory_mib) == (8, MODEL, MEMORY_MIB)
    assert (node.anonymous_gpus, node.sharing) == (True, ())
    assert (node.cpu_milli, node.memory_mib) == (192_000, 2 * 2**20)


def test_instances_that_are_advertised_as_gpus(tmp_path: Path) -> None:
    node = read(tmp_path, MADE["single"])
    assert (node.gpu_count, node.gpu_model) == (56, f"{MODEL}-MIG-1g.10gb")
    assert node.gpu_memory_mib == 9984  # nvidia-smi mig -lgip


def test_instances_under_their_own_names(tmp_path: Path) -> None:
    node = read(tmp_path, MADE["mixed"])
    resources = {name: count for name, count in node.resources if name.startswith("nvidia.com/")}
    assert node.gpu_count == 4
    assert resources == {
        "nvidia.com/mig-1g.10gb": 14, "nvidia.com/mig-1g.10gb.me": 1, "nvidia.com/mig-3g.40gb": 2,
    }  # fmt: skip


def test_replicas_of_time_slicing_and_mps(tmp_path: Path) -> None:
    node = read(tmp_path, MADE["sliced"])
    assert (node.gpu_count, node.gpu_model, node.gpu_memory_mib) == (32, MODEL, MEMORY_MIB // 4)
    assert node.sharing == (TimeSlicing(replicas=1),)
    node = read(tmp_path, MADE["mps"])
    assert (node.gpu_count, node.sharing) == (16, (Mps(clients=1, replicas=1),))
    node = read(tmp_path, MADE["renamed"])
    assert (node.gpu_count, dict(node.resources)["nvidia.com/gpu.shared"]) == (0, 32)


def test_registers_and_sums_of_others(tmp_path: Path) -> None:
    for name in ("hami", "volcano"):
        node = read(tmp_path, MADE[name])
        assert (node.gpu_count, node.gpu_model, node.gpu_memory_mib) == (8, MODEL, MEMORY_MIB)
        assert node.sharing == (Hami(10, 1000),)
    node = read(tmp_path, MADE["koordinator"])
    assert (node.gpu_count, node.gpu_model, node.gpu_memory_mib) == (8, MODEL, MEMORY_MIB)
    node = read(tmp_path, MADE["gpushare"])
    assert (node.gpu_count, node.gpu_memory_mib) == (8, 79 * 1024)  # 81,559 MiB are 79 whole GiB


@pytest.mark.parametrize("shape", MADE)
def test_labels_are_such_as_an_api_server_takes(shape: str) -> None:
    for key, value in MADE[shape]["metadata"]["labels"].items():
        name = key.rpartition("/")[2]
        for text in (name, value):
            assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", text), (
                key,
                value,
            )
