"""Score columns: bounded, and brought up to date by what changed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.columns import Columns
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone, NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.needs import NEVER, Needs
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.shape import Shape, shapes_of
from bayplan.scheduler.types import DeviceRequest, Reason, Request, WholeGpus
from bayplan.scheduler.view import FloatArray, IntArray, View

from .support import bind, first_fit, instances, mig_node, node, share, whole

BYTES_A_COLUMN, BYTES_A_NODE = 1280, 9


class Counting(BestFit):
    """Best fit that remembers which rows it was asked to score."""

    __slots__ = ()
    asked: list[list[int]] = []  # noqa: RUF012

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        self.asked.append(rows.tolist())
        super().score(view, shape, needs, rows, out)


@pytest.fixture
def counting() -> Counting:
    Counting.asked.clear()
    return Counting()


def shapes(n: int) -> list[Shape]:
    return [shapes_of(whole("p", cpu_milli=i))[0] for i in range(n)]


def cluster_of(n: int) -> Cluster:
    return Cluster([node(f"n{i}") for i in range(n)])


def new_scores(cluster: Cluster, shape: Shape) -> FloatArray:
    return Columns(cluster, BestFit(), Places(), 1 << 20).scores(shape)


def test_only_rows_that_changed_are_scored_again(counting: Counting) -> None:
    cluster = cluster_of(4)
    columns = Columns(cluster, counting, Places(), 1 << 20)
    (shape,) = shapes(1)
    columns.scores(shape)
    columns.scores(shape)
    assert counting.asked == [[0, 1, 2, 3]]
    bind(Engine(cluster, BestFit()), whole("p"))
    cluster.apply(NodeChanged(node("n2", cpu_milli=5000)))
    cluster.apply(NodeChanged(node("n2", cpu_milli=6000)))
    np.testing.assert_array_equal(columns.scores(shape), new_scores(cluster, shape))
    columns.scores(shape)
    assert counting.asked == [[0, 1, 2, 3], [0, 2]]


def test_a_row_that_no_longer_fits_is_not_scored_and_says_why(counting: Counting) -> None:
    cluster = cluster_of(2)
    columns = Columns(cluster, counting, Places(), 1 << 20)
    (shape,) = shapes(1)
    columns.scores(shape)
    cluster.apply(NodeGone("n0"))
    cluster.apply(NodeChanged(node("n1", schedulable=False)))
    assert columns.scores(shape).tolist() == [-np.inf, -np.inf]
    assert columns.codes(shape).tolist() == [-1, Reason.CORDONED]
    assert counting.asked == [[0, 1]]


def test_the_column_used_longest_ago_is_dropped_first(counting: Counting) -> None:
    cluster = cluster_of(4)
    bound = 2 * (BYTES_A_COLUMN + 4 * BYTES_A_NODE)
    columns = Columns(cluster, counting, Places(), bound)
    first, second, third = shapes(3)
    columns.scores(first)
    columns.scores(second)
    columns.scores(first)
    columns.scores(third)
    assert [shape in columns for shape in (first, second, third)] == [True, False, True]
    assert (len(columns), columns.n_bytes) == (2, bound)
    columns.scores(second)
    assert [shape in columns for shape in (first, second, third)] == [False, True, True]
    assert len(counting.asked) == 4


def test_memory_is_bounded_whatever_is_asked() -> None:
    cluster = cluster_of(8)
    bound = 5 * (BYTES_A_COLUMN + 8 * BYTES_A_NODE)
    columns = Columns(cluster, BestFit(), Places(), bound)
    for shape in shapes(50):
        columns.scores(shape)
        assert columns.n_bytes <= bound
    assert len(columns) == 5


def test_what_a_column_is_said_to_take_is_what_it_takes() -> None:
    columns = Columns(cluster_of(8), BestFit(), Places(), 1 << 30)
    asked = shapes(500)
    columns.scores(asked[0])
    tracemalloc.start()
    for shape in asked[1:]:
        columns.scores(shape)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 * taken < 499 / 500 * columns.n_bytes < 2 * taken


def test_columns_are_dropped_with_the_shapes_that_lead_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bayplan.scheduler.shapes._MAX_SHAPES", 6)
    engine = Engine(cluster_of(2), BestFit())
    wish = DeviceRequest(WholeGpus(9), alternatives=(DeviceRequest(WholeGpus(1)),))
    for i in range(50):
        request = Request("p", i, devices=(wish,))
        assert (
            engine.scores(request).tolist()
            == new_scores(engine.cluster, shapes_of(request)[1]).tolist()
        )
        assert len(engine.columns) <= 6


def test_one_column_is_always_kept() -> None:
    columns = Columns(cluster_of(4), BestFit(), Places(), 0)
    for shape in shapes(3):
        columns.scores(shape)
        assert shape in columns
        assert len(columns) == 1


def test_a_dropped_column_comes_back_up_to_date() -> None:
    cluster = cluster_of(3)
    columns = Columns(cluster, BestFit(), Places(), 0)
    first, second = shapes(2)
    columns.scores(first)
    columns.scores(second)
    bind(first_fit(cluster), whole("p", 2))
    assert columns.scores(first).tolist() == new_scores(cluster, first).tolist()
    assert columns.scores(first)[0] == -np.inf


def test_columns_grow_with_the_cluster() -> None:
    cluster = cluster_of(2)
    columns = Columns(cluster, BestFit(), Places(), 1 << 20)
    first, second = shapes(2)
    for n in range(2, 40):
        columns.scores(first)
        cluster.apply(NodeUp(node(f"n{n}", n % 5)))
        assert columns.scores(first).size == n + 1
        np.testing.assert_array_equal(columns.scores(first), new_scores(cluster, first))
    np.testing.assert_array_equal(columns.scores(second), new_scores(cluster, second))


def test_a_column_of_a_smaller_cluster_stays_within_the_bound_after_growth() -> None:
    cluster = cluster_of(1)
    bound = 4 * (BYTES_A_COLUMN + BYTES_A_NODE)
    columns = Columns(cluster, BestFit(), Places(), bound)
    for shape in shapes(4):
        columns.scores(shape)
    assert len(columns) == 4
    for i in range(1, 200):
        cluster.apply(NodeUp(node(f"n{i}")))
    for shape in shapes(3):
        columns.scores(shape)
        assert columns.n_bytes <= bound
    assert len(columns) == 1


def test_who_comes_back_after_the_log_ran_over_scores_all_rows_again(counting: Counting) -> None:
    cluster = cluster_of(3)
    columns = Columns(cluster, counting, Places(), 1 << 20)
    (shape,) = shapes(1)
    columns.scores(shape)
    engine = Engine(cluster, BestFit())
    decision = engine.decide(share("p", 300), 0.0)
    cluster.apply(Bound(decision, 0.0))
    size = cluster.log.ring.size
    for i in range(size // 2):
        cluster.apply(NodeChanged(node("n2", cpu_milli=5000 + i % 2)))
        cluster.apply(NodeChanged(node("n1", cpu_milli=5000 + i % 2)))
    assert cluster.log.number - size > 3
    np.testing.assert_array_equal(columns.scores(shape), new_scores(cluster, shape))
    assert counting.asked == [[0, 1, 2], [0, 1, 2]]
    cluster.apply(Gone("p"))
    np.testing.assert_array_equal(columns.scores(shape), new_scores(cluster, shape))
    assert counting.asked[2:] == [[0]]


def test_as_many_changes_as_the_log_holds_are_still_followed_one_by_one(
    counting: Counting,
) -> None:
    cluster = cluster_of(3)
    columns = Columns(cluster, counting, Places(), 1 << 20)
    (shape,) = shapes(1)
    columns.scores(shape)
    for i in range(cluster.log.ring.size):
        cluster.apply(NodeChanged(node("n2", cpu_milli=5000 + i % 2)))
    np.testing.assert_array_equal(columns.scores(shape), new_scores(cluster, shape))
    assert counting.asked == [[0, 1, 2], [2]]


def test_a_log_that_grew_with_the_cluster_misses_nothing() -> None:
    cluster = Cluster()
    columns = Columns(cluster, BestFit(), Places(), 1 << 20)
    (shape,) = shapes(1)
    for i in range(300):
        cluster.apply(NodeUp(node(f"n{i}", i % 3)))
        if i % 7 == 0:
            np.testing.assert_array_equal(columns.scores(shape), new_scores(cluster, shape))
    assert cluster.log.ring.size > 1024


def test_a_column_sees_the_kinds_of_slots_that_came_after_it() -> None:
    cluster = cluster_of(3)  # the arrays have room for one more
    columns = Columns(cluster, BestFit(), Places(), 1 << 20)
    (shape,) = shapes_of(instances("p", "1g.10gb"))
    assert columns.codes(shape).tolist() == [Reason.PROFILE] * 3
    assert len(columns.needs(shape).by_kind) == 1
    cluster.apply(NodeUp(mig_node("m")))
    assert columns.codes(shape).tolist() == [Reason.PROFILE] * 3 + [Reason.FITS]
    np.testing.assert_array_equal(columns.scores(shape), new_scores(cluster, shape))
    assert [need.milli for need in columns.needs(shape).by_kind] == [NEVER, 125]


def test_a_row_given_to_another_node_is_scored_as_that_node() -> None:
    cluster = cluster_of(2)
    engine = Engine(cluster, BestFit())
    labelled = Request("p", node_labels=(("zone", "z"),))
    assert engine.scores(labelled).tolist() == [-np.inf, -np.inf]
    cluster.apply(NodeGone("n0"))
    cluster.apply(NodeUp(node("new", labels=(("zone", "z"),))))
    assert engine.feasible(labelled).tolist() == [True, False]
