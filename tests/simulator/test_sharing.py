"""The ways to share a cluster that ``--sharing`` names: how its GPUs are cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.partition.fitted import Split, fit_split
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.simulator.sharing import (
    MODES,
    Cut,
    Modes,
    cuts,
    histogram,
    parse_modes,
    with_product,
)
from bayplan.traces import NodeTable, PodTable, nodes_from, requests_from

from .support import MIXED, node_table, pod_table

A100, A30 = product_named("A100-80GB"), product_named("A30-24GB")
BALANCED = ((0, "1g.10gb"), (1, "1g.10gb"), (2, "2g.20gb"), (4, "3g.40gb"))


def nodes_of(gpus: Sequence[int], models: Sequence[str]) -> NodeTable:
    memory = {"A100-80GB": 81_920, "A30-24GB": 24_576}
    return NodeTable.of(
        name=[f"n{i:03}" for i in range(len(gpus))],
        cpu_milli=[64_000] * len(gpus),
        memory_mib=[100_000] * len(gpus),
        gpu_count=list(gpus),
        gpu_model=[model if n else "" for n, model in zip(gpus, models, strict=True)],
        gpu_memory_mib=[memory.get(m, 0) if n else 0 for n, m in zip(gpus, models, strict=True)],
    )


def pods_of(**columns: Sequence[Any]) -> PodTable:
    n = len(columns["gpu_count"])
    names = [f"p{i:03}" for i in range(n)]
    return PodTable.of(name=names, cpu_milli=[1_000] * n, memory_mib=[64] * n, **columns)


def a100s(*gpus: int) -> NodeTable:
    return nodes_of(gpus, ["A100-80GB"] * len(gpus))


PODS = pod_table(MIXED)


def line(refused: Callable[..., object], *given: object) -> str:
    with pytest.raises(InputError) as error:
        refused(*given)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


# --- modes -------------------------------------------------------------------------------------


def test_modes_are_read_in_the_order_given() -> None:
    assert parse_modes("hami, mps") == ("hami", "mps")
    assert parse_modes("all") == MODES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mpss", "--sharing: unknown mode 'mpss'; did you mean 'mps'?"),
        ("mig-dynamc", "--sharing: unknown mode 'mig-dynamc'; did you mean 'mig-dynamic'?"),
        ("mig", f"--sharing: unknown mode 'mig'; choose from {', '.join(MODES)}"),
        ("mps,time-slice", "--sharing: unknown mode 'time-slice'; did you mean 'timeslice'?"),
        ("qqq", f"--sharing: unknown mode 'qqq'; choose from {', '.join(MODES)}"),
        ("mps,", f"--sharing: unknown mode ''; choose from {', '.join(MODES)}"),
        ("mps,hami, mps", "--sharing 'mps,hami, mps': mps stands there twice; name it once"),
    ],
)
def test_what_is_no_mode_is_refused_in_one_line(text: str, said: str) -> None:
    assert line(parse_modes, text) == said


@pytest.mark.parametrize("times", [0.99, 0.0, -1.0, 16.01, float("nan"), float("inf")])
def test_oversubscription_is_from_1_to_16(times: float) -> None:
    for names in ((), ("mps",), ("exclusive",)):
        modes = Modes(names, oversubscribe=times)
        assert line(cuts, modes, a100s(1), PODS) == f"--oversubscribe {times}; give 1 to 16"


# --- cuts --------------------------------------------------------------------------------------


def test_without_a_mode_nothing_governs_the_gpus() -> None:
    (cut,) = cuts(Modes(), node_table([2, 0]), PODS)
    assert cut == Cut()
    nodes = nodes_from(node_table([2, 0]))
    assert cut.nodes(nodes) == nodes


@pytest.mark.parametrize(
    ("modes", "sharing"),
    [
        (Modes(("exclusive",), oversubscribe=2.0), Exclusive()),
        (Modes(("mig-dynamic",), oversubscribe=2.0), Mig()),
        (Modes(("mps",)), Mps()),
        (Modes(("mps",), oversubscribe=1.5), Mps(capacity_milli=1500)),
        (Modes(("timeslice",)), TimeSlicing()),
        (Modes(("timeslice",), oversubscribe=16.0, ignore_memory=True),
         TimeSlicing(capacity_milli=16_000, check_memory=False)),
        (Modes(("hami",), oversubscribe=1.0004), Hami()),
        (Modes(("hami",), oversubscribe=1.0006), Hami(capacity_milli=1001)),
    ],
)  # fmt: skip
def test_a_mode_shares_all_gpus_in_one_way(modes: Modes, sharing: Sharing) -> None:
    (cut,) = cuts(modes, a100s(2, 0, 1), PODS)
    assert cut == Cut(modes.names[0], ((sharing,),) * 3)
    nodes = cut.nodes(nodes_from(a100s(2, 0, 1)))
    assert {node.sharing for node in nodes} == {(sharing,)}
    Cluster(nodes).check()


def test_modes_are_cut_in_the_order_given_and_a_static_layout_is_two() -> None:
    labels = [cut.label for cut in cuts(Modes(MODES), a100s(2, 1), PODS)]
    assert labels == [
        "exclusive",
        "mig-static all-balanced",
        "mig-static fitted",
        "mig-dynamic",
        "mps",
        "timeslice",
        "hami",
    ]
    named = Modes(("hami", "mig-static"), layout="all-1g.10gb")
    assert [cut.label for cut in cuts(named, a100s(1), PODS)] == [
        "hami",
        "mig-static all-1g.10gb",
    ]


@pytest.mark.parametrize(
    ("layout", "instances"),
    [
        ("all-balanced", BALANCED),
        ("all-3g.40gb", ((0, "3g.40gb"), (4, "3g.40gb"))),
        ("3g.40gb@4,1g.10gb+me@0", ((0, "1g.10gb+me"), (4, "3g.40gb"))),
    ],
)
def test_a_layout_is_that_of_each_gpu(layout: str, instances: tuple[tuple[int, str], ...]) -> None:
    (cut,) = cuts(Modes(("mig-static",), layout), a100s(2, 0, 4), PODS)
    assert cut.label == f"mig-static {layout}"
    assert cut.sharing == ((Mig(instances),), (), (Mig(instances),))
    Cluster(cut.nodes(nodes_from(a100s(2, 0, 4)))).check()


def test_undivided_gpus_are_one_pods_each() -> None:
    (cut,) = cuts(Modes(("mig-static",), "all-disabled"), a100s(2), PODS)
    assert cut.sharing == ((Exclusive(),),)


def test_a_preset_is_that_of_each_nodes_product() -> None:
    nodes = nodes_of([1, 1, 1], ["A30-24GB", "A100-80GB", "NVIDIA-A30"])
    (cut,) = cuts(Modes(("mig-static",), "all-balanced"), nodes, PODS)
    small = (Mig(((0, "1g.6gb"), (1, "1g.6gb"), (2, "2g.12gb"))),)
    assert cut.sharing == (small, (Mig(BALANCED),), small)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("all-balance", "A100-80GB has no MIG layout 'all-balance'; did you mean 'all-balanced'?"),
        ("3g.40gb@2",
         "layout '3g.40gb@2': 3g.40gb of A100-80GB cannot start at 2; places for it: 0, 4"),
        ("4g.40gb@0,1g.10gb@3",
         "layout '4g.40gb@0,1g.10gb@3': 4g.40gb@0 and 1g.10gb@3 overlap;"
         " move or drop one"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_is_refused_in_one_line(layout: str, said: str) -> None:
    assert line(cuts, Modes(("mig-static",), layout), a100s(1), PODS) == f"--layout: {said}"


@pytest.mark.parametrize("mode", ["mig-static", "mig-dynamic"])
@pytest.mark.parametrize("model", ["T4", "", "X"])
def test_gpus_without_mig_cannot_be_cut_and_their_node_is_named(mode: str, model: str) -> None:
    nodes = nodes_of([1, 0, 2], ["A100-80GB", "T4", model])
    assert line(cuts, Modes((mode,)), nodes, PODS) == (
        f"node n002: its {model or 'unnamed'} GPUs"
        f" {'have no MIG' if model == 'T4' else 'are no product that bayplan devices lists'};"
        " give --gpu, such as --gpu A100-80GB, to replay with other GPUs"
    )
    assert cuts(Modes(("mps", "hami", "exclusive", "timeslice")), nodes, PODS)


# --- other GPUs --------------------------------------------------------------------------------


def test_with_a_product_every_gpu_is_replaced_and_pods_may_use_any() -> None:
    nodes = nodes_of([2, 0, 1], ["T4", "T4", ""])
    pods = pods_of(gpu_count=[1, 1, 0], gpu_milli=[500, 1000, 0], gpu_models=["T4|P100", "", ""])
    new_nodes, new_pods = with_product(nodes, pods, A30)
    assert new_nodes.gpu_model == ("A30-24GB", "", "A30-24GB")
    assert new_nodes.gpu_memory_mib.tolist() == [24_576, 0, 24_576]
    assert new_pods.gpu_models == ("", "", "")
    for column in ("name", "cpu_milli", "gpu_count"):
        np.testing.assert_array_equal(getattr(new_nodes, column), getattr(nodes, column))
        np.testing.assert_array_equal(getattr(new_pods, column), getattr(pods, column))
    assert nodes.gpu_model == ("T4", "", "")  # the tables themselves are as they were
    assert [request.devices[0].models for request in requests_from(new_pods)[:2]] == [(), ()]


# --- what pods ask for, and the split that is fitted to it -------------------------------------


def test_the_histogram_counts_gpus_and_the_smallest_profiles_that_cover_shares() -> None:
    pods = pods_of(
        gpu_count=[1, 4, 1, 1, 1, 1, 2, 3, 0, 1, 1],
        gpu_milli=[1000, 1000, 100, 100, 429, 143, 500, 250, 0, 1, 143],
        gpu_memory_mib=[0, 0, 0, 0, 0, 15_000, 0, 0, 0, 80_385, 0],
        mig_profile=["", "", "", "", "", "", "", "2g.20gb", "", "", "1g.6gb"],
    )
    assert histogram(pods, A100) == {
        "whole": 5,
        "1g.10gb": 2,
        "4g.40gb": 1,
        "2g.20gb": 4,  # 143 milli and 15,000 MiB, and a pod with three of them
        # Shares of two GPUs, what no profile covers and another product's profile do not count.
    }
    assert histogram(pods, A30)["1g.6gb"] == 3


@st.composite
def clusters(draw: st.DrawFn) -> tuple[NodeTable, PodTable]:
    counts = draw(st.lists(st.sampled_from([0, 1, 2, 4, 8]), min_size=1, max_size=12))
    models = draw(
        st.lists(
            st.sampled_from(["A100-80GB", "A30-24GB"]), min_size=len(counts), max_size=len(counts)
        )
    )
    shares = st.tuples(st.just(1), st.integers(1, 999), st.sampled_from([0, 0, 5_000, 30_000]))
    whole = st.tuples(st.sampled_from([1, 2, 8]), st.just(1000), st.just(0))
    pods = draw(st.lists(st.one_of(shares, whole), min_size=1, max_size=12))
    return nodes_of(counts, models), pods_of(
        gpu_count=[n for n, _, _ in pods],
        gpu_milli=[milli for _, milli, _ in pods],
        gpu_memory_mib=[mib for _, _, mib in pods],
    )


def counted(split: Split) -> Counter[Sharing]:
    counts: Counter[Sharing] = Counter({Exclusive(): split.undivided})
    for layout, n in split.layouts:
        counts[Mig(tuple((i.start, i.profile_name) for i in layout))] += n
    return +counts


@given(clusters())
@settings(max_examples=40)
def test_a_fitted_split_is_dealt_so_that_every_gpu_gets_its_sharing(
    case: tuple[NodeTable, PodTable],
) -> None:
    nodes, pods = case
    (cut,) = cuts(Modes(("mig-static",), "fitted"), nodes, pods)
    assert [len(each) for each in cut.sharing] == nodes.gpu_count.tolist()
    for product in (A100, A30):
        rows = [row for row, model in enumerate(nodes.gpu_model) if model == product.name]
        n_gpus = sum(int(nodes.gpu_count[row]) for row in rows)
        wanted = counted(fit_split(product, n_gpus, histogram(pods, product)))
        dealt = Counter(each for row in rows for each in cut.sharing[row])
        assert dealt == wanted
    Cluster(cut.nodes(nodes_from(nodes))).check()
    assert cuts(Modes(("mig-static",), "fitted"), nodes, pods) == (cut,)


def test_whole_gpus_are_kept_where_there_are_most_of_them() -> None:
    # 4 whole GPUs, 5 GPUs cut alike: the node of 4 stays whole.
    pods = pods_of(
        gpu_count=[4, *[1] * 5], gpu_milli=[1000] * 6, mig_profile=["", *["7g.80gb"] * 5]
    )
    (cut,) = cuts(Modes(("mig-static",), "fitted"), a100s(2, 1, 4, 2), pods)
    largest = Mig(((0, "7g.80gb"),))
    assert cut.sharing == ((largest,) * 2, (largest,), (Exclusive(),) * 4, (largest,) * 2)


def test_layouts_are_dealt_out_evenly() -> None:
    # Half of the GPUs are to be one instance, half of them seven.
    profiles = ["7g.80gb"] * 2 + ["1g.10gb"] * 14
    pods = pods_of(gpu_count=[1] * 16, gpu_milli=[1] * 16, mig_profile=profiles)
    (cut,) = cuts(Modes(("mig-static",), "fitted"), a100s(2, 2, 2, 2), pods)
    halves = {Mig(((0, "7g.80gb"),)), Mig(tuple((start, "1g.10gb") for start in range(7)))}
    assert [set(each) for each in cut.sharing] == [halves] * 4
