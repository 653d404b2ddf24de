from __future__ import annotations

import math

from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from bayplan.traces.requests import models_of, node_table, nodes_from, requests_from
from bayplan.traces.schema import NodeTable, PodTable


def test_every_kind_of_row_becomes_its_devices() -> None:
    pods = PodTable.of(
        name=["cpu", "whole", "share", "memory", "several", "mig", "model"],
        cpu_milli=[1] * 7,
        memory_mib=[2] * 7,
        gpu_count=[0, 1, 1, 1, 4, 2, 1],
        gpu_milli=[0, 1000, 500, 1000, 250, 142, 1000],
        gpu_memory_mib=[0, 0, 0, 8192, 4096, 0, 0],
        gpu_models=["T4", "", "", "", "", "", "T4|A10| T4|"],
        mig_profile=["", "", "", "", "", "1g.10gb", ""],
    )
    assert [request.devices for request in requests_from(pods)] == [
        (),
        (DeviceRequest(WholeGpus(1)),),
        (DeviceRequest(GpuShare(500, 0, 1)),),
        (DeviceRequest(GpuShare(1000, 8192, 1)),),
        (DeviceRequest(GpuShare(250, 4096, 4)),),
        (DeviceRequest(MigInstances("1g.10gb", 2)),),
        (DeviceRequest(WholeGpus(1), models=("T4", "A10", "T4")),),
    ]


def test_the_other_columns_come_along_as_plain_numbers() -> None:
    pods = PodTable.of(
        name=["a", "b"],
        cpu_milli=[1500, 1],
        memory_mib=[512, 1],
        gpu_count=[0, 0],
        gpu_milli=[0, 0],
        duration_s=[90.5, math.nan],
        priority=[-3, 0],
        queue=["q", ""],
        gang=["g", ""],
    )
    first, second = requests_from(pods)
    assert first == Request(
        uid="a",
        cpu_milli=1500,
        memory_mib=512,
        priority=-3,
        gang="g",
        queue="q",
        run_time_s=90.5,
    )
    assert second == Request(uid="b", cpu_milli=1, memory_mib=1)
    assert type(first.cpu_milli) is int
    assert type(first.run_time_s) is float


def test_equal_shapes_share_one_object() -> None:
    pods = PodTable.of(
        name=["a", "b", "c"],
        cpu_milli=[1, 2, 3],
        memory_mib=[1, 1, 1],
        gpu_count=[1, 1, 1],
        gpu_milli=[500, 500, 500],
        gpu_models=["T4|A10", "T4|A10", "T4"],
    )
    first, second, third = (request.devices for request in requests_from(pods))
    assert first is second
    assert first is not third


def test_nodes_carry_their_place_and_model_as_labels() -> None:
    table = NodeTable.of(
        name=["n", "c"],
        cpu_milli=[96_000, 8000],
        memory_mib=[1024, 512],
        gpu_count=[8, 0],
        gpu_model=["H100-80GB", ""],
        gpu_memory_mib=[81_559, 0],
        zone=["z", ""],
        rack=["r", ""],
        block=["b", ""],
        nvlink_domain=["d", ""],
        gpu_island=[4, 0],
    )
    assert nodes_from(table) == [
        Node(
            name="n",
            cpu_milli=96_000,
            memory_mib=1024,
            gpu_count=8,
            gpu_model="H100-80GB",
            gpu_memory_mib=81_559,
            labels=(
                ("bayplan.io/block", "b"),
                ("bayplan.io/rack", "r"),
                ("nvidia.com/gpu.clique", "d"),
                ("nvidia.com/gpu.product", "H100-80GB"),
                ("topology.kubernetes.io/zone", "z"),
            ),
            gpu_island=4,
        ),
        Node(name="c", cpu_milli=8000, memory_mib=512),
    ]


def test_models_are_sorted_and_each_there_once() -> None:
    assert models_of("") == ()
    assert models_of("b|a|b") == ("b", "a", "b")


def test_nodes_and_their_table_are_the_same_thing() -> None:
    table = NodeTable.of(
        name=["b", "a"],
        cpu_milli=[1, 2],
        memory_mib=[3, 4],
        gpu_count=[8, 0],
        gpu_model=["T4", ""],
        gpu_memory_mib=[15_360, 0],
        zone=["z", ""],
        rack=["r", ""],
        block=["", "k"],
        nvlink_domain=["d", ""],
        gpu_island=[4, 0],
    )
    nodes = nodes_from(table)
    assert nodes_from(node_table(nodes)) == nodes
    again = node_table(nodes)
    assert (again.name, again.rack, again.gpu_island.tolist()) == (("b", "a"), ("r", ""), [4, 0])
