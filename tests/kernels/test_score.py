from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import score
from bayplan.kernels._types import IntArray
from strategies import Cluster, call

UNTOUCHED = 7.5
SCALES = st.sampled_from([(128_000.0, 8_000.0), (96_000.0, 3_000.0), (1.0, 1.0)])


@st.composite
def fits(draw: st.DrawFn) -> tuple[Cluster, naive.Request, list[int]]:
    """A cluster, a request and rows where it fits."""
    if draw(st.booleans()):
        cluster, request = draw(strategies.gpu_questions(fits=True))
    else:
        cluster = draw(strategies.clusters())
        request = draw(strategies.requests(cluster, modest=True))
    rows = draw(strategies.subsets(len(cluster.nodes)))
    return cluster, request, naive.refit(cluster.nodes, rows, request)[1]


def hexes(values: list[float]) -> list[str]:
    """Floats so that equal means equal to the last bit."""
    return [value.hex() for value in values]


def wanted_of(cluster: Cluster, request: naive.Request, rows: list[int]) -> IntArray:
    """What the kernel says that the request takes of the rows."""
    out = np.full(len(rows), -1)
    arguments = (
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
    )
    call(score.wanted_milli, *arguments, rows=strategies.ints(rows), out=out)
    return out


def check(
    kernel: Callable[..., None],
    case: tuple[Cluster, naive.Request, list[int]],
    expected: Callable[[naive.Node], float],
    **more: object,
) -> None:
    """Compare the scores of the rows; the others are untouched."""
    cluster, request, rows = case
    out = np.full(len(cluster.nodes), UNTOUCHED)
    call(
        kernel,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        more,
        rows=strategies.ints(rows),
        out=out,
    )
    wanted = [expected(n) if i in rows else UNTOUCHED for i, n in enumerate(cluster.nodes)]
    assert hexes(out.tolist()) == hexes(wanted)


@given(fits(), SCALES)
def test_best_fit_scores_what_stays_free(
    case: tuple[Cluster, naive.Request, list[int]], scales: tuple[float, float]
) -> None:
    def expected(node: naive.Node) -> float:
        return naive.score_best_fit(node, case[1], *scales)

    more = {"cpu_scale": scales[0], "gpu_scale": scales[1], "mixed": wanted_of(*case)}
    check(score.score_best_fit, case, expected, **more)


@given(fits(), SCALES)
def test_dot_product_scores_the_likeness_of_free_and_asked(
    case: tuple[Cluster, naive.Request, list[int]], scales: tuple[float, float]
) -> None:
    def expected(node: naive.Node) -> float:
        return naive.score_dot_product(node, case[1], *scales)

    more = {"cpu_scale": scales[0], "gpu_scale": scales[1], "mixed": wanted_of(*case)}
    check(score.score_dot_product, case, expected, **more)


@given(fits(), st.sampled_from([-1, 0, 1, 2, 8]), st.sampled_from([8_000, 3_000, 1]))
def test_clustering_scores_the_company_of_a_gpu_class(
    case: tuple[Cluster, naive.Request, list[int]], gpu_class: int, gpu_scale: int
) -> None:
    def expected(node: naive.Node) -> float:
        return naive.score_gpu_clustering(node, gpu_class, gpu_scale)

    check(score.score_gpu_clustering, case, expected, gpu_class=gpu_class, gpu_scale=gpu_scale)


@given(fits())
def test_packing_scores_what_would_be_opened(
    case: tuple[Cluster, naive.Request, list[int]],
) -> None:
    check(score.score_gpu_packing, case, lambda node: naive.score_gpu_packing(node, case[1]))


@given(fits())
def test_what_is_wanted_is_what_best_fit_would_take(
    case: tuple[Cluster, naive.Request, list[int]],
) -> None:
    cluster, request, rows = case
    asked = request.count, request.needs
    expected = [naive.wanted_milli(cluster.nodes[row].slots, *asked) for row in rows]
    assert wanted_of(*case).tolist() == expected


def test_what_is_wanted_of_slots_of_several_kinds_is_added_up() -> None:
    mig = naive.Kind(1, plain=False, units=4, profiles=strategies.PROFILES)
    node = naive.Node(slots=(naive.Slot(250, 0, mig), naive.Slot(600)))
    request = naive.Request(count=2, needs=(naive.Need(milli=300), naive.Need(milli=250, thing=0)))
    cluster = strategies.cluster_of(node)
    assert node.kind is None

    def expected(_: naive.Node) -> float:
        return 100 * (1 - 0.5 * (850 - 550) / 1_000)

    case = (cluster, request, [0])
    more = {"cpu_scale": 1.0, "gpu_scale": 1_000.0, "mixed": wanted_of(*case)}
    check(score.score_best_fit, case, expected, **more)


@pytest.mark.parametrize(
    ("free", "count", "milli", "expected"),
    [
        ((1_000,) * 16, 1, 1_000, 17.0),  # idle: 33 - GPUs …
        ((1_000,) * 20, 1, 1_000, 20.0),  # … but no less than GPUs
        ((0,) + (1_000,) * 8, 8, 1_000, 42.0),  # in use: 50 - GPUs opened …
        ((0,) + (1_000,) * 20, 20, 1_000, 33.0),  # … but no less than 33
        ((810,) * 2, 2, 500, 84.0),  # nothing opened: 100 - percent free / 10 …
        ((810,) * 8, 8, 500, 50.0),  # … but no less than 50
    ],
)
def test_packing_keeps_its_three_ranges_apart(
    free: tuple[int, ...], count: int, milli: int, expected: float
) -> None:
    node = naive.Node(slots=tuple(naive.Slot(n) for n in free))
    request = naive.Request(count=count, needs=(naive.Need(milli=milli),))
    assert naive.score_gpu_packing(node, request) == expected
    case = strategies.cluster_of(node), request, [0]
    check(score.score_gpu_packing, case, lambda _: expected)


def test_packing_counts_the_gpus_of_an_idle_node_and_not_their_slots() -> None:
    instance = naive.Kind(plain=False, capacity=125)
    node = naive.Node(slots=(naive.Slot(125, 0, instance),) * 14, gpu_count=2)
    request = naive.Request(count=1, needs=(naive.Need(milli=125),))
    check(score.score_gpu_packing, (strategies.cluster_of(node), request, [0]), lambda _: 31.0)
