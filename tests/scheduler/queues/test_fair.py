from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues import GPU, ROOT, Queue, QueueTree, fair_shares
from bayplan.scheduler.queues.fill import water_fill, whole_fill

from .support import (
    children_of,
    guarantee_of,
    level_fill,
    own_amounts,
    reserve_of,
    shares_of,
    trees,
)

NEAR = 1e-9

users = st.lists(
    st.tuples(st.sampled_from((0.0, 0.25, 1.0, 2.0, 1e-6, 1e6)), st.integers(0, 50)), max_size=8
)


@given(users, st.integers(0, 120))
def test_water_filling_is_that_of_the_level(users: list[tuple[float, int]], amount: int) -> None:
    weights, caps = [w for w, _ in users], [c for _, c in users]
    parts = water_fill(amount, weights, caps)
    assert parts == pytest.approx(level_fill(amount, weights, caps), abs=1e-6)
    assert sum(parts) == pytest.approx(min(amount, sum(caps)), rel=NEAR)


@given(users, st.integers(0, 120))
def test_whole_parts_add_up_and_are_near(users: list[tuple[float, int]], amount: int) -> None:
    weights, caps = [w for w, _ in users], [c for _, c in users]
    parts = whole_fill(amount, weights, caps)
    assert sum(parts) == min(amount, sum(caps))
    for part, exact, cap in zip(parts, water_fill(amount, weights, caps), caps, strict=True):
        assert 0 <= part <= cap
        assert abs(part - exact) < 1 + 1e-6


def test_the_largest_fraction_is_rounded_up_first() -> None:
    assert whole_fill(3, [3.0, 1.0], [9, 9]) == [2, 1]
    assert whole_fill(3, [1.0, 1.0], [9, 9]) == [2, 1]


def test_whole_parts_add_up_at_the_largest_amounts() -> None:
    caps = [10**12 + 1, 10**12 - 1, 10**12, 7]
    for amount in (10**12, 2 * 10**12 + 5, 3 * 10**12 + 7):
        assert sum(whole_fill(amount, [1.0, 3.0, 0.0, 1e6], caps)) == amount


@st.composite
def cases(draw: st.DrawFn) -> tuple[QueueTree, dict[str, int], int]:
    tree = draw(trees())
    return tree, draw(own_amounts(tree)), draw(st.integers(0, 40))


@given(cases())
def test_fair_shares_are_those_of_the_definition(
    case: tuple[QueueTree, dict[str, int], int],
) -> None:
    tree, demand, capacity = case
    shares = fair_shares(tree, demand, capacity)
    assert shares == pytest.approx(shares_of(tree, demand, capacity), abs=1e-6)


@given(cases())
def test_shares_add_up_and_keep_guarantees_and_limits(
    case: tuple[QueueTree, dict[str, int], int],
) -> None:
    tree, demand, capacity = case
    shares = fair_shares(tree, demand, capacity)
    assert shares[ROOT] <= capacity + NEAR
    for name in tree.names:
        below = sum(shares[c] for c in children_of(tree, name))
        assert -NEAR <= shares[name] - below <= demand[name] + NEAR
    for name, queue in tree.queues.items():
        assert shares[name] <= queue.limit.get(GPU, capacity) + NEAR
        if not children_of(tree, name) and capacity >= guarantee_of(tree, ROOT):
            assert shares[name] >= min(demand[name], guarantee_of(tree, name)) - NEAR


@given(cases())
def test_where_demand_suffices_all_is_shared_out(
    case: tuple[QueueTree, dict[str, int], int],
) -> None:
    tree, demand, capacity = case
    lending = QueueTree(
        replace(queue, limit={}, lending_limit={}) for queue in tree.queues.values()
    )
    shares = fair_shares(lending, demand, capacity)
    assert shares[ROOT] == pytest.approx(min(capacity, sum(demand.values())), rel=NEAR)
    enough = {name: amount + capacity for name, amount in demand.items()}
    if capacity:
        leaves = fair_shares(lending, enough, capacity)
        own = {n: leaves[n] - sum(leaves[c] for c in children_of(tree, n)) for n in tree.names}
        assert sum(amount / capacity for amount in own.values()) == pytest.approx(1.0, rel=NEAR)


@given(cases(), st.data())
def test_more_weight_is_never_a_smaller_share(
    case: tuple[QueueTree, dict[str, int], int], data: st.DataObject
) -> None:
    tree, demand, capacity = case
    name = data.draw(st.sampled_from(sorted(tree.queues)))
    raised = replace(tree.queues[name], weight=tree.queues[name].weight * 2 + 0.5)
    after = QueueTree(raised if q.name == name else q for q in tree.queues.values())
    before, then = fair_shares(tree, demand, capacity), fair_shares(after, demand, capacity)
    # What a group keeps idle is not in its share: what it is given is what must not shrink.
    assert then[name] >= before[name] - NEAR


@given(cases(), st.data())
def test_wanting_more_is_never_a_smaller_share(
    case: tuple[QueueTree, dict[str, int], int], data: st.DataObject
) -> None:
    tree, demand, capacity = case
    name = data.draw(st.sampled_from([n for n in tree.names if not children_of(tree, n)]))
    more = {**demand, name: demand[name] + data.draw(st.integers(1, 9))}
    before, then = fair_shares(tree, demand, capacity), fair_shares(tree, more, capacity)
    assert then[name] >= before[name] - NEAR


def test_an_idle_guarantee_goes_to_siblings_as_far_as_it_is_lent() -> None:
    queues = [Queue("a", guaranteed={"gpu": 4}), Queue("b", guaranteed={"gpu": 4})]
    demand = {"b": 8}
    assert fair_shares(QueueTree(queues), demand, 8) == {"": 8.0, "a": 0.0, "b": 8.0}
    queues[0] = replace(queues[0], lending_limit={"gpu": 1})
    kept = QueueTree(queues)
    assert reserve_of(kept, "a") == 3
    assert fair_shares(kept, demand, 8) == {"": 5.0, "a": 0.0, "b": 5.0}


def test_with_less_than_the_guarantees_they_are_what_is_shared_by() -> None:
    queues = [Queue("a", guaranteed={"gpu": 2}, weight=9.0), Queue("b", guaranteed={"gpu": 6})]
    assert fair_shares(QueueTree(queues), {"a": 9, "b": 9}, 4) == {"": 4.0, "a": 1.0, "b": 3.0}


def test_another_resource_has_guarantees_of_its_own() -> None:
    tree = QueueTree([Queue("a", guaranteed={"cpu": 6}), Queue("b", guaranteed={"gpu": 6})])
    assert fair_shares(tree, {"a": 9, "b": 9}, 8, "cpu") == {"": 8.0, "a": 7.0, "b": 1.0}
    assert fair_shares(tree, {"a": 9, "b": 9}, 8, "nic") == {"": 8.0, "a": 4.0, "b": 4.0}


def test_demand_must_be_of_a_queue_and_not_negative() -> None:
    tree = QueueTree([Queue("a")])
    with pytest.raises(InputError, match="there is no queue b"):
        fair_shares(tree, {"b": 1}, 1)
    with pytest.raises(InputError, match="queue a: a demand of -1"):
        fair_shares(tree, {"a": -1}, 1)
