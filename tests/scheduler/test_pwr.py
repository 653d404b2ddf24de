"""The policy that adds the fewest watts: GPUs and CPU packages that a placement wakes.

Watts of the catalogue, full less idle: T4 70 - 10 beside a Xeon 8163 of 24 cores (165 - 20),
A100-80GB 400 - 50 beside a Xeon 8369B of 32 cores (270 - 20); without GPUs a Xeon 8269CY of 26
cores (205 - 20).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.policies.pwr import Pwr
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import Node, Request

from .sharing_support import BALANCED, a100s, instances
from .support import bind, share, where, whole

T4_W, A100_W, UNKNOWN_W = 60, 350, 270
T4_PACKAGE_W, A100_PACKAGE_W, CPU_PACKAGE_W = 145, 250, 185


def host(name: str, model: str = "", gpus: int = 0) -> Node:
    memory = 16_000 if gpus else 0
    return Node(name, 200_000, 200_000, gpus, model, memory)


def engine_of(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), Pwr())


def added(engine: Engine, request: Request) -> list[float]:
    """The watts that a request adds on each node."""
    scores = engine.scores(request)
    return [round(float(watts), 6) for watts in 3_200.0 * (1 - scores / 100)]


def test_the_figures_are_those_of_the_catalogue() -> None:
    for name, idle_w, tdp_w in (("T4", 10, 70), ("A100-80GB", 50, 400)):
        product = product_named(name)
        assert (product.idle_w, product.tdp_w) == (idle_w, tdp_w)


def test_idle_nodes_wake_a_package_and_gpus() -> None:
    engine = engine_of(host("t4", "T4", 4), host("a100", "A100-80GB", 4), host("cpu"))
    assert added(engine, whole("w", cpu_milli=1))[:2] == [
        T4_W + T4_PACKAGE_W,
        A100_W + A100_PACKAGE_W,
    ]
    assert added(engine, whole("w", 4))[:2] == [4 * T4_W, 4 * A100_W]
    assert added(engine, Request("c", 1)) == [T4_PACKAGE_W, A100_PACKAGE_W, CPU_PACKAGE_W]
    assert added(engine, Request("nothing")) == [0, 0, 0]


@pytest.mark.parametrize(
    ("model", "package_milli", "watts"),
    [
        ("", 52_000, 185),
        ("T4", 48_000, 145),
        ("P100", 32_000, 105),
        ("V100-16GB", 32_000, 165),
        ("V100-32GB", 32_000, 165),
        ("Tesla-V100-SXM2-32GB", 32_000, 165),
        ("A10", 64_000, 250),
        ("no such GPU", 64_000, 250),
    ],
)
def test_a_package_wakes_with_the_first_core_that_does_not_fit_the_others(
    model: str, package_milli: int, watts: int
) -> None:
    engine = engine_of(host("n", model, 1 if model else 0))
    for asked, packages in ((1, 1), (package_milli, 1), (package_milli + 1, 2),
                            (2 * package_milli, 2), (2 * package_milli + 1, 3)):  # fmt: skip
        assert added(engine, Request("c", asked)) == [packages * watts]
    bind(engine, Request("there", package_milli - 5))
    assert added(engine, Request("c", 5)) == [0]
    assert added(engine, Request("c", 6)) == [watts]


def test_a_gpu_that_the_catalogue_does_not_know_is_an_average_one() -> None:
    engine = engine_of(host("a", "no such GPU", 1), host("b", "L4", 1))
    # No source states the idle watts of an L4.
    assert added(engine, whole("w")) == [UNKNOWN_W, UNKNOWN_W]


def test_a_dear_gpu_that_is_awake_comes_before_a_cheap_one_that_sleeps() -> None:
    engine = engine_of(host("cheap", "T4", 2), host("dear", "A100-80GB", 2))
    pod = share("p", 400, cpu_milli=1_000)
    (device,) = pod.devices
    bind(engine, pod._replace(devices=(replace(device, models=("A100-80GB",)),)))
    asleep = T4_W + T4_PACKAGE_W
    assert added(engine, share("q", 400, cpu_milli=1_000)) == [asleep, 0]
    assert where(engine.decide(share("q", 400, cpu_milli=1_000), 0.0)) == ("dear", (0,))
    # What needs the other GPU, or one more package, is dearer there.
    assert added(engine, share("q", 700, cpu_milli=1_000)) == [asleep, A100_W]
    assert added(engine, share("q", 400, cpu_milli=63_001)) == [
        asleep + T4_PACKAGE_W,
        A100_PACKAGE_W,
    ]
    assert where(engine.decide(share("q", 700, cpu_milli=1_000), 0.0)) == ("cheap", (0,))


def test_among_awake_and_asleep_the_awake_are_chosen() -> None:
    engine = engine_of(host("a", "T4", 3), host("b", "T4", 3))
    bind(engine, share("first", 200))
    found = [bind(engine, share(f"p{i}", 300)) for i in range(3)]
    assert [where(each) for each in found] == [("a", (0,)), ("a", (0,)), ("a", (1,))]
    # 200 of the first are free, 700 of the second.
    assert where(bind(engine, share("q", 200))) == ("a", (0,))
    assert where(bind(engine, share("r", 700))) == ("a", (1,))
    assert added(engine, share("s", 1)) == [T4_W, T4_W]


@pytest.mark.parametrize("sharing", [Mig(), Mig(BALANCED)])
def test_instances_of_one_gpu_wake_it_once(sharing: Mig) -> None:
    engine = engine_of(a100s("n", sharing, gpus=2))
    assert added(engine, instances("p", "1g.10gb", 2)) == [A100_W]
    assert added(engine, instances("p", "3g.40gb", 2)) == [
        A100_W if sharing.layout is None else 2 * A100_W
    ]


def test_an_instance_on_a_gpu_in_use_adds_nothing() -> None:
    engine = engine_of(a100s("n", Mig(BALANCED), gpus=2))
    bind(engine, instances("p", "1g.10gb"))
    assert added(engine, instances("q", "1g.10gb")) == [0]
    assert added(engine, instances("q", "3g.40gb")) == [0]
    assert added(engine, instances("q", "1g.10gb", 2)) == [A100_W]
    assert added(engine, instances("q", "3g.40gb", 2)) == [A100_W]


def test_the_scale_only_stretches_the_scores() -> None:
    cluster = Cluster([host("t4", "T4", 1), host("a100", "A100-80GB", 1)])
    halves = Engine(cluster, Pwr(scale_w=6_400.0)).scores(whole("w"))
    assert halves.tolist() == pytest.approx([100 * (1 - 60 / 6_400), 100 * (1 - 350 / 6_400)])
