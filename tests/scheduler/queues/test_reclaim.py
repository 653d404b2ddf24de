from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.queues import GPU, ROOT, Queue, QueueTree, Usage, admits, reclaimable

from .support import (
    children_of,
    guarantee_of,
    inside_of,
    own_amounts,
    reserve_of,
    rest_of,
    trees,
    used_of,
)


@st.composite
def used_trees(draw: st.DrawFn) -> tuple[QueueTree, dict[str, int]]:
    tree = draw(trees())
    return tree, draw(own_amounts(tree, draw(st.sampled_from((2, 6, 9)))))


def usage_of(tree: QueueTree, own: dict[str, int]) -> Usage:
    return Usage(tree, {name: {GPU: amount} for name, amount in own.items()})


def excess_of(tree: QueueTree, own: dict[str, int], name: str) -> int:
    return max(0, inside_of(tree, own, name) - guarantee_of(tree, name))


@given(used_trees())
def test_outsiders_take_each_top_level_excess_and_no_more(
    case: tuple[QueueTree, dict[str, int]],
) -> None:
    tree, own = case
    found = reclaimable(tree, usage_of(tree, own))
    if GPU not in tree.guaranteed:
        assert found == {}
        return
    assert list(found) == sorted(found)
    assert all(0 < amount <= own[name] for name, amount in found.items())
    assert found.get(ROOT, 0) == own[ROOT]
    for name in children_of(tree, ROOT):
        assert used_of(tree, found, name) == excess_of(tree, own, name)
    for name in tree.queues:
        assert used_of(tree, found, name) <= excess_of(tree, own, name)


@given(used_trees())
def test_after_all_is_taken_nobody_has_less_than_its_guarantee(
    case: tuple[QueueTree, dict[str, int]],
) -> None:
    tree, own = case
    found = reclaimable(tree, usage_of(tree, own))
    left = {name: own[name] - found.get(name, 0) for name in tree.names}
    for name in tree.queues:
        whole = min(inside_of(tree, own, name), guarantee_of(tree, name))
        assert inside_of(tree, left, name) >= whole
        assert left[name] >= min(own[name], rest_of(tree, name))
    if GPU in tree.guaranteed:
        assert reclaimable(tree, usage_of(tree, left)) == {}


@given(used_trees(), st.data())
def test_who_asks_takes_only_from_those_beyond_theirs(
    case: tuple[QueueTree, dict[str, int]], data: st.DataObject
) -> None:
    tree, own = case
    by = data.draw(st.sampled_from(tree.names))
    amount = data.draw(st.integers(0, 4))
    found = reclaimable(tree, usage_of(tree, own), by=by, amount=amount)
    after = {**own, by: own[by] + amount}
    expected_from: set[str] = set()
    if after[by] <= rest_of(tree, by) and GPU in tree.guaranteed:
        path = tree.path(by)
        for name, above in zip(path, (*path[1:], None), strict=True):
            beside = [c for c in children_of(tree, name) if c not in path]
            expected_from |= {c for c in beside if excess_of(tree, own, c)}
            if name != by and own[name] > rest_of(tree, name):
                expected_from.add(name)
            if above is None or excess_of(tree, after, name):
                break
    top = {n for n in expected_from if own[n] > rest_of(tree, n) or children_of(tree, n)}
    assert top == expected_from
    assert by not in found
    for name in found:
        assert set(tree.path(name)) & expected_from
    for name in expected_from:
        taken = used_of(tree, found, name)
        if name in tree.path(by):  # a group on the way: only its own pods'
            assert found[name] == own[name] - rest_of(tree, name)
        else:
            assert taken == excess_of(tree, own, name)


@given(used_trees(), st.data())
def test_a_guarantee_is_reached_by_taking_back(
    case: tuple[QueueTree, dict[str, int]], data: st.DataObject
) -> None:
    """Whatever is taken first, and however little at a time."""
    tree, own = case
    capacity = {GPU: guarantee_of(tree, ROOT) + data.draw(st.integers(0, 3))}
    queue = data.draw(st.sampled_from(tree.names))
    own[queue] = min(own[queue], max(0, rest_of(tree, queue) - 1))
    amount = rest_of(tree, queue) - own[queue]
    usage = usage_of(tree, own)
    verdict = admits(tree, usage, {GPU: amount}, queue, capacity)
    while not verdict.admitted:
        assert verdict.may_reclaim
        found = reclaimable(tree, usage, by=queue, amount=amount, within=verdict.queue)
        assert found, "refused, within the guarantee, and nothing to take back"
        victim = data.draw(st.sampled_from(sorted(found)))
        usage.remove(victim, {GPU: data.draw(st.integers(1, found[victim]))})
        assert usage.own(victim, GPU) >= rest_of(tree, victim)
        verdict = admits(tree, usage, {GPU: amount}, queue, capacity)
    assert not verdict.borrows


# --- by hand -----------------------------------------------------------------------------------

QUEUES = [
    Queue("p", guaranteed={"gpu": 6}),
    Queue("a", "p", {"gpu": 3}),
    Queue("b", "p", {"gpu": 3}),
    Queue("q", guaranteed={"gpu": 6}),
]
TREE = QueueTree(QUEUES)


def test_a_queue_beyond_its_guarantee_in_a_group_within_its_own_is_safe_from_outsiders() -> None:
    usage = Usage(TREE, {"a": {"gpu": 5}, "q": {"gpu": 6}})
    assert reclaimable(TREE, usage) == {}
    assert reclaimable(TREE, usage, by="q") == {}
    assert reclaimable(TREE, usage, by="b", amount=1) == {"a": 2}
    assert reclaimable(TREE, usage, by="a") == {}, "it is beyond its own"


def test_a_queue_within_its_guarantee_is_safe_whatever_its_group_does() -> None:
    usage = Usage(TREE, {"a": {"gpu": 9}, "b": {"gpu": 3}})
    assert reclaimable(TREE, usage, by="q", amount=6) == {"a": 6}


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(1.0, {"b": 4}), (2.0, {"a": 1, "b": 3}), (9.0, {"a": 2, "b": 2}), (0.0, {"b": 4})],
)
def test_a_group_s_excess_is_taken_so_that_what_stays_is_shared_by_weight(
    weight: float, expected: dict[str, int]
) -> None:
    b = Queue("b", "p", weight=weight)
    tree = QueueTree([b if queue.name == "b" else queue for queue in QUEUES])
    usage = Usage(tree, {"a": {"gpu": 5}, "b": {"gpu": 5}})
    # Together 4 beyond 6; beyond theirs a has 2 and b 5, of which 3 may stay.
    assert reclaimable(tree, usage) == expected


def test_pods_of_no_queue_have_nothing_guaranteed() -> None:
    usage = Usage(TREE, {"": {"gpu": 2}, "gone": {"gpu": 3}, "a": {"gpu": 1}})
    assert reclaimable(TREE, usage, by="q", amount=6) == {"": 2, "gone": 3}
    assert reclaimable(TREE, usage, by="q", amount=7) == {}
    assert reclaimable(TREE, usage, by="b", within="p") == {}


def test_models_have_guarantees_of_their_own() -> None:
    tree = QueueTree(
        [Queue("a", guaranteed={"gpu:A": 4}), Queue("b", guaranteed={"gpu:B": 4})],
    )
    usage = Usage(tree, {"b": {"gpu": 4, "gpu:A": 3, "gpu:B": 1}})
    assert reclaimable(tree, usage) == {}
    assert reclaimable(tree, usage, "gpu:A", by="a", amount=4) == {"b": 3}
    assert reclaimable(tree, usage, "cpu") == {}


def test_what_is_kept_inside_a_group_counts_as_its_use() -> None:
    tree = QueueTree([replace(QUEUES[1], lending_limit={"gpu": 0}), *QUEUES[2:], QUEUES[0]])
    usage = Usage(tree, {"b": {"gpu": 5}})
    assert reserve_of(tree, "a") == 3
    assert reclaimable(tree, usage) == {"b": 2}


def test_who_asks_must_be_a_queue() -> None:
    with pytest.raises(Exception, match="there is no queue x"):
        reclaimable(TREE, Usage(TREE), by="x")
