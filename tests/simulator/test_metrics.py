from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.fragmentation import fragments
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.sharing import Hami, Mig, Mps
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    MigInstances,
    Node,
    Request,
    WholeGpus,
)
from bayplan.scheduler.workload import Workload, typical_workload
from bayplan.simulator.replay.metrics import Series, columns, series
from bayplan.simulator.replay.pack import pack
from bayplan.simulator.replay.settings import Experiment
from bayplan.simulator.replay.sweep import Packer
from bayplan.traces import nodes_from, requests_from

from .support import GPUS, MIXED, mixed, node_table, pod_table


def measured(
    arrived: list[int],
    allocated: list[int],
    fragmented: list[float],
    capacity: int = 10_000,
    offered: int = 10_000,
) -> Series:
    return Series(
        capacity=capacity,
        offered=offered,
        arrived=np.array(arrived, np.int64),
        allocated=np.array(allocated, np.int64),
        idle=offered - np.array(allocated, np.int64),
        fragmented=np.array(fragmented, np.float64),
    )


def all_fragments(cluster: Cluster, workload: Workload) -> float:
    return float(fragments(cluster.view, workload, np.arange(cluster.view.n_rows)).sum())


def test_three_nodes_and_four_pods_are_as_computed_by_hand() -> None:
    # Three nodes of one GPU. The target workload has two classes, half each: 600 of a GPU, 1 GPU.
    pods = pod_table([(1_000, 1, 600), (1_000, 1, 1_000)] * 2)
    experiment = Experiment(
        node_table([1, 1, 1]),
        pods,
        load=1.2,
        arrivals={0: np.array([0, 2, 1, 3], np.int64)},
        node_orders={0: np.arange(3, dtype=np.int64)},
    )
    run = Packer(experiment).run("first-fit", 0)
    # Arrivals: 600 onto n0, 600 onto n1, 1000 onto n2, 1000 nowhere.
    assert (run.pods, run.placed, run.gpu_capacity_milli) == (4, 3, 3_000)
    assert run.gpu_allocated_milli == 2_200
    # Load after each: 20, 40, 73.33, 106.67 %. Allocated: 20, 40, 73.33, 73.33 %.
    expected: list[float | None] = [None] * 121
    for x, value in ((20, 20.0), (40, 40.0), (73, 73.33), (107, 73.33)):
        expected[x - 1 : x + 2] = [value] * 3
    assert run.allocated_pct == expected
    # Nothing can use the 400 that are left of a GPU; an untouched GPU serves both classes.
    for x, value in ((20, 13.33), (40, 26.67), (73, 26.67), (107, 26.67)):
        expected[x - 1 : x + 2] = [value] * 3
    assert run.fragmented_pct_of_capacity == expected
    # Idle after each: 2400, 1800, 800, 800 of which 400, 800, 800, 800 are fragments.
    for x, value in ((20, 16.67), (40, 44.44), (73, 100.0), (107, 100.0)):
        expected[x - 1 : x + 2] = [value] * 3
    assert run.fragmented_pct_of_idle == expected
    assert run.arrived_pct == [float(x) for x in range(121)]


def test_a_column_is_the_mean_over_the_arrivals_that_round_to_it() -> None:
    out = columns(measured([260, 340, 351, 1_000], [260, 340, 340, 900], [0.0, 30.0, 60.0, 5.0]), 1)
    assert out["allocated_pct"][3] == 3.0  # (2.6 + 3.4) / 2; 3.51 rounds to 4
    assert out["allocated_pct"][4] == 3.4
    assert out["fragmented_pct_of_capacity"][3:5] == [0.15, 0.6]


def test_a_column_without_arrivals_is_the_mean_over_its_neighbours() -> None:
    out = columns(measured([200, 400, 410, 600], [200, 400, 400, 600], [0.0] * 4), 0.1)
    # Column 3 takes the arrivals of 2 and of 4, each once; 5 those of 4 and of 6.
    assert out["allocated_pct"][3] == 3.33
    assert out["allocated_pct"][5] == 4.67
    assert out["allocated_pct"][1] == 2.0
    assert out["allocated_pct"][7] == 6.0


def test_a_column_without_arrivals_around_it_is_none() -> None:
    out = columns(measured([200, 900], [200, 200], [1.0, 1.0]), 0.12)
    known = [x for x, value in enumerate(out["allocated_pct"]) if value is not None]
    assert known == [1, 2, 3, 8, 9, 10]
    for name in ("fragmented_pct_of_capacity", "fragmented_pct_of_idle"):
        assert [x for x, value in enumerate(out[name]) if value is not None] == known


def test_an_arrival_half_way_between_two_columns_goes_to_the_even_one() -> None:
    out = columns(measured([250, 350], [250, 350], [0.0, 0.0]), 0.05)
    assert out["allocated_pct"] == [None, 2.5, 2.5, 3.0, 3.5, 3.5]


def test_allocation_is_rounded_before_the_mean_and_after_it() -> None:
    # 0.0149 % and three times 0.0049 % are 0.01 and 0.00: a mean of 0.0025, not of 0.0074.
    milli = [4_900, 4_900, 4_900, 14_900]
    out = columns(measured(milli, milli, [0.0] * 4, 10**8, 10**8), 0.01)
    assert out["allocated_pct"][0] == 0.0
    out = columns(measured([11, 22], [11, 22], [0.0, 0.0]), 0.01)
    assert out["allocated_pct"][0] == 0.16  # 0.165, half to even


def test_a_full_cluster_has_no_idle_gpu_to_be_fragmented() -> None:
    out = columns(measured([10_000], [10_000], [0.0]), 1)
    assert out["fragmented_pct_of_idle"][100] == 0.0


@pytest.mark.parametrize(("load", "n"), [(1.3, 131), (1.0, 101), (0.01, 2), (0.994, 100)])
def test_there_is_a_column_for_every_percent_up_to_the_load(load: float, n: int) -> None:
    out = columns(measured([100], [100], [0.0]), load)
    assert {len(values) for values in out.values()} == {n}


def replayed(experiment: Experiment, policy: str, order: list[int]) -> tuple[Series, list[float]]:
    """The fast series, and fragmentation by the kernel on a real cluster after each event."""
    requests = requests_from(experiment.pods)
    workload = typical_workload(requests)
    cluster = Cluster(nodes_from(experiment.nodes))
    arrivals = [
        Request(f"{i}", pod.cpu_milli, pod.memory_mib, pod.devices)
        for i, pod in enumerate(requests[row] for row in order)
    ]
    decisions, _ = pack(Engine(cluster, make_policy(policy, workload)), cluster, arrivals)
    again = Cluster(nodes_from(experiment.nodes))
    slow = []
    for decision in decisions:
        if decision.placement is not None:
            again.apply(Bound(decision, 0.0))
        slow.append(all_fragments(again, workload))
    demand = (experiment.pods.gpu_count * experiment.pods.gpu_milli)[order]
    return series(Cluster(nodes_from(experiment.nodes)), decisions, demand, workload), slow


@given(
    st.sampled_from(["fgd", "best-fit", "random", "worst-fit"]),
    st.lists(st.integers(0, len(MIXED) - 1), min_size=1, max_size=30),
)
def test_the_series_equals_a_measurement_of_the_real_cluster_after_each_event(
    policy: str, order: list[int]
) -> None:
    fast, slow = replayed(mixed(), policy, order)
    assert fast.fragmented.tolist() == pytest.approx(slow, abs=1e-6)
    assert fast.capacity == 1000 * sum(GPUS)
    demand = [count * milli for _, count, milli in (MIXED[row] for row in order)]
    assert fast.arrived.tolist() == np.cumsum(demand).tolist()
    assert (fast.idle == fast.offered - fast.allocated).all()


A100: dict[str, Any] = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920}
LAYOUT = ((0, "3g.40gb"), (4, "2g.20gb"), (6, "1g.10gb"))
SHARED = (
    Node("mig", 64_000, 64_000, 2, sharing=(Mig(),), **A100),
    Node("plain", 64_000, 64_000, 2, **A100),
    Node("cut", 64_000, 64_000, 2, sharing=(Mig(LAYOUT), Mps(2)), **A100),
    Node("over", 64_000, 64_000, 1, sharing=(Hami(3, 2000),), **A100),
    Node("cpu", 64_000, 64_000),
)
ASKS: tuple[WholeGpus | GpuShare | MigInstances, ...] = (
    WholeGpus(1),
    GpuShare(300),
    GpuShare(100),
    MigInstances("1g.10gb"),
    MigInstances("2g.20gb", 2),
    MigInstances("3g.40gb"),
)


@given(
    st.sampled_from(["fgd", "best-fit", "mig-max-options", "worst-fit"]),
    st.lists(st.integers(0, len(ASKS) - 1), min_size=1, max_size=30),
)
def test_so_does_the_series_of_gpus_that_are_shared_in_different_ways(
    policy: str, order: list[int]
) -> None:
    requests = [Request("r", 1000, 0, (DeviceRequest(ask),)) for ask in ASKS]
    workload = typical_workload([*requests, Request("c", 1000)], coverage=1.0)
    arrivals = [requests[row]._replace(uid=f"{i}") for i, row in enumerate(order)]
    cluster = Cluster(SHARED)
    decisions, _ = pack(Engine(cluster, make_policy(policy, workload)), cluster, arrivals)
    again = Cluster(SHARED)
    fragmented, idle = [], []
    for decision in decisions:
        if decision.placement is not None:
            again.apply(Bound(decision, 0.0))
        fragmented.append(all_fragments(again, workload))
        idle.append(int(again.view.idle_milli.sum()))
    demand = np.ones(len(order), np.int64)
    fast = series(Cluster(SHARED), decisions, demand, workload)
    assert fast.fragmented.tolist() == pytest.approx(fragmented, abs=1e-6)
    assert fast.idle.tolist() == idle
    # Seven GPUs: of one an eighth is cut off, and another is offered twice.
    assert (fast.capacity, fast.offered) == (7_000, 7_875)
    assert fast.taken_milli == fast.offered - idle[-1]


def test_what_a_layout_leaves_out_is_stranded() -> None:
    out = measured([100], [100], [40.4], capacity=10_000, offered=9_000)
    assert (out.taken_milli, out.stranded_milli) == (100, 1_040)
    out = measured([100], [100], [40.4], capacity=10_000, offered=12_000)
    assert (out.taken_milli, out.stranded_milli) == (100, 34)  # 40.4 of 12 is 33.7 of 10
    nothing = measured([], [], [], capacity=10_000, offered=9_000)
    assert (nothing.taken_milli, nothing.stranded_milli) == (0, 1_000)


def test_the_series_counts_what_was_refused_as_arrived_and_not_as_allocated() -> None:
    fast, _ = replayed(mixed(), "first-fit", [4] * 6)  # 2 whole GPUs; three nodes have two free
    assert fast.arrived.tolist() == [2_000 * n for n in range(1, 7)]
    assert fast.allocated.tolist() == [2_000, 4_000, 6_000, 8_000, 8_000, 8_000]


def test_a_series_without_placements_keeps_the_fragmentation_of_the_empty_cluster() -> None:
    experiment = mixed()
    requests = requests_from(experiment.pods)
    workload = typical_workload(requests)
    cluster = Cluster(nodes_from(experiment.nodes))
    refused = [Decision(request, 0.0, None) for request in requests]
    demand = experiment.pods.gpu_count * experiment.pods.gpu_milli
    fast = series(cluster, refused, demand, workload)
    assert fast.fragmented.tolist() == pytest.approx([all_fragments(cluster, workload)] * 8)
    assert fast.fragmented[0] > 0  # CPU-only pods and pods of 2 GPUs leave some of it unused
    assert fast.allocated.tolist() == [0] * 8
