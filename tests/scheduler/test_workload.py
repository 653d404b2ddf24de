"""The target workload of fragmentation-aware policies."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.events import NodeUp
from bayplan.scheduler.hardware import product_named, smallest_covering
from bayplan.scheduler.needs import NEVER
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import DeviceRequest, GpuShare, Request, WholeGpus
from bayplan.scheduler.workload import typical_workload

from .support import A100, instances, mig_node, node, share, whole


def requests(**counts: int) -> list[Request]:
    kinds = {
        "cpu": Request("c", 100),
        "half": share("h", 500, cpu_milli=200),
        "limited": Request("l", 300, devices=(DeviceRequest(GpuShare(250), ("B", "A")),)),
        "pair": whole("w", 2, cpu_milli=400),
    }
    return [kinds[name] for name, n in counts.items() for _ in range(n)]


def test_classes_come_with_gpus_first_and_the_commonest_first() -> None:
    workload = typical_workload(requests(cpu=4, half=1, limited=2, pair=3), coverage=1.0)
    assert workload.cpu.tolist() == [400, 300, 200, 100]
    assert workload.count.tolist() == [2, 1, 1, 0]
    assert workload.milli.tolist() == [1000, 250, 500, 0]
    assert workload.weight.tolist() == pytest.approx([0.3, 0.2, 0.1, 0.4])
    assert [set(models) for models in workload.models] == [set(), {"A", "B"}, set(), set()]
    assert workload.levels == ((250, "", False), (500, "", False), (1000, "", False))
    assert workload.level.tolist() == [2, 0, 1, 0]


def test_of_equally_common_classes_the_larger_comes_first() -> None:
    workload = typical_workload(requests(half=1, pair=1, limited=1), coverage=1.0)
    assert workload.cpu.tolist() == [400, 300, 200]


@pytest.mark.parametrize(
    ("coverage", "classes"), [(0.5, 1), (0.59, 1), (0.6, 1), (0.61, 2), (0.9, 2), (0.95, 3)]
)
def test_the_commonest_classes_up_to_the_coverage_are_kept(coverage: float, classes: int) -> None:
    workload = typical_workload(requests(half=6, pair=3, cpu=1), coverage)
    assert workload.cpu.tolist() == [200, 400, 100][:classes]
    assert workload.weight.sum() == pytest.approx(1.0)


def test_a_workload_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one request"):
        typical_workload([])


def test_pods_that_ask_for_gpus_of_different_kinds_do_not_count() -> None:
    of_two_models = Request(
        "m", devices=tuple(DeviceRequest(WholeGpus(1), models=(model,)) for model in "AB")
    )
    workload = typical_workload([of_two_models, *requests(half=1)], coverage=1.0)
    assert workload.milli.tolist() == [500]
    two_alike = Request("t", devices=(DeviceRequest(GpuShare(250)),) * 2)
    workload = typical_workload([two_alike], coverage=1.0)
    assert (workload.count.tolist(), workload.milli.tolist()) == ([2], [250])


def test_models_are_looked_up_among_the_kinds_of_slots_of_the_cluster() -> None:
    workload = typical_workload(requests(limited=1, half=1), coverage=1.0)
    view = Cluster([node("c", 1, gpu_model="C"), node("b", 1, gpu_model="B")]).view
    asked = workload.for_kernels(view)
    n_gpu_classes, *_, allowed = asked.classes
    assert (asked.levels.tolist(), n_gpu_classes) == ([250, 500], 2)
    # Rows are the kinds of C and B, columns the classes limited and half.
    assert allowed.tolist() == [[False, True], [True, True]]
    bigger = Cluster([node("a", 1)]).view
    assert workload.for_kernels(bigger).classes[-1].tolist() == [[True, True]]


def test_profiles_are_levels_of_their_own_and_need_what_each_kind_says() -> None:
    small, large = instances("s", "1g.10gb"), instances("l", "3g.40gb", 2)
    workload = typical_workload([small, small, large, share("h", 500)], coverage=1.0)
    assert workload.profile == ("1g.10gb", "", "3g.40gb")
    assert workload.count.tolist() == [1, 1, 2]
    assert workload.levels == ((0, "1g.10gb", False), (0, "3g.40gb", False), (500, "", False))
    assert workload.level.tolist() == [0, 2, 1]
    layout = Mig(((0, "3g.40gb"),))
    cluster = Cluster([mig_node("m"), node("p"), node("l", 1, **A100 | {"sharing": (layout,)})])
    asked = workload.for_kernels(cluster.view)
    # Rows are the kinds of slots: a GPU whose instances come and go, a plain one, an instance.
    assert asked.level_milli.tolist() == [
        [125, 500, 500],
        [NEVER, NEVER, 500],
        [NEVER, 500, NEVER],  # 3 of 7 compute slices are less than half a GPU
    ]
    assert asked.level_most.tolist() == [[7, 2, 1], [1, 1, 1], [1, 1, 1]]
    assert asked.levels.tolist() == [NEVER, NEVER, 500]
    *_, allowed = asked.classes
    assert allowed.tolist() == [[True] * 3] * 3


def test_a_mix_of_profiles_counts_instances_and_the_shares_that_become_some() -> None:
    asked = [instances("s", "1g.10gb"), instances("l", "3g.40gb", 2), share("h", 500)]
    others = [whole("w"), instances("f", "1g.6gb"), Request("c", 100)]
    workload = typical_workload([*asked, *others], coverage=1.0)
    a100, a30 = product_named("A100-80GB"), product_named("A30-24GB")
    # A half is covered by four of eight units, and of seven compute slices.
    half = smallest_covering(a100, 500)
    assert half is not None
    assert half.name == "4g.40gb"
    expected = {"1g.10gb": 1 / 6, "3g.40gb": 2 / 6, "4g.40gb": 1 / 6}
    assert workload.profile_mix(a100) == pytest.approx(expected)
    assert workload.profile_mix(a30) == pytest.approx({"1g.6gb": 1 / 6, "2g.12gb": 1 / 6})


def test_a_workload_sees_the_kinds_that_came_since() -> None:
    workload = typical_workload(requests(half=1), coverage=1.0)
    cluster = Cluster([node("a", 1)])
    assert workload.for_kernels(cluster.view).level_milli.tolist() == [[500]]
    cluster.apply(NodeUp(mig_node("m")))
    asked = workload.for_kernels(cluster.view)
    assert asked.level_milli.tolist() == [[500], [500]]
    assert asked is workload.for_kernels(cluster.view)
