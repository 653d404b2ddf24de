from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues import Queue, QueueTree, Share, Usage, dominant_shares, drf_shares
from bayplan.scheduler.queues.drf import drf_fill

from .support import children_of, progressive, trees

NEAR = 1e-9

amounts = st.integers(0, 12)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[list[int]], list[int], list[int], list[int]]:
    """Demands (n, r), weights in quarters, what is left and the total."""
    r = draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(amounts, min_size=r, max_size=r), min_size=1, max_size=6))
    weights = [draw(st.sampled_from((1, 2, 4, 4, 8, 12))) for _ in rows]
    total = draw(st.lists(st.integers(0, 30), min_size=r, max_size=r))
    return rows, weights, [draw(st.integers(0, n)) for n in total], total


@given(problems())
def test_filling_is_progressive_filling(
    problem: tuple[list[list[int]], list[int], list[int], list[int]],
) -> None:
    rows, weights, left, total = problem
    quarters = [Fraction(w, 4) for w in weights]
    slow = progressive(rows, quarters, [Fraction(n) for n in left], total)
    arrays = [np.array(part, np.float64) for part in (rows, quarters, left, total)]
    parts = drf_fill(*arrays)
    assert parts.tolist() == pytest.approx([float(part) for part in slow], abs=NEAR)
    assert (parts @ arrays[0] <= arrays[2] + NEAR).all()


@given(problems(), st.lists(st.booleans(), min_size=6, max_size=6))
def test_those_without_weight_get_what_the_others_leave(
    problem: tuple[list[list[int]], list[int], list[int], list[int]], weightless: list[bool]
) -> None:
    rows, weights, left, total = problem
    first = [
        Fraction(0) if none else Fraction(w) for w, none in zip(weights, weightless, strict=False)
    ]
    slow = progressive(rows, first, [Fraction(n) for n in left], total)
    rest = [
        Fraction(n) - sum((slow[i] * rows[i][r] for i in range(len(rows)) if first[i]), Fraction(0))
        for r, n in enumerate(left)
    ]
    last = progressive(rows, [Fraction(not w) for w in first], rest, total)
    expected = [a if w else b for w, a, b in zip(first, slow, last, strict=True)]
    parts = drf_fill(*(np.array(part, np.float64) for part in (rows, first, left, total)))
    assert parts.tolist() == pytest.approx([float(part) for part in expected], abs=NEAR)


@st.composite
def trees_and_demands(
    draw: st.DrawFn,
) -> tuple[QueueTree, dict[str, dict[str, int]], dict[str, int]]:
    tree = draw(trees(positive=True))
    vectors = st.fixed_dictionaries({"gpu": amounts, "cpu": amounts})
    demand = {name: draw(vectors) for name in tree.names}
    return tree, demand, {"gpu": draw(st.integers(0, 40)), "cpu": draw(st.integers(0, 40))}


@given(trees_and_demands())
def test_over_the_tree_each_group_is_filled_with_what_it_was_given(
    case: tuple[QueueTree, dict[str, dict[str, int]], dict[str, int]],
) -> None:
    tree, demand, capacity = case
    resources = ("cpu", "gpu")
    found: dict[str, float] = {}

    def asked(name: str) -> list[int]:
        rows = [[demand[name][r] for r in resources], *(asked(c) for c in children_of(tree, name))]
        return [sum(column) for column in zip(*rows, strict=True)]

    def deal(name: str, given: list[Fraction]) -> None:
        children = children_of(tree, name)
        rows = [[demand[name][r] for r in resources], *(asked(c) for c in children)]
        weights = [Fraction(1), *(Fraction(tree.queues[c].weight) for c in children)]
        parts = progressive(rows, weights, given, [capacity[r] for r in resources])
        found[name] = float(parts[0])
        for c, row, part in zip(children, rows[1:], parts[1:], strict=True):
            deal(c, [part * n for n in row])

    deal("", [Fraction(capacity[r]) for r in resources])
    parts = drf_shares(tree, demand, capacity)
    assert parts == pytest.approx(found, abs=1e-7)
    for resource in resources:
        taken = sum(parts[name] * demand[name][resource] for name in tree.names)
        assert taken <= capacity[resource] + 1e-7


def test_the_example_of_the_paper() -> None:
    # NSDI 2011, section 4.1: 9 CPUs and 18 GB; tasks of <1 CPU, 4 GB> and <3 CPUs, 1 GB>
    # get 3 and 2 tasks, a dominant share of 2/3 each.
    tree = QueueTree([Queue("a"), Queue("b")])
    demand = {"a": {"cpu": 100, "memory": 400}, "b": {"cpu": 300, "memory": 100}}
    parts = drf_shares(tree, demand, {"cpu": 9, "memory": 18})
    assert parts["a"] * 100 == pytest.approx(3)
    assert parts["b"] * 100 == pytest.approx(2)


def test_dominant_shares_of_what_is_used() -> None:
    tree = QueueTree([Queue("p"), Queue("a", "p"), Queue("b")])
    usage = Usage(tree, {"a": {"gpu": 2, "cpu": 3}, "b": {"cpu": 8}, "p": {"gpu": 2}})
    capacity = {"gpu": 8, "cpu": 16, "memory": 0}
    assert dominant_shares(tree, usage, capacity) == {
        "": Share(11 / 16, "cpu"),
        "p": Share(0.5, "gpu"),
        "a": Share(0.25, "gpu"),
        "b": Share(0.5, "cpu"),
    }
    assert dominant_shares(tree, usage, {})["a"] == Share(0.0, "")


def test_without_queues_the_cluster_s_own_pods_get_what_there_is() -> None:
    assert drf_shares(QueueTree(), {"": {"gpu": 8}}, {"gpu": 2}) == {"": 0.25}
    assert drf_shares(QueueTree(), {"": {"gpu": 1, "tpu": 9}}, {"gpu": 2}) == {"": 1.0}


def test_a_negative_demand_is_refused() -> None:
    with pytest.raises(InputError, match="queue a: a demand of -5 gpu"):
        drf_shares(QueueTree([Queue("a")]), {"a": {"gpu": -5}}, {"gpu": 8})
