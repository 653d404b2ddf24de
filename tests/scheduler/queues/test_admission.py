from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError, InvalidRequest
from bayplan.scheduler.queues import (
    GPU,
    ROOT,
    Queue,
    QueueTree,
    Rule,
    Usage,
    Verdict,
    admits,
    room,
)

from .support import (
    admitted,
    inside_of,
    limit_of,
    own_amounts,
    reserve_of,
    rest_of,
    trees,
    used_of,
)

Case = tuple[QueueTree, dict[str, int], str, int, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A tree, what is used (over limits too), a queue that asks, how much, and the capacity."""
    tree = draw(trees())
    own = draw(own_amounts(tree, draw(st.sampled_from((0, 2, 6)))))
    return (
        tree,
        own,
        draw(st.sampled_from(tree.names)),
        draw(st.integers(1, 8)),
        draw(st.integers(0, 50)),
    )


def usage_of(tree: QueueTree, own: dict[str, int]) -> Usage:
    return Usage(tree, {name: {GPU: amount} for name, amount in own.items()})


def ask(case: Case) -> Verdict:
    tree, own, queue, amount, capacity = case
    return admits(tree, usage_of(tree, own), {GPU: amount}, queue, {GPU: capacity})


@pytest.mark.promise("queues never over limit")
@given(cases())
def test_it_admits_what_stays_within_each_limit_that_feels_it(case: Case) -> None:
    assert ask(case).admitted is admitted(*case)


@given(cases())
def test_what_it_borrows_is_what_is_beyond_the_rest_of_its_guarantee(case: Case) -> None:
    tree, own, queue, amount, _ = case
    beyond = min(amount, max(0, own[queue] + amount - rest_of(tree, queue)))
    is_guaranteed = GPU in tree.guaranteed
    assert ask(case).borrowed == (((GPU, beyond),) if beyond and is_guaranteed else ())
    assert ask(case).borrows is bool(beyond and is_guaranteed)


@given(cases())
def test_a_refusal_names_the_first_limit_and_its_numbers(case: Case) -> None:
    tree, own, queue, amount, capacity = case
    verdict = ask(case)
    assume(not verdict.admitted)
    limit = limit_of(tree, verdict.queue, capacity)
    assert (verdict.resource, verdict.bound, verdict.asked) == (GPU, limit, amount)
    used, inside = used_of(tree, own, verdict.queue), inside_of(tree, own, verdict.queue)
    if verdict.rule is Rule.LENDING:
        assert used + amount <= verdict.bound < inside + amount
        assert verdict.used == inside
        kept = {n: reserve_of(tree, n) - inside_of(tree, own, n) for n in tree.queues}
        assert kept[verdict.keeper] > 0
        assert verdict.queue in tree.path(verdict.keeper)
        assert verdict.keeper not in tree.path(queue)
    else:
        assert verdict.rule is (Rule.LIMIT if verdict.queue else Rule.CAPACITY)
        assert (verdict.used, verdict.keeper) == (used, "")
    assert 0 <= verdict.available < amount
    assert str(verdict.available) in verdict.why


@pytest.mark.promise("queues never over limit")
@given(cases())
def test_room_is_the_most_that_is_admitted(case: Case) -> None:
    tree, own, queue, _, capacity = case
    usage = usage_of(tree, own)
    left = room(tree, usage, GPU, queue, {GPU: capacity})
    assert left is not None
    slack = left == 0 or admitted(tree, own, queue, left, capacity)
    assert slack
    assert not admitted(tree, own, queue, left + 1, capacity)
    assert ask((tree, own, queue, left + 1, capacity)).available >= left


@given(cases())
def test_asking_changes_nothing(case: Case) -> None:
    tree, own, queue, amount, capacity = case
    usage = usage_of(tree, own)
    before = {name: usage.used(name, GPU) for name in tree.names}
    first = admits(tree, usage, {GPU: amount}, queue, {GPU: capacity})
    assert admits(tree, usage, {GPU: amount}, queue, {GPU: capacity}) == first
    assert {name: usage.used(name, GPU) for name in tree.names} == before


# --- by hand -----------------------------------------------------------------------------------

TREE = QueueTree(
    [
        Queue("p", guaranteed={"gpu": 6}, limit={"gpu": 8}),
        Queue("a", "p", {"gpu": 4}, {"gpu": 7}, lending_limit={"gpu": 1}),
        Queue("b", "p", {"gpu": 2}),
        Queue("c", guaranteed={"gpu": 2}, limit={"cpu": 5}),
    ]
)


def test_a_limit_is_named() -> None:
    usage = Usage(TREE, {"a": {"gpu": 5}})
    verdict = admits(TREE, usage, {"gpu": 3}, "a", {"gpu": 20})
    assert verdict == Verdict(False, Rule.LIMIT, "a", "gpu", 7, 5, 3, 2, borrowed=(("gpu", 3),))
    assert verdict.why == "queue a: 3 gpu asked for, 2 left: 5 of its limit of 7 are in use"


def test_a_group_s_limit_is_named_and_what_its_queues_keep() -> None:
    verdict = admits(TREE, Usage(TREE), {"gpu": 6}, "b", {"gpu": 20})
    assert verdict == Verdict(
        False, Rule.LENDING, "p", "gpu", 8, 3, 6, 5, keeper="a", borrowed=(("gpu", 4),)
    )
    assert verdict.why == (
        "queue p: 6 gpu asked for, 5 left: 3 of its limit of 8 are in use"
        " or kept by queue a, which does not lend it"
    )
    assert admits(TREE, Usage(TREE), {"gpu": 5}, "b", {"gpu": 20}).admitted


def test_who_asks_does_not_keep_it_from_itself() -> None:
    tree = QueueTree([*TREE.queues.values(), Queue("d", "", {"gpu": 5}, {}, 1.0, {"gpu": 0})])
    verdict = admits(tree, Usage(tree), {"gpu": 6}, "d", {"gpu": 8})
    assert (verdict.rule, verdict.keeper, verdict.available) == (Rule.LENDING, "a", 5)


def test_the_cluster_is_named_and_that_reclaim_helps() -> None:
    usage = Usage(TREE, {"b": {"gpu": 5}, "c": {"gpu": 0}})
    verdict = admits(TREE, usage, {"gpu": 2}, "c", {"gpu": 8})
    assert verdict == Verdict(
        False, Rule.LENDING, "", "gpu", 8, 8, 2, 0, keeper="a", may_reclaim=True
    )
    usage.add("a", {"gpu": 3})
    verdict = admits(TREE, usage, {"gpu": 2}, "c", {"gpu": 8})
    assert verdict.why == (
        "the cluster: 2 gpu asked for, 0 left: 8 of its capacity of 8 are in use;"
        " within the guarantee, so it may reclaim"
    )
    assert verdict.rule is Rule.CAPACITY


def test_nobody_may_reclaim_when_another_limit_would_still_say_no() -> None:
    usage = Usage(TREE, {"b": {"gpu": 8}})
    full = {"gpu": 8}
    assert admits(TREE, usage, {"gpu": 2, "cpu": 5}, "c", full).may_reclaim
    verdict = admits(TREE, usage, {"gpu": 2, "cpu": 6}, "c", full)
    assert (verdict.rule, verdict.resource, verdict.may_reclaim) == (Rule.LIMIT, "cpu", False)
    assert not admits(TREE, usage, {"gpu": 3}, "c", full).may_reclaim


def test_what_capacity_does_not_name_does_not_bind() -> None:
    assert admits(TREE, Usage(TREE), {"nic": 7, "gpu": 1}, "c", {"gpu": 8}).admitted
    assert room(TREE, Usage(TREE), "nic", "c", {}) is None
    assert admits(TREE, Usage(TREE), {}, "c", {}).admitted
    assert admits(TREE, Usage(TREE), {"gpu": 0}, "c", {"gpu": 0}).admitted


def test_a_queue_that_does_not_exist_admits_nothing() -> None:
    verdict = admits(TREE, Usage(TREE), {"gpu": 1}, "x", {"gpu": 8})
    assert (verdict.admitted, verdict.rule, verdict.why) == (
        False, Rule.UNKNOWN, "there is no queue x",
    )  # fmt: skip
    with pytest.raises(InputError, match="there is no queue x"):
        room(TREE, Usage(TREE), "gpu", "x", {})


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="queue a: -1 gpu is negative"):
        admits(TREE, Usage(TREE), {"gpu": -1}, "a", {})


def test_pods_without_a_queue_borrow_all_that_they_use() -> None:
    verdict = admits(TREE, Usage(TREE), {"gpu": 2}, ROOT, {"gpu": 8})
    assert (verdict.admitted, verdict.borrowed) == (True, (("gpu", 2),))
    assert not admits(TREE, Usage(TREE), {"gpu": 6}, ROOT, {"gpu": 8}).admitted, "a keeps 3"
