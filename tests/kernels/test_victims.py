"""The bounded search for victims against every subset of small nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_victims as naive
from bayplan.kernels import victims
from bayplan.scheduler.preemption.policies import preemption_policy
from bayplan.scheduler.preemption.question import Question
from victim_scenes import NOW_S, Scene, crowded, scenes

PODS = victims.PODS
EXHAUSTIVE = 1 << 20


def questions(scene: Scene) -> list[tuple[Any, ...]]:
    """The kernel's arguments between the effort and what is written, for each wish."""
    engine, request = scene.engine, scene.request
    policy = preemption_policy(scene.policy)
    question = Question(engine.cluster, request, NOW_S, scene.guards, policy)
    found = []
    for shape in engine.shapes(request):
        if not shape.refusal:
            needs = engine.columns.needs(engine.column_of(shape))
            found.append(question._arguments(engine.cluster, shape, needs, question.eligible))
    return found


def rows_of(scene: Scene) -> Any:
    return np.arange(scene.engine.cluster.view.n_rows)


def answers(kernel: Any, scene: Scene, arguments: tuple[Any, ...], effort: tuple[int, int]) -> Any:
    rows = rows_of(scene)
    values = np.zeros((rows.size, 4), np.int64)
    evict = np.zeros(arguments[11].size, np.bool_)
    kernel(rows, 0, *effort, *arguments, values, evict)
    return values, evict


@pytest.mark.promise("no removable victim", "victims suffice")
@given(st.one_of(crowded(), scenes()), st.integers(1, 3))
def test_an_exhaustive_search_finds_the_best_of_all_subsets(scene: Scene, orders: int) -> None:
    for arguments in questions(scene):
        values, evict = answers(victims.search_victims, scene, arguments, (EXHAUSTIVE, orders))
        wanted = np.zeros_like(values)
        answer: Any = (*arguments, wanted, np.zeros_like(evict))
        naive.search_victims(rows_of(scene), 0, 0, 0, *answer)
        assert values[:, PODS].tolist() == wanted[:, PODS].tolist()
        there = values[:, PODS] >= 0
        assert values[there].tolist() == wanted[there].tolist()


@pytest.mark.promise("no removable victim", "victims suffice")
@given(
    st.one_of(crowded(), scenes(max_pods=14, max_nodes=2)), st.integers(0, 40), st.integers(1, 3)
)
def test_a_short_search_finds_victims_where_there_are_any_and_none_that_may_stay(
    scene: Scene, steps: int, orders: int
) -> None:
    for arguments in questions(scene):
        values, evict = answers(victims.search_victims, scene, arguments, (steps, orders))
        best, _ = answers(victims.search_victims, scene, arguments, (EXHAUSTIVE, 1))
        limited = scene.policy == "fair-reclaim" or scene.guards.gang_min
        for mine, ideal in zip(values.tolist(), best.tolist(), strict=True):
            if mine[PODS] < 0:
                assert ideal[PODS] < 0 or limited
            else:
                assert mine >= ideal
        again = list(arguments)
        again[11] = evict
        fewer, _ = answers(victims.search_victims, scene, tuple(again), (EXHAUSTIVE, 1))
        assert (fewer[:, PODS] >= values[:, PODS]).all() or steps > 0


@given(scenes(max_nodes=6, max_pods=16), st.integers(1, 4), st.sampled_from([0, EXHAUSTIVE]))
def test_the_best_rows_are_found_where_others_are_given_up(
    scene: Scene, keep: int, steps: int
) -> None:
    rows = rows_of(scene)
    for arguments in questions(scene):
        ideal, _ = answers(victims.search_victims, scene, arguments, (steps, 1))
        values = np.zeros_like(ideal)
        answer: Any = (*arguments, values, np.zeros(arguments[11].size, np.bool_))
        victims.search_victims(rows, keep, steps, 1, *answer)
        there = [row for row in rows.tolist() if ideal[row, PODS] >= 0]
        for row in sorted(there, key=lambda row: (*ideal[row].tolist(), row))[:keep]:
            assert values[row].tolist() == ideal[row].tolist()


@pytest.mark.parametrize("orders", [1, 3])
def test_a_cluster_without_rows_is_searched(orders: int) -> None:
    nothing = np.zeros(0, np.int64)
    table = np.zeros((0, 8), np.int64)
    none, few = np.zeros(0, np.bool_), np.zeros((0, 4), np.int64)
    victims.search_victims(
        nothing, 0, 1, orders, 0, 0, 0, np.zeros((6, 0), np.int64), nothing, nothing,
        nothing, nothing, table, few, few, none, nothing, nothing,
        none, nothing, nothing, nothing, nothing, np.zeros(1, np.int64), few, nothing,
        nothing, nothing, few, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
        nothing, few, few, none,
    )  # fmt: skip
